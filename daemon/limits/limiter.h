// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/limits/origin.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/task.h"
#include "daemon/settings/settings.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace raxauth::limits {

/// Refused here, without asking Identity.
struct LimitRefusal {
    WallTime until;                    ///< when trying again makes sense
    bool password_only_client = false; ///< because of ban_password_only_client()
};

/// Keeps this host from locking an account at Identity, from flooding a phone with SMS and from
/// being used to guess passwords. Counts by account and origin, in sliding windows of wall time, on
/// disk before the attempt is made: neither a restart nor a crash gives an attacker more tries.
/// All on the loop's thread.
class Limiter {
  public:
    virtual ~Limiter() = default;

    /// An attempt that has been counted as failed already. Tell how it ended; dropping it without
    /// a word leaves it counted (it failed, or the answer is not known). It may outlive the
    /// limiter. Telling and dropping may set waiting attempts going, through the Post below.
    class Attempt {
      public:
        virtual ~Attempt() = default;
        /// Identity did not judge it: it is not counted.
        virtual void not_judged() = 0;
        /// Identity accepted it: it is not counted either. For a passcode, before or after
        /// signed_in(), which spares attempts still under way.
        virtual void accepted() { not_judged(); }
    };
    using Permission = std::variant<std::unique_ptr<Attempt>, LimitRefusal>;

    /// Before any first step. Refuses: wrong passwords from this origin, the password-only ban,
    /// no challenge left in the budget, no wrong passcode left (a challenge would be useless).
    virtual std::optional<LimitRefusal> refusal(std::string_view account, const Origin& origin) = 0;
    /// How long to hold the first step back, because the account as a whole sees too many wrong
    /// passwords; never for origins the account is known to sign in from.
    virtual std::chrono::milliseconds delay(std::string_view account, const Origin& origin) = 0;

    /// Takes one of the account's challenges (an SMS perhaps) before step 1 is sent. Waits while
    /// other first steps under way may still use up the budget, or this origin's wrong passwords;
    /// refuses whatever refusal() refuses. not_judged() when no challenge came; password_failed()
    /// before that when the password was wrong.
    virtual Task<Permission> reserve_challenge(std::string account, Origin origin) = 0;
    /// Takes one of the account's wrong passcodes before step 2 is sent. Waits while others under
    /// way may still use up the budget, so that parallel guesses gain nothing.
    virtual Task<Permission> reserve_passcode(std::string account, Origin origin) = 0;

    virtual void password_failed(std::string_view account, const Origin& origin) = 0;
    /// The client gives the password to every prompt: no first step for a minute.
    virtual void ban_password_only_client(std::string_view account, const Origin& origin) = 0;
    /// A whole sign-in succeeded: wrong passcodes and this origin's wrong passwords are forgotten,
    /// and the origin is known for 30 days.
    virtual void signed_in(std::string_view account, const Origin& origin) = 0;

    /// For `raxauth status`.
    struct Counters {
        unsigned wrong_passcodes = 0;
        unsigned wrong_passwords = 0; ///< from every origin
        unsigned challenges = 0;
        std::optional<WallTime> refused_until;
    };
    virtual Counters counters(std::string_view account) = 0;
    virtual void change(const settings::LimitSettings& limits) = 0;
    /// Why the counts are in memory alone (the disk is full, say); nothing while all is well. The
    /// caller logs it when it changes.
    virtual std::optional<std::string> trouble() const { return std::nullopt; }
};

/// Runs a callback later, from the loop: Loop::post(). Waiting coroutines are resumed through it,
/// never from inside the call that made room for them.
using Post = std::function<void(std::function<void()>)>;

/// How the budgets are shared out, beside [limits] of the settings. Windows slide.
inline constexpr std::chrono::minutes kWrongPasscodeWindow{31}; // seen servers lock for 30
inline constexpr std::chrono::minutes kWrongPasswordWindow{30};
inline constexpr std::chrono::minutes kChallengeWindow{30};
inline constexpr std::chrono::minutes kPasswordOnlyBan{1};
inline constexpr std::chrono::hours kOriginKnownFor{30 * 24};
inline constexpr std::chrono::milliseconds kMaxDelay{3000};
/// What a full table says: try again in a while.
inline constexpr std::chrono::minutes kTableFullRefusal{1};

/// Opens `directory`/limiter.log (created 0600; a damaged line is skipped, the rest counts) and
/// keeps it. Where nothing can be written the limiter still counts in memory: see trouble().
/// Tables are bounded: when they are full, an account never seen before is refused.
/// `clock` outlives the limiter.
///
/// Wrong passcodes and challenges are hard bounds of an account, whoever calls. Once the account
/// has an origin it is known to sign in from, strangers get all but a reserve of them (one wrong
/// passcode, a third of the challenges), so that they cannot keep the person out.
std::unique_ptr<Limiter> make_limiter(const Clock& clock, const settings::LimitSettings& limits,
                                      std::string directory, Post post);

} // namespace raxauth::limits
