// SPDX-License-Identifier: Apache-2.0
// Every key of the daemon's answer is optional. A key that is missing is not printed.
#include "cli/daemon_client.h"
#include "cli/doctor/doctor.h"
#include "cli/fields.h"
#include "cli/moments.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "common/bus_contract.h"
#include "common/bus_keys.h"
#include "common/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace raxauth::cli {
namespace {

namespace key = contract::status;
namespace history_key = contract::history;

constexpr std::size_t kMaxFaultsBytes = 65536;
constexpr std::size_t kMaxObstacleBytes = 512;

class Report {
  public:
    Report(const Fields& fields, std::vector<std::string> obstacles)
        : fields_(fields), obstacles_(std::move(obstacles)), now_(std::time(nullptr)) {}

    void print() const {
        print_configuration();
        for (const std::string& obstacle : obstacles_) {
            line("Attention", sanitise(obstacle, kMaxObstacleBytes));
        }
        if (!obstacles_.empty()) {
            line("", "\"raxauth doctor\" says what cures it");
        }
        print_identity();
        print_counts();
        print_person();
        print_limiter();
    }

  private:
    static void line(std::string_view name, std::string_view text) {
        fmt::print("{:<14} {}\n", name, text);
    }
    std::string moment(std::uint64_t when) const {
        return format_moment(static_cast<std::time_t>(when), now_);
    }

    void print_configuration() const {
        line("raxauthd", fields_.shown(key::kVersion));
        const auto faults = fields_.text(key::kConfiguration);
        if (faults && !faults->empty()) {
            // Only a configuration in use has an Identity to tell of.
            line("Configuration", fields_.has(key::kIdentityUrl)
                                      ? "has errors; the last accepted one stays in use:"
                                      : "has errors; nobody can sign in:");
            fmt::print("{}\n", sanitise_lines(*faults, kMaxFaultsBytes));
        } else if (faults) {
            line("Configuration", "in use");
        }
        if (const std::string trouble = fields_.shown(key::kLimitsTrouble); !trouble.empty()) {
            line("Attention", fmt::format("limits: {}", trouble));
        }
        if (const std::string binding = fields_.shown(key::kBinding); !binding.empty()) {
            line("Attention", fmt::format("nobody can sign in yet: {}", binding));
        }
    }

    void print_identity() const {
        if (!fields_.has(key::kIdentityUrl)) {
            return;
        }
        line("Identity", fields_.shown(key::kIdentityUrl));
        const auto reachable = fields_.flag(key::kIdentityReachable);
        if (!reachable) {
            return;
        }
        std::string text = *reachable ? "reachable" : "NOT reachable";
        const auto since = fields_.number(key::kIdentitySince);
        if (*reachable && since && *since == 0) {
            line("", "not asked yet since the daemon started");
            return;
        }
        if (since && *since != 0) {
            text += fmt::format(" since {}", moment(*since));
        }
        if (const auto took = fields_.number(key::kIdentityRoundTrip); took && *took != 0) {
            const std::chrono::microseconds time(*took);
            text += fmt::format(", last answer in {}", format_round_trip(time));
        }
        if (const std::string detail = fields_.shown(key::kIdentityDetail); !detail.empty()) {
            text += fmt::format(": {}", detail);
        }
        line("", text);
    }

    void print_counts() const {
        std::vector<std::string> parts;
        const auto add = [&](std::string_view key, std::string_view name) {
            if (const auto count = fields_.number(key)) {
                parts.push_back(fmt::format("{} {}", *count, name));
            }
        };
        const auto print = [&](std::string_view title) {
            if (!parts.empty()) {
                line(title, fmt::format("{}", fmt::join(parts, ", ")));
            }
            parts.clear();
        };
        add(key::kConversations, "signing in");
        add(key::kSessions, "signed in");
        add(key::kTickets, "waiting for their session to start");
        print("Now");
        add(key::kTokensIssued, "issued");
        add(key::kTokensRevoked, "revoked");
        add(key::kTokensWaiting, "waiting to be revoked");
        print("Tokens");
    }

    void print_person() const {
        const std::string user = fields_.shown(key::kUser);
        if (user.empty()) {
            return;
        }
        const std::string account = fields_.shown(key::kAccount);
        std::string text = user;
        if (fields_.flag(key::kExempt).value_or(false)) {
            text += ", exempt: does not sign in with Rackspace";
        } else if (!account.empty()) {
            text += fmt::format(", Rackspace user {}", account);
        }
        line("You", text);
        if (const auto since = fields_.number(key::kSignedIn); since && *since != 0) {
            std::string session = fmt::format(
                "signed in {}{}", moment(*since),
                fields_.flag(key::kSecondFactor).value_or(false) ? " with a second factor" : "");
            if (const auto expires = fields_.number(key::kExpires); expires && *expires != 0) {
                session += fmt::format("; token until {}", moment(*expires));
            }
            line("This session", session);
        } else if (!fields_.flag(key::kExempt).value_or(false)) {
            line("This session", "not signed in (raxauth login)");
        }
        if (const std::string asks = fields_.shown(key::kSudoAsks); !asks.empty()) {
            const std::string why = fields_.shown(key::kSudoWhy);
            line("sudo",
                 fmt::format("asks for {}{}", asks == "password" ? "the password only" : asks,
                             why.empty() ? "" : fmt::format(" ({})", why)));
        }
    }

