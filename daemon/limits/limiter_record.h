// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/clock.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace raxauth::limits {

/// One line of limiter.log: one event of one account.
struct LimiterRecord {
    enum class Kind {
        Rewritten,       ///< first line of every file; belongs to no account
        Lost,            ///< records up to that time are missing; belongs to no account
        Passcode,        ///< a passcode is about to be tried: counted, unless a Refund follows
        Challenge,       ///< the same for a first step
        Refund,          ///< takes back the Passcode or Challenge of that id
        Unanswered,      ///< the Challenge of that id got no reply: counted for minutes only
        Password,        ///< a wrong password
        Ban,             ///< a client that answers every prompt with the password
        SilentBan,       ///< a client that leaves every other prompt empty
        BanLifted,       ///< the client of either answered properly
        SignedIn,        ///< forgets the passcodes above and this origin's wrong passwords
        SignedInWithout, ///< without a passcode: forgets this origin's wrong passwords alone
        Reset,           ///< root let the account in again: forgets what was counted before it
        Known,           ///< the origin signed in at that time (written by a rewrite)
    };
    Kind kind = Kind::Passcode;
    WallTime at{}; ///< to the microsecond
    std::uint64_t id = 0;
    std::string account{};
    std::string origin{};
    bool own_session = false;
    std::string service{}; ///< of a Ban and its end
};

/// With its newline. Names are quoted so that none can end a line or forge another.
std::string format_limiter_record(const LimiterRecord& record);
/// `line` without its newline; nothing for what format_limiter_record() cannot have written.
std::optional<LimiterRecord> parse_limiter_record(std::string_view line);

} // namespace raxauth::limits
