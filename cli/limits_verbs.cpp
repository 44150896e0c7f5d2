// SPDX-License-Identifier: Apache-2.0
// limits show and reset: what raxauth counted against a person, and letting them in again (root).
#include "cli/daemon_client.h"
#include "cli/fields.h"
#include "cli/moments.h"
#include "cli/verbs.h"
#include "common/bus_contract.h"
#include "common/bus_keys.h"
#include "common/user_name.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace raxauth::cli {
namespace {

namespace key = contract::status;

BusMessage ask(const Surroundings& around, const char* member, const std::string& user) {
    if (!is_valid_user_name(user)) {
        throw Failure(ExitStatus::Usage, "not the name of a local user",
                      "For example: raxauth limits show alice");
    }
    DaemonClient daemon(around.bus_address);
    const BusMessage call = daemon.prepare(member);
    check_message(sd_bus_message_append(call.get(), "s", user.c_str()), "make a message");
    return daemon.send(call);
}

} // namespace

ExitStatus show_limits(const Surroundings& around, const std::string& user, bool json) {
    const BusMessage reply = ask(around, contract::method::kGetLimits, user);
    const Fields fields = read_fields(reply.get());
    if (json) {
        fmt::print("{}\n", fields.json().dump(2));
        return ExitStatus::Done;
    }
    const auto count = [&](std::string_view name) { return fields.number(name).value_or(0); };
    fmt::print("{:<18} {}\n", "Rackspace user", fields.shown(key::kAccount));
    fmt::print("{:<18} {} of {}\n", "Wrong passcodes", count(key::kWrongPasscodes),
               count(key::kLimitWrongPasscodes));
    fmt::print("{:<18} {}\n", "Wrong passwords", count(key::kWrongPasswords));
    fmt::print("{:<18} {} of {}\n", "Passcode requests", count(key::kChallenges),
               count(key::kLimitChallenges));
    if (const auto until = fields.number(key::kRefusedUntil)) {
        fmt::print("{:<18} until {}\n", "Refused",
                   format_moment(static_cast<std::time_t>(*until), std::time(nullptr)));
    }
    return ExitStatus::Done;
}

ExitStatus reset_limits(const Surroundings& around, const std::string& user) {
    const BusMessage reply = ask(around, contract::method::kResetLimits, user);
    int counted = 0;
    check_message(sd_bus_message_read(reply.get(), "b", &counted), "read the answer");
    if (counted == 0) {
        fmt::print("Nothing was counted against {}.\n", user);
        return ExitStatus::Done;
    }
    fmt::print("{} may sign in again. Identity counts for itself: a third wrong passcode within "
               "half an\nhour locks the account there (raxauth mfa unlock).\n",
               user);
    return ExitStatus::Done;
}

} // namespace raxauth::cli
