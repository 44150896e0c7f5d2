// SPDX-License-Identifier: Apache-2.0
// doctor: says what is wrong with this host's sign-in, and what cures it. It changes nothing.
#include "cli/child_process.h"
#include "cli/doctor/doctor.h"
#include "cli/doctor/finding.h"
#include "cli/failure.h"
#include "cli/pam_stack.h"
#include "cli/verbs.h"
#include "cli/write_all.h"
#include "common/text.h"
#include "common/unique_fd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

using doctor::Finding;
using doctor::Findings;

constexpr std::size_t kMaxShownBytes = 1024;

struct Check {
    const char* name;
    void (*examine)(const Surroundings&, Findings&);
};
constexpr std::array kChecks{
    Check{"configuration", &doctor::examine_configuration},
    Check{"daemon", &doctor::examine_daemon},
    Check{"identity", &doctor::examine_identity},
    Check{"pam", &doctor::examine_pam},
    Check{"sshd", &doctor::examine_sshd},
    Check{"host", &doctor::examine_host},
};

/// A check that breaks must not hide what the others find.
Findings examine(const Surroundings& around) {
    Findings findings;
    for (const Check& check : kChecks) {
        try {
            check.examine(around, findings);
        } catch (const std::exception& fault) {
            findings.push_back({check.name, fmt::format("this check failed: {}", fault.what()),
                                "What it looks at is not known to be right.",
                                "raxauth doctor --report FILE"});
        }
    }
    return findings;
}

bool is_well(const Findings& findings) {
    return std::all_of(findings.begin(), findings.end(),
                       [](const Finding& finding) { return finding.is_note; });
}

nlohmann::json json_of(const Findings& findings) {
    nlohmann::json list = nlohmann::json::array();
    for (const Finding& finding : findings) {
        list.push_back({{"check", finding.check},
                        {"problem", !finding.is_note},
                        {"what", finding.what},
                        {"why", finding.why},
                        {"cure", finding.cure}});
    }
    nlohmann::json checked = nlohmann::json::array();
    for (const Check& check : kChecks) {
        checked.push_back(check.name);
    }
    return {{"well", is_well(findings)}, {"checked", checked}, {"findings", list}};
}

std::string text_of(const nlohmann::json& value) {
    return value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

void print(const Finding& finding) {
    const auto line = [](std::string_view name, const std::string& text) {
        if (!text.empty()) {
            fmt::print("  {:<5} {}\n", name, sanitise(text, kMaxShownBytes));
        }
    };
    fmt::print("{} {}: {}\n", finding.is_note ? "Note   " : "Problem", finding.check,
               sanitise(finding.what, kMaxShownBytes));
    line("why:", finding.why);
    line("cure:", finding.cure);
}

/// Lines of a stack as they stand: module names and options are no secrets.
nlohmann::json stacks_of(const PamPlaces& places) {
    nlohmann::json stacks = nlohmann::json::object();
    for (const char* const service : {"sshd", "login", "sudo", "su", "polkit-1", "cron"}) {
        for (const char* const phase : {"auth", "account", "password", "session"}) {
            nlohmann::json lines = nlohmann::json::array();
            for (const PamLine& line : read_pam_stack(places, service, phase)) {
                lines.push_back(fmt::format("{} {}", line.place(), line.module));
            }
            stacks[service][phase] = lines;
        }
    }
    return stacks;
}

/// What somebody who helps from afar asks for first. A list of what may go in, never of what may
/// not: no file of the configuration as it is, no journal, no names of people but those of
/// findings.
nlohmann::json report_of(const Surroundings& around, const Findings& findings) {
    nlohmann::json report = json_of(findings);
    report["raxauth"] = RAXAUTH_VERSION;
    if (const auto settings = doctor::usable_settings(around)) {
        report["identity_url"] = settings->identity.url;
        report["has_ca_file"] = !settings->identity.ca_file.empty();
        report["has_proxy"] = !settings->identity.proxy.empty();
        report["require_mfa"] = settings->access.require_mfa;
        report["binds"] = settings->binds_anybody();
    }
    report["pam"] = stacks_of(around.pam);
    if (::access("/usr/bin/dpkg-query", X_OK) == 0) {
        report["packages"] =
            run_child("/usr/bin/dpkg-query", {"-W", "-f", "${Package} ${Version}\\n", "raxauth",
                                              "libpam0g", "libpam-runtime", "openssh-server",
                                              "sudo", "systemd", "dbus", "libcurl4", "libcurl4t64"})
                .output;
    }
    return report;
}

/// Only root reads it, and nothing that is there is written over or followed.
void write_report(const std::string& file, const nlohmann::json& report) {
    const UniqueFd fd(
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd || !write_all(fd.get(), text_of(report) + "\n")) {
        throw Failure(ExitStatus::Refused,
                      fmt::format("{}: {}", sanitise(file), std::strerror(errno)),
                      "Name a file that does not exist yet.");
    }
}

std::vector<std::string> problems_of(const Findings& findings) {
    std::vector<std::string> problems;
    for (const Finding& finding : findings) {
        if (!finding.is_note) {
            problems.push_back(finding.what);
        }
    }
    return problems;
}

} // namespace

ExitStatus diagnose(const Surroundings& around, const DoctorOptions& options) {
    const Findings findings = examine(around);
    if (!options.report.empty()) {
        write_report(options.report, report_of(around, findings));
    }
    if (options.json) {
        fmt::print("{}\n", text_of(json_of(findings)));
    } else {
        for (const Finding& finding : findings) {
            print(finding);
        }
        if (is_well(findings)) {
            fmt::print("All is well: configuration, raxauthd, Identity, PAM, sshd, accounts.\n");
        }
        if (!options.report.empty()) {
            fmt::print("The report is in {}. It holds no secret; read it before you send it.\n",
                       sanitise(options.report));
        }
    }
    return is_well(findings) ? ExitStatus::Done : ExitStatus::Refused;
}

std::vector<std::string> what_stands_in_the_way(const Surroundings& around) {
    Findings findings;
    try {
        doctor::examine_pam(around, findings);
        if (::geteuid() == 0) {
            doctor::examine_sshd(around, findings);
        }
    } catch (const std::exception&) {
        findings.clear(); // the doctor says why
    }
    return problems_of(findings);
}

std::vector<std::string> probe_identity(const Surroundings& around) {
    Findings findings;
    doctor::examine_identity(around, findings);
    return problems_of(findings);
}

} // namespace raxauth::cli
