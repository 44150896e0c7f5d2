// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/settings.h"

#include "daemon/settings/settings_file.h"

#include <fstream>
#include <iterator>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth::settings;
using namespace std::chrono_literals;

TEST_GROUP(ServicePolicy) {
    Settings settings;
};

TEST(ServicePolicy, reuse_is_passcode_for_those_who_ask_again_and_none_for_all_others) {
    for (const char* service : {"sudo", "sudo-i", "polkit-1", "swaylock", "xscreensaver", "kde"}) {
        CHECK_TRUE_TEXT(settings.for_service(service).reuse == Reuse::Passcode, service);
    }
    for (const char* service :
         {"sshd", "login", "su", "su-l", "user", "cron", "", "gdm-password"}) {
        CHECK_TRUE_TEXT(settings.for_service(service).reuse == Reuse::None, service);
    }
    CHECK(settings.for_service("sudo").reuse_for == 15min);
}

TEST(ServicePolicy, what_the_service_says_wins) {
    settings.access.domains = {"1"};
    settings.access.roles = {"admin"};
    ServiceSettings& own = settings.services["sudo"];
    own.reuse = Reuse::All;
    own.reuse_for = 60s;
    own.require_mfa = false;
    own.domains = {"2"};
    own.any_domain = true;
    own.roles = std::vector<std::string>{};
    own.without_sign_in = WithoutSignIn::Deny;

    const ServicePolicy policy = settings.for_service("sudo");

    CHECK(policy.reuse == Reuse::All);
    CHECK(policy.reuse_for == 60s);
    CHECK(policy.access == (AccessSettings{false, {"2"}, true, {}}));
    CHECK(policy.without_sign_in == WithoutSignIn::Deny);
    CHECK(settings.for_service("cron").access == settings.access);
}

TEST(ServicePolicy, prompts_are_plain_where_a_service_shows_them_in_a_small_window) {
    for (const char* service : {"polkit-1", "gdm-password", "gdm", "lightdm", "lightdm-greeter",
                                "sddm", "cinnamon-screensaver", "swaylock", "i3lock", "kde"}) {
        CHECK_TRUE_TEXT(settings.for_service(service).plain_prompts, service);
    }
    for (const char* service : {"sshd", "login", "su", "sudo", "sudo-i", "user", "cron", ""}) {
        CHECK_FALSE_TEXT(settings.for_service(service).plain_prompts, service);
    }
    settings.services["gdm"].plain_prompts = false;
    CHECK_FALSE(settings.for_service("gdm").plain_prompts);
    settings.services["xdm"].plain_prompts = true;
    CHECK_TRUE(settings.for_service("xdm").plain_prompts);
}

TEST(ServicePolicy, the_password_prompt_is_the_services_own_or_that_of_sign_in) {
    STRCMP_EQUAL("Password: ", settings.for_service("sshd").password_prompt.c_str());
    settings.sign_in.password_prompt = "Cloud password: ";
    settings.services["sudo"].password_prompt = "{service} password: ";
    STRCMP_EQUAL("Cloud password: ", settings.for_service("sshd").password_prompt.c_str());
    STRCMP_EQUAL("{service} password: ", settings.for_service("sudo").password_prompt.c_str());
}

TEST(ServicePolicy, what_lets_people_in_never_reuses_whatever_was_put_there) {
    for (const char* service : {"sshd", "login", "su", "su-l", "remote"}) {
        settings.services[service].reuse = Reuse::All;
        CHECK_TRUE_TEXT(settings.for_service(service).reuse == Reuse::None, service);
    }
}

TEST(ServicePolicy, a_login_without_sign_in_is_denied_for_sshd_while_mfa_is_required) {
    CHECK(settings.for_service("sshd").without_sign_in == WithoutSignIn::Deny);
    CHECK(settings.for_service("cron").without_sign_in == WithoutSignIn::Allow);
    CHECK(settings.for_service("login").without_sign_in == WithoutSignIn::Allow);

    settings.services["sshd"].without_sign_in = WithoutSignIn::Allow;
    CHECK(settings.for_service("sshd").without_sign_in == WithoutSignIn::Allow);

    settings.services["sshd"] = {};
    settings.services["sshd"].require_mfa = false;
    CHECK(settings.for_service("sshd").without_sign_in == WithoutSignIn::Allow);

    settings.services.clear();
    settings.access.require_mfa = false;
    CHECK(settings.for_service("sshd").without_sign_in == WithoutSignIn::Allow);
    settings.services["sshd"].require_mfa = true;
    CHECK(settings.for_service("sshd").without_sign_in == WithoutSignIn::Deny);
}

