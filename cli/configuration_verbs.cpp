// SPDX-License-Identifier: Apache-2.0
// check-config and reload. Checking needs no daemon: it is the daemon's own reader that is used.
#include "cli/configuration_review.h"
#include "cli/daemon_client.h"
#include "cli/moments.h"
#include "cli/verbs.h"
#include "common/bus_contract.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

using settings::Settings;
using settings::SettingsFault;
using settings::SettingsFaults;
using settings::SettingsPlace;

/// A file that was named is judged alone, as if it stood in the place of the main file. A draft of
/// the caller's own is fine, as root's would be.
SettingsPlace place_of(const Surroundings& around, const std::string& file) {
    if (file.empty()) {
        return around.settings;
    }
    SettingsPlace place = around.settings;
    place.file = file;
    place.directory.clear();
    struct stat found{};
    if (::stat(file.c_str(), &found) == 0 && found.st_uid == ::geteuid()) {
        place.owner = found.st_uid;
    }
    return place;
}

std::string_view word(settings::Reuse reuse) {
    switch (reuse) {
    case settings::Reuse::None:
        return "none";
    case settings::Reuse::Passcode:
        return "passcode";
    case settings::Reuse::All:
        return "all";
    }
    return "none";
}

std::string_view word(settings::WithoutSignIn rule) {
    return rule == settings::WithoutSignIn::Deny ? "deny" : "allow";
}

std::set<std::string> services_of(const Settings& settings) {
    std::set<std::string> names{"sshd", "sudo"};
    for (const auto& [name, own] : settings.services) {
        names.insert(name);
    }
    return names;
}

constexpr std::string_view kPolkit = "polkit-1";

