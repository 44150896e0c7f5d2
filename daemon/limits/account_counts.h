// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/limits/attempt_window.h"
#include "daemon/limits/limiter_record.h"
#include "daemon/limits/origin.h"
#include "daemon/loop/clock.h"
#include "daemon/settings/settings.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace raxauth::limits {

/// How the budgets are shared out, beside [limits] of the settings. Windows slide.
inline constexpr std::chrono::minutes kWrongPasscodeWindow{31}; // seen servers lock for 30
inline constexpr std::chrono::minutes kWrongPasswordWindow{30};
inline constexpr std::chrono::minutes kChallengeWindow{30};
inline constexpr std::chrono::minutes kUnansweredWindow{5};
inline constexpr std::chrono::minutes kPasswordOnlyBan{30};
inline constexpr std::chrono::hours kOriginKnownFor{30 * 24};
inline constexpr std::chrono::milliseconds kMaxDelay{3000};
/// An IPv6 /48 as a whole may send so many times the wrong passwords of one origin.
inline constexpr std::size_t kNetworkFactor = 4;
/// The account as a whole; more only delays.
inline constexpr std::size_t kAccountFactor = 10;
/// How long to wait when counts cannot be kept: the disk may be better by then.
inline constexpr std::chrono::minutes kNotKeptRefusal{1};

/// How many origins of an account have a row of their own.
inline constexpr std::size_t kMaxStrangerRows = 256;
inline constexpr std::size_t kMaxRows = kMaxStrangerRows + 64; ///< with known and local ones
inline constexpr std::size_t kMaxRowsOfNetwork = 8;            ///< of the /64s of one /48
inline constexpr std::size_t kMaxKnownOrigins = 32;
inline constexpr std::size_t kMaxOriginKeyBytes = 512;
inline constexpr std::size_t kMaxBansOfOrigin = 8; ///< services

/// What a client that knows only a password does with every other prompt.
enum class PasswordOnly { RepeatsIt, SaysNothing };
/// How the log says so.
inline LimiterRecord::Kind ban_kind(PasswordOnly client) {
    return client == PasswordOnly::RepeatsIt ? LimiterRecord::Kind::Ban
                                             : LimiterRecord::Kind::SilentBan;
}

/// Refused here, without asking Identity.
struct LimitRefusal {
    WallTime until;                                 ///< when trying again makes sense
    std::optional<PasswordOnly> ban = std::nullopt; ///< only because of that; see ban()
};

/// What is counted in advance: one wrong passcode, or one challenge (an SMS perhaps).
enum class Counted { Passcode, Challenge };

/// What a whole sign-in proved.
enum class SignInProof { WithPasscode, WithoutPasscode };

/// What decisions depend on beside the counts.
struct Terms {
    settings::LimitSettings limits;
    WallTime now{};
    /// False while the counts cannot be written to disk: a restart would forget them.
    bool kept = true;
    /// Until then, counts from before the start may be missing.
    WallTime lost_until{};
};

/// The counts of one account, and what they allow. Arithmetic alone: no clock, no disk, no waiting.
/// Call forget_expired() before anything else is asked.
///
/// Wrong passcodes and challenges are bounded for the account, over all origins. Once it has an
/// origin that it is known to sign in from, strangers get all but a reserve of them (one wrong
/// passcode, a third of the challenges). While counts are not kept, the strangers' share counts as
/// used up. Wrong passwords are bounded by origin, and of IPv6 by /48 too; as a whole they only
/// delay.
class AccountCounts {
  public:
    using Id = AttemptWindow::Id;

    void forget_expired(WallTime now);

    // What is allowed.
    struct GoAhead {};
    struct Wait {}; ///< for attempts under way, which may still use up the rest
    using Decision = std::variant<GoAhead, Wait, LimitRefusal>;
    Decision decide(Counted counted, const Origin& origin, std::string_view service,
                    const Terms& terms) const;
    std::optional<LimitRefusal> first_step_refusal(const Origin& origin, std::string_view service,
                                                   const Terms& terms) const;
    std::chrono::milliseconds delay(const Origin& origin, const Terms& terms) const;
    bool knows(const Origin& origin, WallTime now) const;
    /// When passcodes or challenges are used up for everybody.
    std::optional<WallTime> used_up_until(const Terms& terms) const;
    /// How many more challenges this origin may have, and from when on a further one.
    struct Left {
        std::size_t challenges = 0;
        WallTime next_at{};
    };
    Left left(const Origin& origin, const Terms& terms) const;