TEST(ServicePolicy, the_login_shell_variants_take_what_they_do_not_say_from_sudo_and_su) {
    ServiceSettings& sudo = settings.services["sudo"];
    sudo.reuse = Reuse::None;
    sudo.reuse_for = 60s;
    sudo.require_mfa = false;
    sudo.domains = {"2"};
    sudo.any_domain = true;
    sudo.roles = {{"admin"}};
    sudo.without_sign_in = WithoutSignIn::Deny;
    CHECK(settings.for_service("sudo-i") == settings.for_service("sudo"));

    settings.services["sudo-i"].roles = std::vector<std::string>{};
    CHECK(settings.for_service("sudo-i").access.roles.empty());
    CHECK(settings.for_service("sudo-i").reuse == Reuse::None);
    CHECK(settings.for_service("sudo").access.roles.size() == 1);

    settings.services["su"].roles = {{"operator"}};
    CHECK(settings.for_service("su-l").access.roles == (std::vector<std::string>{"operator"}));
    settings.services["su-l"].roles = {{"admin"}};
    CHECK(settings.for_service("su").access.roles == (std::vector<std::string>{"operator"}));
}

TEST(ServicePolicy, programs_that_let_people_into_the_machine_are_known_by_name) {
    for (const char* service : {"sshd", "login", "remote", "gdm-password", "gdm-autologin",
                                "lightdm", "lightdm-greeter", "sddm", "greetd", "xdm"}) {
        CHECK_TRUE_TEXT(is_way_in(service), service);
        CHECK_TRUE_TEXT(is_entry_service(service), service);
    }
    for (const char* service : {"sudo", "sudo-i", "su", "su-l", "polkit-1", "cron", "i3lock", ""}) {
        CHECK_FALSE_TEXT(is_way_in(service), service);
    }
    CHECK_TRUE(is_entry_service("su"));
    CHECK_FALSE(is_entry_service("sudo"));
}

TEST(ServicePolicy, a_service_demands_a_sign_in_by_its_own_rules_or_by_saying_so) {
    CHECK(settings.sign_in_demand("sshd") == SignInDemand::WithoutSignIn);
    CHECK(settings.sign_in_demand("cron") == SignInDemand::None);
    CHECK(settings.demanding_services() == (std::vector<std::string>{"sshd"}));

    settings.services["sudo"].roles = {{"admin"}};
    CHECK(settings.sign_in_demand("sudo") == SignInDemand::OwnRules);
    CHECK(settings.sign_in_demand("sudo-i") == SignInDemand::OwnRules);
    settings.services["sudo-i"].without_sign_in = WithoutSignIn::Allow;
    CHECK(settings.sign_in_demand("sudo-i") == SignInDemand::None);
    settings.services["su"].domains = {{"1"}};
    CHECK(settings.demanding_services() ==
          (std::vector<std::string>{"sshd", "su", "su-l", "sudo"}));

    settings.access.require_mfa = false;
    CHECK(settings.sign_in_demand("sshd") == SignInDemand::None);
}

TEST(ServicePolicy, it_is_known_where_polkit_asks_less_than_sudo) {
    const auto laxer = [this] { return settings.laxer_than_sudo("polkit-1"); };
    using Keys = std::vector<std::string>;
    CHECK(laxer().empty());

    settings.services["sudo"].roles = {{"admin"}};
    CHECK((laxer() == Keys{"roles", "without_sign_in"}));
    settings.services["polkit-1"].roles = {{"admin", "observer"}};
    CHECK(laxer() == Keys{"roles"});
    settings.services["polkit-1"].roles = {{"admin"}};
    CHECK(laxer().empty());

    settings.services["sudo"].reuse = Reuse::None;
    CHECK(laxer() == Keys{"reuse"});
    settings.services["sudo"].reuse = Reuse::All;
    settings.services["sudo"].reuse_for = 60s;
    CHECK(laxer() == Keys{"reuse_for"});
    settings.services["polkit-1"].reuse = Reuse::None;
    settings.services["polkit-1"].require_mfa = false;
    CHECK(laxer() == Keys{"require_mfa"});
}

TEST_GROUP(Binding) {
    Settings settings;
};

TEST(Binding, nothing_said_binds_nobody) {
    CHECK_FALSE(settings.binds("alice", settings.access));
    CHECK_FALSE(settings.binds_anybody());
}

TEST(Binding, roles_and_a_template_are_no_binding) {
    settings.access.roles = {"admin"};
    settings.accounts.rackspace_user = "acme.{user}";

    CHECK_FALSE(settings.binds("alice", settings.access));
    CHECK_FALSE(settings.binds_anybody());
}

TEST(Binding, domains_any_domain_and_either_tenant_bind_everybody) {
    Settings domains;
    domains.access.domains = {"1"};
    Settings any;
    any.access.any_domain = true;
    Settings id;
    id.accounts.tenant_id = "1";
    Settings name;
    name.accounts.tenant_name = "acme";

    for (const Settings* one : {&domains, &any, &id, &name}) {
        CHECK(one->binds("alice", one->access));
        CHECK(one->binds_anybody());
    }
}