std::string list(const std::vector<std::string>& names) {
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::string tenant_of(const settings::AccountSettings& accounts) {
    return accounts.tenant_id.empty() ? accounts.tenant_name : accounts.tenant_id;
}

/// What says whose Rackspace accounts may sign in.
std::string binding_of(const Settings& settings) {
    if (!settings.binds_anybody()) {
        return "nobody yet";
    }
    std::vector<std::string> rules;
    if (!settings.access.domains.empty()) {
        rules.push_back(fmt::format("accounts of domain {}", list(settings.access.domains)));
    }
    if (!tenant_of(settings.accounts).empty()) {
        rules.push_back(fmt::format("users of tenant {}", tenant_of(settings.accounts)));
    }
    if (settings.access.any_domain) {
        rules.emplace_back("any Rackspace account (access.any_domain)");
    }
    if (!settings.accounts.map.empty()) {
        rules.push_back(fmt::format("{} named in [accounts.map]", settings.accounts.map.size()));
    }
    return rules.empty() ? "by the rules of single services"
                         : fmt::format("{}", fmt::join(rules, "; "));
}

/// What a service asks for in a session that has signed in already.
std::string prompts_of(const settings::ServicePolicy& service) {
    switch (service.reuse) {
    case settings::Reuse::None:
        return "every sign-in asks for everything";
    case settings::Reuse::Passcode:
        return fmt::format("asks for the password only, for {}",
                           format_duration(service.reuse_for));
    case settings::Reuse::All:
        return fmt::format("asks for nothing, for {}", format_duration(service.reuse_for));
    }
    return "";
}

void print_line(std::string_view name, std::string_view text) {
    fmt::print("  {:<15} {}\n", name, text);
}

void print_summary(const Settings& settings) {
    const settings::IdentitySettings& identity = settings.identity;
    print_line("Identity", identity.url);
    if (!identity.proxy.empty()) {
        print_line("Proxy", identity.proxy);
    }
    if (!identity.ca_file.empty()) {
        print_line("CA file", identity.ca_file);
    }
    if (!identity.pinned_public_key.empty()) {
        print_line("Pinned key", identity.pinned_public_key);
    }
    print_line("May sign in", binding_of(settings));
    if (!settings.access.roles.empty()) {
        print_line("With role", list(settings.access.roles));
    }
    print_line("Second factor", settings.access.require_mfa ? "required" : "not required");
    print_line("Not managed",
               fmt::format("uid below {} or above {}; users: {}; groups: {}",
                           settings.accounts.minimum_uid, settings.accounts.maximum_uid,
                           list(settings.accounts.exempt_users),
                           list(settings.accounts.exempt_groups)));
    for (const std::string& name : services_of(settings)) {
        const settings::ServicePolicy service = settings.for_service(name);
        print_line(name, fmt::format("second factor {}; {}; {}",
                                     service.access.require_mfa ? "required" : "not required",
                                     prompts_of(service),
                                     service.without_sign_in == settings::WithoutSignIn::Deny
                                         ? "public key alone: refused"
                                         : "logins without a sign-in: allowed"));
    }
    print_line("Token for user", settings.sessions.user_token ? "yes" : "no");
    print_line("Offline", settings.offline.enabled
                              ? "for " + format_duration(settings.offline.valid_for)
                              : std::string("no"));
}

nlohmann::json summary_of(const Settings& settings) {
    nlohmann::json services = nlohmann::json::object();
    for (const std::string& name : services_of(settings)) {
        const settings::ServicePolicy service = settings.for_service(name);
        services[name] = {{"require_mfa", service.access.require_mfa},
                          {"domains", service.access.domains},
                          {"any_domain", service.access.any_domain},
                          {"roles", service.access.roles},
                          {"reuse", word(service.reuse)},
                          {"reuse_for", service.reuse_for.count()},
                          {"without_sign_in", word(service.without_sign_in)}};
    }
    return {{"identity_url", settings.identity.url},
            {"require_mfa", settings.access.require_mfa},
            {"domains", settings.access.domains},
            {"any_domain", settings.access.any_domain},
            {"roles", settings.access.roles},
            {"tenant_id", settings.accounts.tenant_id},
            {"tenant_name", settings.accounts.tenant_name},
            {"mapped_users", settings.accounts.map.size()},
            {"minimum_uid", settings.accounts.minimum_uid},
            {"maximum_uid", settings.accounts.maximum_uid},
            {"exempt_users", settings.accounts.exempt_users},
            {"exempt_groups", settings.accounts.exempt_groups},
            {"user_token", settings.sessions.user_token},
            {"offline", settings.offline.enabled},
            {"services", services}};
}

nlohmann::json json_of(const SettingsFaults& faults) {
    nlohmann::json list = nlohmann::json::array();
    for (const SettingsFault& fault : faults) {
        list.push_back({{"file", fault.file},
                        {"line", fault.line},
                        {"key", fault.key},
                        {"found", fault.found},
                        {"wanted", fault.wanted},
                        {"text", fault.text()}});
    }
    return list;
}

void print_json(const nlohmann::json& value) {
    // Names of files may be any bytes.
    fmt::print("{}\n", value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string name_of(const SettingsPlace& place) {
    return place.directory.empty() ? place.file
                                   : fmt::format("{} and {}/*.toml", place.file, place.directory);
}

ExitStatus report_faults(const SettingsFaults& faults, const SettingsPlace& place,
                         const CheckConfigOptions& options) {
    if (options.json) {
        print_json({{"usable", false},
                    {"binds", false},
                    {"faults", json_of(faults)},
                    {"warnings", nlohmann::json::array()}});
        return ExitStatus::Refused;
    }
    for (const SettingsFault& fault : faults) {
        fmt::print("{}\n", fault.text());
    }
    throw Failure(ExitStatus::Refused,
                  fmt::format("{} {} in {}", faults.size(), faults.size() == 1 ? "error" : "errors",
                              name_of(place)),
                  options.file.empty()
                      ? "raxauth.toml(5) explains each key. Correct them, then: raxauth "
                        "reload. Until then the last accepted configuration stays in use."
                      : "raxauth.toml(5) explains each key.");
}

nlohmann::json usable_json(const Settings& settings, const std::vector<std::string>& mistakes) {
    nlohmann::json result{{"usable", true},
                          {"binds", settings.binds_anybody()},
                          {"faults", nlohmann::json::array()},
                          {"warnings", mistakes},
                          {"laxer_than_sudo", settings.laxer_than_sudo(kPolkit)},
                          {"settings", summary_of(settings)}};
    if (!settings.binds_anybody()) {
        result["advice"] = settings::kBindingAdvice;
    }
    return result;
}

ExitStatus report_usable(const Settings& settings, const std::vector<std::string>& mistakes,
                         const SettingsPlace& place, const CheckConfigOptions& options) {
    const bool binds = settings.binds_anybody();
    if (options.json) {
        print_json(usable_json(settings, mistakes));
        return binds ? ExitStatus::Done : ExitStatus::Refused;
    }
    fmt::print("No errors in {}. Summary:\n", name_of(place));
    print_summary(settings);
    static_cast<void>(std::fflush(stdout)); // warnings come after it
    for (const std::string& mistake : mistakes) {
        fmt::print(stderr, "Warning: {}.\n", mistake);
    }
    if (const auto laxer = settings.laxer_than_sudo(kPolkit); !laxer.empty()) {
        fmt::print(stderr,
                   "Warning: pkexec gives root's rights as sudo does, and [services.{}] asks less "
                   "than [services.sudo]: {}.\n",
                   kPolkit, fmt::join(laxer, ", "));
    }
    if (!binds) {
        throw Failure(ExitStatus::Refused, "nobody can sign in with this configuration",
                      fmt::format("Name the Rackspace accounts that belong to this host: {}.",
                                  settings::kBindingAdvice));
    }
    return ExitStatus::Done;
}

} // namespace

ExitStatus check_config(const Surroundings& around, const CheckConfigOptions& options) {
    Surroundings reviewed = around;
    reviewed.settings = place_of(around, options.file);
    auto outcome = settings::load_settings(reviewed.settings);
    if (options.file.empty() && std::holds_alternative<Settings>(outcome)) {
        // A draft is not where the daemon will read it.
        if (auto hidden = review_as_daemon(reviewed); !hidden.empty()) {
            outcome = std::move(hidden);
        }
    }
    if (const auto* faults = std::get_if<SettingsFaults>(&outcome)) {
        return report_faults(*faults, reviewed.settings, options);
    }
    const auto& settings = std::get<Settings>(outcome);
    return report_usable(settings, review_for_mistakes(reviewed, settings), reviewed.settings,
                         options);
}

ExitStatus reload(const Surroundings& around) {
    DaemonClient daemon(around.bus_address);
    try {
        daemon.call(contract::method::kReload);
    } catch (const Failure& failure) {
        if (failure.status() != ExitStatus::Refused) {
            throw;
        }
        throw Failure(
            ExitStatus::Refused,
            fmt::format("Not reloaded. The previous configuration stays in use. Errors:\n{}",
                        failure.what()),
            ::geteuid() == 0 ? "See \"raxauth check-config\"." : failure.advice());
    }
    fmt::print("The configuration was read again and is in use.\n");
    return ExitStatus::Done;
}

} // namespace raxauth::cli
