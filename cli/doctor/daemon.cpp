// SPDX-License-Identifier: Apache-2.0
// The configuration, and the daemon that should run with it.
#include "cli/child_process.h"
#include "cli/configuration_review.h"
#include "cli/daemon_client.h"
#include "cli/doctor/finding.h"
#include "cli/failure.h"
#include "cli/fields.h"
#include "common/bus_contract.h"
#include "common/bus_keys.h"
#include "common/text.h"

#include <fmt/format.h>
#include <unistd.h>

namespace raxauth::cli::doctor {
namespace {

namespace key = contract::status;

constexpr const char* kPolicy = "/usr/share/dbus-1/system.d/org.raxauth.Auth1.conf";
constexpr const char* kActivation = "/usr/share/dbus-1/system-services/org.raxauth.Auth1.service";

void add(Findings& findings, const char* check, std::string what, std::string why,
         std::string cure) {
    findings.push_back({check, std::move(what), std::move(why), std::move(cure)});
}

bool is_there(const char* file) {
    return ::access(file, F_OK) == 0;
}

/// "masked", "disabled" ...; empty without systemd.
std::string unit_state(const Surroundings& around) {
    if (!is_there("/run/systemd/system") || !is_there(around.sshd.systemctl.c_str())) {
        return {};
    }
    const std::string output =
        run_child(around.sshd.systemctl, {"is-enabled", "raxauthd.service"}).output;
    return std::string(trim(output.substr(0, output.find('\n'))));
}

/// Why nobody answers, from what can be seen without the daemon.
void explain_silence(const Surroundings& around, const Failure& failure, Findings& findings) {
    constexpr const char* kNobody =
        "Nobody whom raxauth manages can sign in; root and exempt accounts can.";
    const std::string state = unit_state(around);
    if (state == "masked" || state == "masked-runtime") {
        add(findings, "daemon", "the unit raxauthd.service is masked", kNobody,
            "systemctl unmask raxauthd && systemctl start raxauthd");
    } else if (!is_there(kPolicy)) {
        add(findings, "daemon", fmt::format("the bus policy is missing: {}", kPolicy),
            "Without it the system bus lets raxauthd take no name and nobody call it.",
            "apt-get install --reinstall raxauth; systemctl reload dbus");
    } else if (!is_there(kActivation)) {
        add(findings, "daemon",
            fmt::format("the bus cannot start raxauthd: {} is missing", kActivation), kNobody,
            "apt-get install --reinstall raxauth");
    } else if (std::string_view(failure.what()).find("system bus") != std::string_view::npos) {
        add(findings, "daemon", failure.what(),
            "Without the bus, or with all its connections taken, the module reaches no daemon.",
            "systemctl status dbus; busctl list shows who holds connections");
    } else {
        add(findings, "daemon", failure.what(), kNobody,
            "systemctl status raxauthd; journalctl -t raxauthd");
    }
}

void judge_status(const Fields& status, Findings& findings) {
    const std::string version = status.shown(key::kVersion);
    if (!version.empty() && version != RAXAUTH_VERSION) {
        add(findings, "daemon",
            fmt::format("raxauthd is version {}, the command is {}", version, RAXAUTH_VERSION),
            "An upgrade did not restart it.", "systemctl restart raxauthd");
    }
    if (const std::string trouble = status.shown(key::kLimitsTrouble); !trouble.empty()) {
        add(findings, "daemon", fmt::format("limits: {}", trouble),
            "Counts of wrong passcodes may be lost over a restart, so strangers get none of them.",
            "make room on the disk of /var/lib/raxauth (df /var/lib/raxauth)");
    }
    if (!status.shown(key::kConfiguration).empty() && status.has(key::kIdentityUrl)) {
        add(findings, "daemon",
            "raxauthd runs with an earlier configuration: it refused the present files",
            "What you changed since has no effect.", "raxauth check-config, then: raxauth reload");
    }
}

} // namespace

std::optional<settings::Settings> usable_settings(const Surroundings& around) {
    auto outcome = settings::load_settings(around.settings);
    if (auto* const good = std::get_if<settings::Settings>(&outcome)) {
        return std::move(*good);
    }
    return std::nullopt;
}

void examine_configuration(const Surroundings& around, Findings& findings) {
    constexpr const char* kNotTaken =
        "raxauthd does not take it: a reload keeps the earlier one, a new host refuses everybody.";
    const auto outcome = settings::load_settings(around.settings);
    if (const auto* const faults = std::get_if<settings::SettingsFaults>(&outcome)) {
        for (const settings::SettingsFault& fault : *faults) {
            add(findings, "configuration", fault.text(), kNotTaken,
                "correct it (raxauth.toml(5)), then: raxauth reload");
        }
        return;
    }
    for (const settings::SettingsFault& fault : review_as_daemon(around)) {
        add(findings, "configuration", fault.text(), kNotTaken,
            fmt::format("chmod a+r on that file, then: raxauth reload"));
    }
    const auto& settings = std::get<settings::Settings>(outcome);
    for (const std::string& mistake : review_for_mistakes(around, settings)) {
        add(findings, "configuration", mistake, "What it says has no effect.",
            "correct the name, then: raxauth reload");
    }
    if (!settings.binds_anybody()) {
        add(findings, "configuration", "nobody can sign in: no organisation is named",
            "All customers of Rackspace share one name space, so raxauth refuses everybody until "
            "it knows whose users belong here.",
            "raxauth setup, or set access.domains in /etc/raxauth/raxauth.d, then: raxauth "
            "reload");
    }
}

void examine_daemon(const Surroundings& around, Findings& findings) {
    try {
        DaemonClient daemon(around.bus_address);
        const BusMessage reply = daemon.call(contract::method::kGetStatus);
        judge_status(read_fields(reply.get()), findings);
    } catch (const Failure& failure) {
        explain_silence(around, failure, findings);
    }
}

} // namespace raxauth::cli::doctor
