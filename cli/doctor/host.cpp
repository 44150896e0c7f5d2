// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor/finding.h"
#include "cli/local_people.h"
#include "common/text.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <set>
#include <sstream>
#include <unistd.h>

namespace raxauth::cli::doctor {
namespace {

bool is_booted_with_systemd() {
    return ::access("/run/systemd/system", F_OK) == 0;
}

void add(Findings& findings, std::string what, std::string why, std::string cure) {
    findings.push_back({"host", std::move(what), std::move(why), std::move(cure)});
}

/// A few names, and how many more.
std::string some_of(const std::vector<std::string>& names) {
    constexpr std::ptrdiff_t kShown = 8;
    const auto count = static_cast<std::ptrdiff_t>(names.size());
    std::string text =
        fmt::format("{}", fmt::join(names.begin(), names.begin() + std::min(count, kShown), ", "));
    if (count > kShown) {
        text += fmt::format(" and {} more", count - kShown);
    }
    return text;
}

/// The option of the mount at /proc; "": none.
std::string hidepid() {
    std::ifstream mounts("/proc/self/mounts");
    std::string found;
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream words(line);
        std::string device, place, kind, options;
        words >> device >> place >> kind >> options;
        if (place != "/proc") {
            continue;
        }
        const std::size_t at = options.find("hidepid=");
        // the last one mounted is what counts
        found = at == std::string::npos ? "" : options.substr(at, options.find(',', at) - at);
    }
    return found == "hidepid=0" || found == "hidepid=off" ? "" : found;
}

void examine_proc(Findings& findings) {
    const std::string option = hidepid();
    // Under systemd the unit has a /proc of its own (ProcSubset=pid).
    if (option.empty() || is_booted_with_systemd()) {
        return;
    }
    add(findings, fmt::format("/proc is mounted with {}", sanitise(option)),
        "raxauthd cannot see its callers' sessions: sudo asks for both factors, \"raxauth token\" "
        "and \"raxauth login\" are refused.",
        "add user raxauth to the group of gid= and mount /proc with it, or run under systemd");
}

/// Programs that still run the module of before an upgrade.
void examine_stale_modules(Findings& findings) {
    std::set<std::string> programs;
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator("/proc", error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        std::ifstream maps(entry->path().string() + "/maps");
        for (std::string line; std::getline(maps, line);) {
            if (line.find("/pam_raxauth.so") != std::string::npos && line.ends_with("(deleted)")) {
                std::string name;
                std::getline(std::ifstream(entry->path().string() + "/comm"), name);
                programs.insert(
                    fmt::format("{} ({})", sanitise(name), entry->path().filename().string()));
                break;
            }
        }
    }
    if (!programs.empty()) {
        add(findings,
            fmt::format("{} still {} the module of before an upgrade", fmt::join(programs, ", "),
                        programs.size() == 1 ? "runs" : "run"),
            "It may not fit the daemon of today.", "systemctl restart ssh, or end those programs");
    }
}

void examine_people(const settings::Settings& settings, Findings& findings) {
    const std::vector<LocalPerson> people = people_in_range(settings);
    std::vector<std::string> expired, losing;
    bool anybody_exempt = false;
    for (const LocalPerson& person : people) {
        anybody_exempt = anybody_exempt || person.exempt;
        if (person.is_expired) {
            expired.push_back(sanitise(person.name));
        }
        if (person.would_lose()) {
            losing.push_back(sanitise(person.name));
        }
    }
    if (!expired.empty()) {
        add(findings,
            fmt::format("the local {} of {} {} expired",
                        expired.size() == 1 ? "account" : "accounts", some_of(expired),
                        expired.size() == 1 ? "has" : "have"),
            "An account that has expired (shadow ageing) gets in nowhere, whatever Identity says.",
            fmt::format("chage -E -1 {}", expired.front()));
    }
    if (!anybody_exempt && !root_has_a_way_in()) {
        add(findings, "nobody could sign in while Identity cannot be reached",
            "root has neither a password nor a key, and no account is exempt.",
            fmt::format("adduser YOUR-EMERGENCY-ACCOUNT {} (it needs a local password or key)",
                        kExemptGroup));
    }
    if (!losing.empty()) {
        findings.push_back(
            {"host",
             fmt::format("{} {} a local password or key and must sign in with Rackspace all the "
                         "same",
                         some_of(losing), losing.size() == 1 ? "has" : "have"),
             "Right for people, wrong for the accounts of programs.",
             fmt::format("adduser NAME {}, for those that must not", kExemptGroup), true});
    }
}

} // namespace

void examine_host(const Surroundings& around, Findings& findings) {
    examine_proc(findings);
    examine_stale_modules(findings);
    if (const auto settings = usable_settings(around)) {
        examine_people(*settings, findings);
    }
}

} // namespace raxauth::cli::doctor
