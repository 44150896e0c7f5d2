// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/clock.h"
#include "daemon/loop/task.h"
#include "daemon/policy/origin.h"
#include "daemon/policy/settings.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace raxauth::policy {

/// Refused here, without asking Identity.
struct LimitRefusal {
    WallTime until; ///< when trying again makes sense
};

/// Keeps this host from locking an account at Identity, from flooding a phone with SMS and from
/// being used to guess passwords. Counts by account and origin, in sliding windows of wall time, on
/// disk before the attempt is made: neither a restart nor a crash gives an attacker more tries.
/// All on the loop's thread.
class Limiter {
  public:
    virtual ~Limiter() = default;

    /// An attempt that has been counted as failed already. Tell how it ended; dropping it without
    /// a word leaves it counted (the answer is not known).
    class Attempt {
      public:
        virtual ~Attempt() = default;
        /// Identity did not judge it: it is not counted.
        virtual void not_judged() = 0;
    };
    using Permission = std::variant<std::unique_ptr<Attempt>, LimitRefusal>;

    /// Before any first step. Refuses: wrong passwords from this origin, the password-only ban,
    /// no challenge left in the budget, no wrong passcode left (a challenge would be useless).
    virtual std::optional<LimitRefusal> refusal(std::string_view account, const Origin& origin) = 0;
    /// How long to hold the first step back, because the account as a whole sees too many wrong
    /// passwords; never for origins the account is known to sign in from.
    virtual std::chrono::milliseconds delay(std::string_view account, const Origin& origin) = 0;

    /// Takes one of the account's challenges (an SMS perhaps) before step 1 is sent. Waits while
    /// other first steps under way may still use up the budget. not_judged() when no challenge
    /// came.
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
    virtual void change(const LimitSettings& limits) = 0;
};

/// Opens `directory`/limiter.log (created 0600; a damaged line is skipped, the rest counts) and
/// keeps it. Where nothing can be written the limiter still counts in memory, and says so once.
/// Tables are bounded: when they are full, an account never seen before is refused.
std::unique_ptr<Limiter> make_limiter(const Clock& clock, const LimitSettings& limits,
                                      std::string directory);

} // namespace raxauth::policy