TEST(Binding, the_account_map_binds_those_it_names) {
    settings.accounts.map = {{"alice", "alice.smith"}};

    CHECK(settings.binds("alice", settings.access));
    CHECK_FALSE(settings.binds("alice.smith", settings.access));
    CHECK_FALSE(settings.binds("bob", settings.access));
    CHECK(settings.binds_anybody());
}

TEST(Binding, a_service_of_its_own_rules_is_bound_by_them) {
    settings.services["sudo"].domains = {"1"};
    CHECK(settings.binds("alice", settings.for_service("sudo").access));
    CHECK_FALSE(settings.binds("alice", settings.for_service("sshd").access));
    CHECK(settings.binds_anybody());

    settings.services.clear();
    settings.access.domains = {"1"};
    settings.services["sudo"].domains = std::vector<std::string>{};
    CHECK_FALSE(settings.binds("alice", settings.for_service("sudo").access));
}

// ---------------------------------------------------------------------------------------------

namespace {

std::string installed() {
    std::ifstream file(RAXAUTH_SOURCE_DIR "/etc/raxauth.toml");
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// What an administrator gets who takes the '#' off every key.
std::string with_every_key() {
    std::string text = "\n" + installed();
    for (std::size_t at = 0; (at = text.find("\n#", at)) != std::string::npos; ++at) {
        const char next = text[at + 2];
        if (next >= 'a' && next <= 'z') {
            text.erase(at + 1, 1);
        }
    }
    return text.substr(1);
}

Settings sound(const std::string& text) {
    const auto outcome = parse_settings(text, "raxauth.toml");
    if (const auto* faults = std::get_if<SettingsFaults>(&outcome)) {
        FAIL(faults->front().text().c_str());
    }
    return std::get<Settings>(outcome);
}

} // namespace

TEST_GROUP(InstalledConfiguration){};

TEST(InstalledConfiguration, is_sound_and_binds_nobody) {
    Settings settings = sound(installed());

    CHECK_FALSE(settings.binds_anybody());
    for (const char* service : {"sshd", "sudo", "login", "cron"}) {
        CHECK(settings.for_service(service) == Settings{}.for_service(service));
    }
    settings.services.clear(); // its tables for sudo and sshd are empty
    CHECK(settings == Settings{});
}

TEST(InstalledConfiguration, shows_the_defaults) {
    Settings settings = sound(with_every_key());

    CHECK(settings.accounts.map.size() == 1); // the example
    settings.accounts.map.clear();
    CHECK(settings.services["sudo"].reuse == Reuse::Passcode);
    for (const char* service : {"sshd", "sudo", "login", "cron"}) {
        CHECK(settings.for_service(service) == Settings{}.for_service(service));
    }
    settings.services.clear();
    CHECK(settings == Settings{});
}

TEST(InstalledConfiguration, leaves_both_deadlines_less_than_sshd_leaves) {
    Settings settings;
    CHECK_FALSE(settings.outlasts_sshd());
    settings.sign_in.deadline = 2min;
    CHECK_TRUE(settings.outlasts_sshd());
}

TEST(InstalledConfiguration, has_every_key) {
    struct Row {
        const char* section;
        std::vector<const char*> keys;
    };
    const std::vector<Row> rows{
        {"identity",
         {"provider", "url", "ca_file", "pinned_public_key", "proxy", "connect_timeout",
          "request_timeout", "apply_rcn_roles"}},
        {"sign_in",
         {"credential", "single_prompt", "password_prompt", "deadline", "passcode_deadline",
          "enrol_at_login", "enrolment_deadline"}},
        {"accounts",
         {"minimum_uid", "exempt_users", "exempt_groups", "rackspace_user", "tenant_id",
          "tenant_name"}},
        {"accounts.map", {"alice"}},
        {"access", {"require_mfa", "domains", "any_domain", "roles"}},
        {"services.sudo", {"reuse", "reuse_for"}},
        {"services.sshd", {"without_sign_in"}},
        {"sessions", {"revoke_on_logout", "recheck_after", "reuse_unverified", "user_token"}},
        {"limits",
         {"passcode_attempts", "wrong_passcodes", "wrong_passwords", "challenges", "resends",
          "conversations", "conversations_per_user"}},
        {"offline", {"enabled", "valid_for"}},
    };
    const std::string text = with_every_key();

    for (const Row& row : rows) {
        const std::string header = std::string("\n[") + row.section + "]\n";
        const std::size_t begin = text.find(header);
        CHECK_TRUE_TEXT(begin != std::string::npos, row.section);
        const std::string section =
            text.substr(begin, text.find("\n[", begin + header.size()) - begin);
        for (const char* key : row.keys) {
            CHECK_TRUE_TEXT(section.find("\n" + std::string(key) + " = ") != std::string::npos,
                            key);
        }
    }
}
