// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/settings.h"

#include <algorithm>
#include <array>

namespace raxauth::settings {
namespace {

// su-l is what Debian's `su -` calls itself, remote what login does for a network login.
constexpr std::array<std::string_view, 5> kEntryServices{"login", "remote", "sshd", "su", "su-l"};

// Programs that ask again for somebody who is already in: sudo, polkit, and screen lockers by the
// names of their files in /etc/pam.d ("kde" is Plasma's locker).
constexpr std::array<std::string_view, 17> kAgainServices{"cinnamon-screensaver",
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
                                                          "xscreensaver"};

// Display managers: each has several services, "gdm-password", "gdm-fingerprint" and so on.
constexpr std::array<std::string_view, 5> kGreeterPrefixes{"gdm", "lightdm", "lxdm", "plasmalogin",
                                                           "sddm"};

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// The service shows its prompts in a small window: a greeter, a screen locker, polkit's agent.
bool is_graphical(std::string_view service) {
    const bool greeter =
        std::any_of(kGreeterPrefixes.begin(), kGreeterPrefixes.end(),
                    [&](std::string_view prefix) { return service.starts_with(prefix); });
    return greeter || (is_in(kAgainServices, service) && !service.starts_with("sudo"));
}

bool binds_all(const AccessSettings& access) {
    return access.any_domain || !access.domains.empty();
}

} // namespace

bool is_entry_service(std::string_view service) {
    return is_in(kEntryServices, service);
}

ServicePolicy Settings::for_service(std::string_view service) const {
    ServicePolicy policy;
    policy.access = access;
    policy.password_prompt = sign_in.password_prompt;
    policy.plain_prompts = is_graphical(service);
    if (is_in(kAgainServices, service)) {
        policy.reuse = Reuse::Passcode;
    }
    std::optional<WithoutSignIn> without_sign_in;
    if (const auto found = services.find(service); found != services.end()) {
        const ServiceSettings& own = found->second;
        policy.access.require_mfa = own.require_mfa.value_or(policy.access.require_mfa);
        policy.access.domains = own.domains.value_or(policy.access.domains);
        policy.access.any_domain = own.any_domain.value_or(policy.access.any_domain);
        policy.access.roles = own.roles.value_or(policy.access.roles);
        policy.reuse = own.reuse.value_or(policy.reuse);
        policy.reuse_for = own.reuse_for.value_or(policy.reuse_for);
        policy.password_prompt = own.password_prompt.value_or(policy.password_prompt);
        policy.plain_prompts = own.plain_prompts.value_or(policy.plain_prompts);
        without_sign_in = own.without_sign_in;
    }
    if (is_entry_service(service)) {
        policy.reuse = Reuse::None;
    }
    // A public key alone must not walk past the second factor that the host demands.
    const bool deny = service == "sshd" && policy.access.require_mfa;
    policy.without_sign_in =
        without_sign_in.value_or(deny ? WithoutSignIn::Deny : WithoutSignIn::Allow);
    return policy;
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