    // What happened.
    void begin(Counted counted, Id id, const Origin& origin, WallTime now);
    bool settle(Counted counted, Id id) { return window(counted).settle(id); }
    bool take_back(Counted counted, Id id) { return window(counted).take_back(id); }
    bool settle_unanswered(Id id) { return challenges_.settle_unanswered(id); }
    bool is_pending(Counted counted, Id id) const { return window(counted).is_pending(id); }
    void password_failed(const Origin& origin, const Terms& terms);
    /// The client that uses this service from this origin cannot be asked for a passcode.
    void ban(const Origin& origin, std::string_view service, PasswordOnly client, WallTime now);
    /// False when there was no ban.
    bool lift_ban(const Origin& origin, std::string_view service);
    /// Returns the challenge that was answered and counts no more, if any.
    std::optional<Id> signed_in(const Origin& origin, SignInProof proof, WallTime now);

    /// An administrator lets the person in again. Attempts under way still count, and places that
    /// are known stay known. Identity's own count is not ours to reset.
    void reset();

    std::size_t wrong_passwords() const;
    const AttemptWindow& of(Counted counted) const { return window(counted); }
    /// How much would be lost with these counts, to compare: what may go first when room is short.
    enum class Worth { Nothing, KnownOrigins, WrongPasswords, Challenges, Passcodes };
    Worth worth() const;

    /// All that counts, as it would be written to a new file.
    std::vector<LimiterRecord> records(const std::string& account) const;
    /// One of those, or one that was written since.
    void replay(const LimiterRecord& record, const Terms& terms);

  private:
    using Row = AttemptWindow::Row;
    struct Ban {
        std::string service;
        PasswordOnly client;
        WallTime at;
    };
    struct OriginRow {
        std::string key;
        std::string network; ///< of IPv6
        bool own_session = false;
        std::optional<WallTime> known_since;
        std::vector<Ban> bans;
        std::vector<WallTime> wrong_passwords; ///< oldest first

        bool is_stranger() const { return !own_session && !known_since; }
        bool is_empty() const { return !known_since && bans.empty() && wrong_passwords.empty(); }
    };
    /// How many attempts there may be: in all, and of strangers.
    struct Bounds {
        std::size_t all = 0;
        std::size_t strangers = 0;
    };

    AttemptWindow& window(Counted counted) {
        return counted == Counted::Passcode ? passcodes_ : challenges_;
    }
    const AttemptWindow& window(Counted counted) const {
        return counted == Counted::Passcode ? passcodes_ : challenges_;
    }
    const OriginRow* find_row(std::string_view key) const;
    /// Where wrong passwords of this origin are counted: its own row, or that of its network.
    const OriginRow* row_that_counts(const Origin& origin) const;
    Row make_row(const Origin& origin, bool always);
    Row free_row(bool always);
    bool may_give_way(const OriginRow& row, Row index) const;
    bool is_idle(Row row) const;
    std::size_t rows_of(std::string_view network) const;
    void add_wrong_password(OriginRow& row, WallTime at, const Terms& terms) const;
    void make_known(Row row, WallTime at);

    bool has_known_origin() const;
    bool is_lost(const Terms& terms) const;
    bool is_stranger(const Origin& origin, const Terms& terms) const;
    AttemptWindow::Share strangers_share(Counted counted) const;
    Bounds bounds(Counted counted, const Terms& terms) const;
    std::optional<WallTime> spent_until(Counted counted, bool stranger, const Terms& terms) const;
    std::optional<WallTime> passwords_spent_until(const Origin& origin, const Terms& terms) const;
    bool passwords_may_be_spent(const Origin& origin, const Terms& terms) const;

    AttemptWindow passcodes_{kWrongPasscodeWindow, kWrongPasscodeWindow};
    AttemptWindow challenges_{kChallengeWindow, kUnansweredWindow};
    /// The first is for origins that have no row of their own. Its key matches nothing.
    std::vector<OriginRow> rows_{OriginRow{}};
    std::optional<WallTime> passcode_proven_at_; ///< Identity forgot wrong passcodes then
};

} // namespace raxauth::limits
