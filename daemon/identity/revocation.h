// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/identity.h"
#include "daemon/identity/owned_token.h"
#include "daemon/loop/loop.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>

namespace raxauth::identity {

struct RevocationLimits {
    /// Tokens that wait for their turn; beyond that they are lost. Room for all sessions at once.
    std::size_t queue = 160'000;
    std::size_t at_once = 8; ///< so that logins keep most connections for themselves
    unsigned attempts = 5;   ///< per token
    std::chrono::milliseconds first_pause{1000}; ///< between attempts; doubled each time
};

/// How many tokens went which way since the start. `issued` counts texts, each once however many
/// owners it has; when nothing is held or waiting, issued = revoked + left + lost.
struct TokenCounts {
    std::uint64_t issued = 0;
    std::uint64_t revoked = 0; ///< confirmed by Identity, or unknown to it
    std::uint64_t left = 0;    ///< to expire by themselves: sessions.revoke_on_logout = false
    std::uint64_t lost = 0;    ///< given up: they live until they expire
};

/// Keeps count of who holds which token and revokes what its last owner has let go, in the
/// background, a bounded number of times.
///
/// Only a SHA-256 of a token is kept while somebody owns it.
class Revocations final : public TokenRevoker {
  public:
    /// `loop` outlives it.
    explicit Revocations(Loop& loop, RevocationLimits limits = {});
    Revocations(const Revocations&) = delete;
    Revocations& operator=(const Revocations&) = delete;
    /// What is not revoked yet is given up, and the journal says so.
    ~Revocations() override;

    /// The client that revokes from now on; it outlives this, or is replaced first (null: tokens
    /// wait). All that are ever named here are clients of one provider at one address: a token goes
    /// back to where it came from and to no other.
    void use(Identity* identity);

    void issued(const Secret& token) noexcept override;
    void abandoned(Secret token) noexcept override;
    void left_to_expire(Secret token) noexcept override;
    void reply_expected() noexcept override { ++expected_; }
    void reply_over() noexcept override;

    const TokenCounts& counts() const noexcept { return counts_; }
    std::size_t held() const noexcept { return holders_.size(); }
    /// Waiting for revocation, or under way.
    std::size_t pending() const noexcept { return waiting_.size() + running_.size(); }
    /// Every token that waits for revocation or is being revoked.
    void each_pending(const std::function<void(const Secret&)>& visit) const;
    /// Called when one more waits; must not come back here.
    void on_pending(std::function<void()> callback) { pending_more_ = std::move(callback); }
    /// For an orderly stop: over when no request is under way whose reply may bring a token, at the
    /// latest after `deadline`; then the journal tells how many such replies never came.
    Task<void> replies(std::chrono::milliseconds deadline);
    /// For an orderly stop: over when nothing is pending any more, at the latest after `deadline`.
    Task<void> drain(std::chrono::milliseconds deadline);

  private:
    using Digest = std::array<unsigned char, 32>;
    struct Running;

    static Digest digest_of(const Secret& token);
    /// One holder less; true when that was the last.
    bool let_go(const Secret& token);
    /// Has a token that waits for its next attempt been given out once more?
    bool owned_again(const Secret& token) const noexcept;
    void start_waiting();
    Task<void> revoke(std::list<Running>::iterator place);
    void end(std::list<Running>::iterator place);
    void note_lost(std::size_t tokens) noexcept;
    void note_revoked() noexcept;

    Loop& loop_;
    const RevocationLimits limits_;
    Identity* identity_ = nullptr;
    TokenCounts counts_;
    std::uint64_t lost_in_a_row_ = 0;
    std::map<Digest, unsigned> holders_;
    std::deque<Secret> waiting_;
    std::function<void()> pending_more_;
    std::size_t expected_ = 0;               ///< replies that may bring a token
    using Waits = std::list<OneShot<bool>*>; ///< in the frames of those who wait
    Task<void> wait(Waits& waits, std::chrono::milliseconds deadline);
    static void end_waits(Waits& waits);
    Waits drains_;
    Waits for_replies_;
    std::list<Running> running_;
    std::list<Running> ended_; ///< to be destroyed in the next turn, not inside their own task
    Deferred sweep_;
};

} // namespace raxauth::identity
