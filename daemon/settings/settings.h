// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raxauth::settings {

using std::chrono::seconds;

/// Which kind of service [identity] names.
enum class Provider { Rackspace };

/// What only Rackspace's client reads.
struct RackspaceSettings {
    bool apply_rcn_roles = false;

    bool operator==(const RackspaceSettings&) const = default;
};

struct IdentitySettings {
    Provider provider = Provider::Rackspace;
    std::string url = "https://identity.api.rackspacecloud.com/v2.0"; ///< no trailing slash
    std::string ca_file;
    std::string pinned_public_key;
    std::string proxy;
    std::chrono::milliseconds connect_timeout{5000};
    std::chrono::milliseconds request_timeout{20000};
    RackspaceSettings rackspace;

    bool operator==(const IdentitySettings&) const = default;
};

enum class CredentialRule { Password, PasswordOrApiKey };

struct SignInSettings {
    CredentialRule credential = CredentialRule::Password;
    bool single_prompt = false;
    seconds deadline{90};           ///< until the password was judged
    seconds passcode_deadline{180}; ///< from each challenge on
    /// What the first prompt says, {user} and {service} filled in. Clients recognise a password
    /// prompt by its end (JSch, sshj, mc), and sudo puts its own in place of exactly this default.
    std::string password_prompt = "Password: ";
    bool enrol_at_login = true;
    seconds enrolment_deadline{600};

    bool operator==(const SignInSettings&) const = default;
};

struct AccountSettings {
    std::uint32_t minimum_uid = 1000;
    std::uint32_t maximum_uid = 60000;
    std::vector<std::string> exempt_users{"root"};
    std::vector<std::string> exempt_groups;
    std::string rackspace_user = "{user}"; ///< template
    std::string tenant_id;
    std::string tenant_name;
    std::map<std::string, std::string, std::less<>> map; ///< local name -> Rackspace name

    bool operator==(const AccountSettings&) const = default;
};

/// [access]; a service may override each key.
struct AccessSettings {
    bool require_mfa = true;
    std::vector<std::string> domains;
    bool any_domain = false;
    std::vector<std::string> roles;

    bool operator==(const AccessSettings&) const = default;
};

enum class Reuse { None, Passcode, All };
enum class WithoutSignIn { Allow, Deny };

/// A [services.NAME] table as written: what is unset falls back to [access] or the defaults.
struct ServiceSettings {
    std::optional<bool> require_mfa;
    std::optional<std::vector<std::string>> domains;
    std::optional<bool> any_domain;
    std::optional<std::vector<std::string>> roles;
    std::optional<Reuse> reuse;
    std::optional<seconds> reuse_for;
    std::optional<WithoutSignIn> without_sign_in;
    std::optional<std::string> password_prompt;
    std::optional<bool> plain_prompts;
    std::optional<bool> reuse_only;

    bool operator==(const ServiceSettings&) const = default;
};

/// The rules for one PAM service, defaults filled in.
struct ServicePolicy {
    AccessSettings access;
    Reuse reuse = Reuse::None;
    seconds reuse_for{900};
    WithoutSignIn without_sign_in = WithoutSignIn::Allow;
    std::string password_prompt = "Password: ";
    /// One short line a prompt, and each note a message of its own: a greeter has no room for more.
    bool plain_prompts = false;
    /// Where the session's sign-in does not count, refuse: nobody is there to type a passcode.
    bool reuse_only = false;

    bool operator==(const ServicePolicy&) const = default;
};

struct SessionSettings {
    bool revoke_on_logout = true;
    seconds recheck_after{60};
    bool reuse_unverified = false;
    bool user_token = true;

    bool operator==(const SessionSettings&) const = default;
};

struct LimitSettings {
    unsigned passcode_attempts = 2;
    unsigned wrong_passcodes = 2;
    unsigned wrong_passwords = 10;
    unsigned challenges = 6;
    unsigned resends = 2;
    unsigned conversations = 1024;
    unsigned conversations_per_user = 16;

    bool operator==(const LimitSettings&) const = default;
};

struct OfflineSettings {
    bool enabled = false;
    seconds valid_for{72 * 3600};

    bool operator==(const OfflineSettings&) const = default;
};

/// Which key to set when nothing says who may sign in.
inline constexpr std::string_view kBindingAdvice =
    "set access.domains, accounts.tenant_id or accounts.tenant_name, name the user in "
    "[accounts.map], or say access.any_domain = true";

/// Services of programs that let people into the machine: sshd, login, greeters. An earlier sign-in
/// never counts there, not even one of the session that the program itself was started from.
bool is_way_in(std::string_view service);

/// Programs that ask a person again in a session of their own, and run as that person: screen
/// lockers. They give nobody any right.
bool is_screen_locker(std::string_view service);

/// Programs that can put a prompt of their own in place of every prompt of a module: `sudo -p`.
bool may_replace_prompts(std::string_view service);

/// Programs that show a message when it comes, and not with the next question as sshd does.
bool shows_messages_at_once(std::string_view service);

/// Programs that let people in, and su, which turns one user into another: a sign-in is never
/// reused there.
bool is_entry_service(std::string_view service);

/// Why the account phase of a service refuses those who have not signed in.
enum class SignInDemand {
    None,
    OwnRules,     ///< roles or domains of [services.NAME] that cannot be checked otherwise
    WithoutSignIn ///< without_sign_in = "deny"
};

struct Settings {
    IdentitySettings identity;
    SignInSettings sign_in;
    AccountSettings accounts;
    AccessSettings access;
    std::map<std::string, ServiceSettings, std::less<>> services;
    SessionSettings sessions;
    LimitSettings limits;
    OfflineSettings offline;

    /// The rules for `service`, with the defaults of raxauth.toml(5), [services.NAME]: reuse is
    /// "passcode" for sudo, sudo-i, polkit-1 and screen lockers and never anything but "none" for
    /// sshd, login and su; without_sign_in is "deny" for sshd while require_mfa holds.
    ServicePolicy for_service(std::string_view service) const;
    /// What [services.NAME] says; key by key, sudo-i inherits from sudo and su-l from su.
    ServiceSettings own_rules(std::string_view service) const;
    SignInDemand sign_in_demand(std::string_view service) const;
    /// Keys in which `service` (polkit-1, say, which gives root's rights too) asks less than sudo.
    std::vector<std::string> laxer_than_sudo(std::string_view service) const;
    /// sshd ends a login after LoginGraceTime, 300 s in the drop-in: do both deadlines fit?
    bool outlasts_sshd() const;
    /// All services with a demand, sorted.
    std::vector<std::string> demanding_services() const;
    /// Does the configuration name the Rackspace users of this host (BINDING)? By one of:
    /// access.domains or access.any_domain, a tenant, or an entry of [accounts.map] for this very
    /// user.
    bool binds(std::string_view local_user, const AccessSettings& access) const;
    /// Can anybody sign in through any service? False as installed: `status`,
    /// `check-config` and the journal then show kBindingAdvice.
    bool binds_anybody() const;

    bool operator==(const Settings&) const = default;
};

} // namespace raxauth::settings