    void print_limiter() const {
        std::vector<std::string> parts;
        const auto add = [&](std::string_view key, std::string_view limit, std::string_view name) {
            const auto count = fields_.number(key);
            const auto most = fields_.number(limit);
            if (count && most) {
                parts.push_back(fmt::format("{} of {} {}", *count, *most, name));
            } else if (count) {
                parts.push_back(fmt::format("{} {}", *count, name));
            }
        };
        add(key::kWrongPasscodes, key::kLimitWrongPasscodes, "wrong passcodes");
        add(key::kWrongPasswords, "", "wrong passwords");
        add(key::kChallenges, key::kLimitChallenges, "passcode requests");
        if (!parts.empty()) {
            line("Limits", fmt::format("{}", fmt::join(parts, ", ")));
        }
        if (const auto until = fields_.number(key::kRefusedUntil);
            until && static_cast<std::time_t>(*until) > now_) {
            line("", fmt::format("your sign-ins are refused until {}", moment(*until)));
        }
    }

    const Fields& fields_;
    std::vector<std::string> obstacles_;
    std::time_t now_;
};

/// Errors in the files keep nobody out for now, and will at the next start of a new host: a monitor
/// has to hear of them.
bool is_usable(const Fields& fields) {
    return fields.shown(key::kConfiguration).empty() && fields.shown(key::kBinding).empty();
}

} // namespace

ExitStatus status(const Surroundings& around, bool json, bool probe) {
    DaemonClient daemon(around.bus_address);
    const BusMessage reply = daemon.call(contract::method::kGetStatus);
    const Fields fields = read_fields(reply.get());
    const std::vector<std::string> obstacles = what_stands_in_the_way(around);
    const std::vector<std::string> probed =
        probe ? probe_identity(around) : std::vector<std::string>{};
    if (json) {
        nlohmann::json all = fields.json();
        all["usable"] = is_usable(fields);
        all["obstacles"] = obstacles;
        if (probe) {
            all["probe"] = probed;
        }
        fmt::print("{}\n", all.dump(2));
    } else {
        Report(fields, obstacles).print();
        if (probe) {
            fmt::print("{:<14} {}\n", "Probe",
                       probed.empty() ? "Identity answers now"
                                      : sanitise(probed.front(), kMaxObstacleBytes));
        }
    }
    if (!is_usable(fields)) {
        return ExitStatus::Refused;
    }
    if (probe) {
        return probed.empty() ? ExitStatus::Done : ExitStatus::Unreachable;
    }
    return fields.flag(key::kIdentityReachable).value_or(true) ? ExitStatus::Done
                                                               : ExitStatus::Unreachable;
}

ExitStatus history(const Surroundings& around, std::uint32_t most, bool json) {
    DaemonClient daemon(around.bus_address);
    const BusMessage call = daemon.prepare(contract::method::kGetHistory);
    check_message(sd_bus_message_append(call.get(), "u", most), "make a message");
    const BusMessage reply = daemon.send(call);
    const std::vector<Fields> list = read_many_fields(reply.get());
    if (json) {
        fmt::print("{}\n", json_of(list).dump(2));
        return ExitStatus::Done;
    }
    if (list.empty()) {
        fmt::print(
            "No sign-in was tried since raxauthd started. If you did try one: is pam_raxauth in\n"
            "/etc/pam.d (pam-auth-update)?\n");
        return ExitStatus::Done;
    }
    const std::time_t now = std::time(nullptr);
    std::vector<std::vector<std::string>> rows{
        {"WHEN", "USER", "WHAT", "SERVICE", "FROM", "VERDICT", "REASON", "TOOK", "WHY"}};
    for (const Fields& one : list) {
        const auto when = one.number(history_key::kTime);
        const auto took = one.number(history_key::kTookMs);
        rows.push_back({when ? format_time(static_cast<std::time_t>(*when), now) : "",
                        one.shown(history_key::kUser), one.shown(history_key::kHook),
                        one.shown(history_key::kService), one.shown(history_key::kRemoteHost),
                        one.shown(history_key::kVerdict), one.shown(history_key::kReason),
                        took ? format_whole_milliseconds(*took) : "",
                        one.shown(history_key::kWhy)});
    }
    fmt::print("{}", format_table(rows));
    return ExitStatus::Done;
}

} // namespace raxauth::cli
