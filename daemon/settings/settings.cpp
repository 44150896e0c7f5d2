// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/settings.h"

#include <algorithm>
#include <array>
#include <set>

namespace raxauth::settings {
namespace {

// "remote" is what login(1) calls itself for a network login.
constexpr std::array<std::string_view, 12> kWaysIn{"emptty", "greetd", "kdm",  "lemurs",
                                                   "login",  "ly",     "nodm", "remote",
                                                   "slim",   "sshd",   "wdm",  "xdm"};
/// The login shell variants, which Debian gives PAM services of their own.
struct Heir {
    std::string_view service;
    std::string_view from;
};
constexpr std::array<Heir, 2> kHeirs{Heir{"su-l", "su"}, Heir{"sudo-i", "sudo"}};

// Programs that ask again for somebody who is already in: sudo, polkit, and screen lockers by the
// names of their files in /etc/pam.d ("kde" is Plasma's locker).
constexpr std::array<std::string_view, 18> kAgainServices{"cinnamon-screensaver",
                                                          "gnome-screensaver",
                                                          "gtklock",
                                                          "hyprlock",
                                                          "i3lock",
                                                          "kde",
                                                          "kde-np",
                                                          "mate-screensaver",
                                                          "physlock",
                                                          "polkit-1",
                                                          "sudo",
                                                          "sudo-i",
                                                          "swaylock",
                                                          "vlock",
                                                          "waylock",
                                                          "xfce4-screensaver",
                                                          "xscreensaver",
                                                          "xsecurelock"};

// Display managers: each has several services, "gdm-password", "gdm-fingerprint" and so on.
constexpr std::array<std::string_view, 5> kGreeterPrefixes{"gdm", "lightdm", "lxdm", "plasmalogin",
                                                           "sddm"};

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_greeter(std::string_view service) {
    return std::any_of(kGreeterPrefixes.begin(), kGreeterPrefixes.end(),
                       [&](std::string_view prefix) { return service.starts_with(prefix); });
}

/// The service shows its prompts in a small window: a greeter, a screen locker, polkit's agent.
bool is_graphical(std::string_view service) {
    return is_greeter(service) || (is_in(kAgainServices, service) && !service.starts_with("sudo"));
}

bool binds_all(const AccessSettings& access) {
    return access.any_domain || !access.domains.empty();
}

} // namespace

bool is_way_in(std::string_view service) {
    return is_in(kWaysIn, service) || is_greeter(service);
}

bool is_screen_locker(std::string_view service) {
    return is_in(kAgainServices, service) && service != "polkit-1" && service != "sudo" &&
           service != "sudo-i";
}

bool may_replace_prompts(std::string_view service) {
    return service == "sudo" || service == "sudo-i";
}

bool shows_messages_at_once(std::string_view service) {
    // "user" is the command raxauth.
    static constexpr std::array<std::string_view, 7> kTerminals{"login", "remote", "su",  "su-l",
                                                                "sudo",  "sudo-i", "user"};
    return is_in(kTerminals, service) || is_graphical(service);
}

bool is_entry_service(std::string_view service) {
    return is_way_in(service) || service == "su" || service == "su-l";
}

ServiceSettings Settings::own_rules(std::string_view service) const {
    ServiceSettings rules;
    if (const auto found = services.find(service); found != services.end()) {
        rules = found->second;
    }
    const auto* const heir = std::find_if(kHeirs.begin(), kHeirs.end(),
                                          [&](const Heir& one) { return one.service == service; });
    if (heir == kHeirs.end()) {
        return rules;
    }
    if (const auto found = services.find(heir->from); found != services.end()) {
        const auto inherit = [&](auto ServiceSettings::* key) {
            if (!(rules.*key)) {
                rules.*key = found->second.*key;
            }
        };
        inherit(&ServiceSettings::require_mfa);
        inherit(&ServiceSettings::domains);
        inherit(&ServiceSettings::any_domain);
        inherit(&ServiceSettings::roles);
        inherit(&ServiceSettings::reuse);
        inherit(&ServiceSettings::reuse_for);
        inherit(&ServiceSettings::without_sign_in);
        inherit(&ServiceSettings::password_prompt);
        inherit(&ServiceSettings::plain_prompts);
        inherit(&ServiceSettings::reuse_only);
    }
    return rules;
}

ServicePolicy Settings::for_service(std::string_view service) const {
    ServicePolicy policy;
    policy.access = access;
    policy.password_prompt = sign_in.password_prompt;
    policy.plain_prompts = is_graphical(service);
    if (is_in(kAgainServices, service)) {
        policy.reuse = Reuse::Passcode;
    }
    const ServiceSettings own = own_rules(service);
    policy.access.require_mfa = own.require_mfa.value_or(policy.access.require_mfa);
    policy.access.domains = own.domains.value_or(policy.access.domains);
    policy.access.any_domain = own.any_domain.value_or(policy.access.any_domain);
    policy.access.roles = own.roles.value_or(policy.access.roles);
    policy.reuse = own.reuse.value_or(policy.reuse);
    policy.reuse_for = own.reuse_for.value_or(policy.reuse_for);
    policy.password_prompt = own.password_prompt.value_or(policy.password_prompt);
    policy.plain_prompts = own.plain_prompts.value_or(policy.plain_prompts);
    policy.reuse_only = own.reuse_only.value_or(false);
    if (is_entry_service(service)) {
        policy.reuse = Reuse::None;
    }
    // A public key alone must not walk past the second factor that the host demands.
    const bool deny = service == "sshd" && policy.access.require_mfa;
    policy.without_sign_in =
        own.without_sign_in.value_or(deny ? WithoutSignIn::Deny : WithoutSignIn::Allow);
    return policy;
}

SignInDemand Settings::sign_in_demand(std::string_view service) const {
    const ServiceSettings own = own_rules(service);
    const auto lists = [](const auto& names) { return names && !names->empty(); };
    if (!own.without_sign_in && (lists(own.roles) || lists(own.domains))) {
        return SignInDemand::OwnRules;
    }
    return for_service(service).without_sign_in == WithoutSignIn::Deny ? SignInDemand::WithoutSignIn
                                                                       : SignInDemand::None;
}

std::vector<std::string> Settings::laxer_than_sudo(std::string_view service) const {
    const ServicePolicy sudo = for_service("sudo");
    const ServicePolicy other = for_service(service);
    // A list that is empty admits everybody; one with more names admits more.
    const auto admits_more = [](const auto& theirs, const auto& sudos) {
        return !sudos.empty() &&
               (theirs.empty() || std::any_of(theirs.begin(), theirs.end(), [&](const auto& name) {
                    return std::find(sudos.begin(), sudos.end(), name) == sudos.end();
                }));
    };
    std::vector<std::string> keys;
    const auto note = [&keys](bool laxer, const char* key) {
        if (laxer) {
            keys.emplace_back(key);
        }
    };
    note(sudo.access.require_mfa && !other.access.require_mfa, "require_mfa");
    note(admits_more(other.access.domains, sudo.access.domains), "domains");
    note(!sudo.access.any_domain && other.access.any_domain, "any_domain");
    note(admits_more(other.access.roles, sudo.access.roles), "roles");
    note(other.reuse > sudo.reuse, "reuse"); // none < passcode < all
    note(other.reuse != Reuse::None && sudo.reuse != Reuse::None &&
             other.reuse_for > sudo.reuse_for,
         "reuse_for");
    note(sign_in_demand("sudo") != SignInDemand::None &&
             sign_in_demand(service) == SignInDemand::None,
         "without_sign_in");
    return keys;
}

bool Settings::outlasts_sshd() const {
    constexpr seconds kLoginGraceTime{300};
    return sign_in.deadline + sign_in.passcode_deadline >= kLoginGraceTime;
}

std::vector<std::string> Settings::demanding_services() const {
    std::set<std::string, std::less<>> names{"sshd"};
    for (const auto& [name, rules] : services) {
        names.insert(name);
    }
    for (const Heir& heir : kHeirs) {
        names.emplace(heir.service);
    }
    std::vector<std::string> demanding;
    for (const std::string& name : names) {
        if (sign_in_demand(name) != SignInDemand::None) {
            demanding.push_back(name);
        }
    }
    return demanding;
}

bool Settings::binds(std::string_view local_user, const AccessSettings& rules) const {
    return binds_all(rules) || !accounts.tenant_id.empty() || !accounts.tenant_name.empty() ||
           accounts.map.find(local_user) != accounts.map.end();
}

bool Settings::binds_anybody() const {
    if (binds_all(access) || !accounts.tenant_id.empty() || !accounts.tenant_name.empty() ||
        !accounts.map.empty()) {
        return true;
    }
    return std::any_of(services.begin(), services.end(), [this](const auto& service) {
        return binds_all(for_service(service.first).access);
    });
}

} // namespace raxauth::settings
