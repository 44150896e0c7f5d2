// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon_client.h"
#include "cli/fields.h"
#include "cli/moments.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "common/bus_contract.h"
#include "common/bus_keys.h"
#include "common/user_name.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <pwd.h>

namespace raxauth::cli {
namespace {

namespace key = contract::session;

std::string time_cell(const Fields& fields, std::string_view key, std::time_t now) {
    const auto when = fields.number(key);
    return when ? format_time(static_cast<std::time_t>(*when), now) : "";
}

/// The kernel's number where there is one: it is what logind names the session after, too.
std::string session_cell(const Fields& fields) {
    const auto audit = fields.number(key::kAuditSession);
    const std::string logind = fields.shown(key::kSession);
    if (!logind.empty() || !audit || *audit == contract::kUnsetId) {
        return logind;
    }
    return fmt::format("{}", *audit);
}

} // namespace

ExitStatus sessions(const Surroundings& around, bool json) {
    DaemonClient daemon(around.bus_address);
    const BusMessage reply = daemon.call(contract::method::kListSessions);
    const std::vector<Fields> list = read_many_fields(reply.get());
    if (json) {
        fmt::print("{}\n", json_of(list).dump(2));
        return ExitStatus::Done;
    }
    if (list.empty()) {
        fmt::print("No session is signed in.\n");
        return ExitStatus::Done;
    }
    const std::time_t now = std::time(nullptr);
    std::vector<std::vector<std::string>> rows{{"USER", "ACCOUNT", "SERVICE", "FROM", "SESSION",
                                                "SIGNED IN", "TOKEN UNTIL", "FACTORS", ""}};
    for (const Fields& one : list) {
        rows.push_back({one.shown(key::kUser), one.shown(key::kAccount), one.shown(key::kService),
                        one.shown(key::kRemoteHost), session_cell(one),
                        time_cell(one, key::kSignedIn, now), time_cell(one, key::kExpires, now),
                        one.flag(key::kSecondFactor).value_or(false) ? "two" : "one",
                        one.flag(key::kThis).value_or(false) ? "this session" : ""});
    }
    fmt::print("{}", format_table(rows));
    return ExitStatus::Done;
}

ExitStatus logout(const Surroundings& around) {
    DaemonClient daemon(around.bus_address);
    daemon.call(contract::method::kSignOut);
    fmt::print("Signed out. The token of this session is being revoked, and sudo asks for "
               "everything again.\n");
    return ExitStatus::Done;
}

ExitStatus flush(const Surroundings& around, const std::string& user) {
    if (!is_valid_user_name(user)) {
        throw Failure(ExitStatus::Usage, "not the name of a local user",
                      "For example: raxauth flush alice");
    }
    DaemonClient daemon(around.bus_address);
    const BusMessage call = daemon.prepare(contract::method::kFlush);
    check_message(sd_bus_message_append(call.get(), "s", user.c_str()), "make a message");
    const BusMessage reply = daemon.send(call);
    std::uint32_t dropped = 0;
    check_message(sd_bus_message_read(reply.get(), "u", &dropped), "read the answer");
    // a name that was mistyped must not look like success; one thread alone asks NSS here
    if (dropped == 0 && ::getpwnam(user.c_str()) == nullptr) { // NOLINT(concurrency-mt-unsafe)
        throw Failure(ExitStatus::Refused, fmt::format("there is no user {} on this host", user),
                      "\"raxauth sessions\" lists who is signed in.");
    }
    if (dropped == 0) {
        fmt::print("{} has no session that is signed in.\n", user);
    } else {
        fmt::print("{} {} of {} ended on this host, tokens are being revoked. Shells and programs "
                   "go on.\n",
                   dropped, dropped == 1 ? "sign-in" : "sign-ins", user);
    }
    return ExitStatus::Done;
}

} // namespace raxauth::cli
