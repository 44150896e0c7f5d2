// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/factor_management.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/task.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace raxauth::flows {

/// The state of an unfinished set-up of a second factor.
struct PendingEnrolment {
    std::string account; ///< user name at the provider
    WallTime begun{};
    /// Good for setting up MFA alone, owned here. Empty where a session's own token is used.
    identity::OwnedToken setup_token;
    Secret session_token; ///< a copy of the session's, for as long as the conversation lives
    std::string user_id;
    std::optional<identity::FactorKind> kind;
    std::string device; ///< id of the authenticator or phone that was added; empty: none yet
    Secret key_uri;
    Secret number;
    bool pin_sent = false;
    bool verified = false;

    const Secret& token() const noexcept {
        return setup_token.held() ? setup_token.text() : session_token;
    }
};

/// Set-ups that were begun at a login prompt and interrupted by a lost connection. The same user
/// can resume one within 15 minutes, from the same origin and with the same password; while
/// somebody works on it, nobody else can reach it. In memory only. All on the loop's thread.
class PendingEnrolments {
  public:
    static constexpr std::chrono::minutes kKeptFor{15};
    static constexpr std::size_t kMaxKept = 64;
    static constexpr std::size_t kMaxKeptOfAccount = 4;

    /// The provider, for undoing what was begun; null: it is not known now.
    using FactorsNow = std::function<identity::FactorManagement*()>;

    /// `loop` outlives it.
    PendingEnrolments(Loop& loop, FactorsNow factors_now)
        : loop_(loop), factors_now_(std::move(factors_now)) {}
    PendingEnrolments(const PendingEnrolments&) = delete;
    PendingEnrolments& operator=(const PendingEnrolments&) = delete;

    /// The set-up that was interrupted under `key`; it now belongs to the caller. Null: none.
    std::shared_ptr<PendingEnrolment> take(const std::string& key);
    /// Keeps it for kKeptFor, then undoes it; if too many are kept, undoes it at once. Undoes one
    /// that was kept under `key` before.
    void keep(const std::string& key, std::shared_ptr<PendingEnrolment> enrolment);
    /// Undoes it in the background: what was added is removed, the set-up token revoked.
    void abandon(std::shared_ptr<PendingEnrolment> enrolment);
    /// The same, awaited, by `factors`.
    Task<void> undo(std::shared_ptr<PendingEnrolment> enrolment,
                    identity::FactorManagement* factors);
    /// An orderly stop: all tokens are released, and none is kept any more.
    void close();

    std::size_t size() const noexcept { return kept_.size(); }

  private:
    struct Kept {
        std::shared_ptr<PendingEnrolment> enrolment;
        Timer expiry;
    };
    Task<void> undo_in_background(std::shared_ptr<PendingEnrolment> enrolment, std::uint64_t id);
    bool has_room_for(const std::string& account) const;

    Loop& loop_;
    FactorsNow factors_now_;
    bool closed_ = false;
    std::map<std::string, Kept> kept_;
    std::uint64_t last_job_ = 0;
    std::map<std::uint64_t, Job> jobs_;
};

} // namespace raxauth::flows
