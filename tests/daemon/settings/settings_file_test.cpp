// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/settings_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth::settings;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

using Outcome = std::variant<Settings, SettingsFaults>;

std::string all_text(const Outcome& outcome) {
    std::string text;
    if (const auto* faults = std::get_if<SettingsFaults>(&outcome)) {
        for (const SettingsFault& fault : *faults) {
            text += fault.text() + '\n';
        }
    }
    return text;
}

Settings sound(std::string_view text) {
    Outcome outcome = parse_settings(text, "t");
    STRCMP_EQUAL("", all_text(outcome).c_str());
    return std::holds_alternative<Settings>(outcome) ? std::get<Settings>(outcome) : Settings{};
}

void check_faults(const char* expected, std::string_view text) {
    const std::string found = all_text(parse_settings(text, "t"));
    STRCMP_EQUAL_TEXT(expected, found.c_str(), std::string(text).c_str());
}

} // namespace

TEST_GROUP(SettingsText){};

TEST(SettingsText, nothing_said_means_the_defaults) {
    const Settings settings = sound("");

    CHECK(settings == Settings{});
    STRCMP_EQUAL("https://identity.api.rackspacecloud.com/v2.0", settings.identity.url.c_str());
    CHECK(settings.identity.connect_timeout == 5s);
    CHECK(settings.identity.request_timeout == 20s);
    CHECK_FALSE(settings.identity.rackspace.apply_rcn_roles);
    CHECK(settings.sign_in.credential == CredentialRule::Password);
    CHECK_FALSE(settings.sign_in.single_prompt);
    CHECK(settings.sign_in.deadline == 90s);
    CHECK(settings.sign_in.enrol_at_login);
    CHECK(settings.sign_in.enrolment_deadline == 10min);
    LONGS_EQUAL(1000, settings.accounts.minimum_uid);
    CHECK(settings.accounts.exempt_users == std::vector<std::string>{"root"});
    CHECK(settings.accounts.exempt_groups.empty());
    STRCMP_EQUAL("{user}", settings.accounts.rackspace_user.c_str());
    CHECK(settings.access.require_mfa);
    CHECK_FALSE(settings.access.any_domain);
    CHECK(settings.sessions.revoke_on_logout);
    CHECK(settings.sessions.recheck_after == 60s);
    CHECK_FALSE(settings.sessions.reuse_unverified);
    CHECK(settings.sessions.user_token);
    LONGS_EQUAL(2, settings.limits.passcode_attempts);
    LONGS_EQUAL(2, settings.limits.wrong_passcodes);
    LONGS_EQUAL(10, settings.limits.wrong_passwords);
    LONGS_EQUAL(6, settings.limits.challenges);
    LONGS_EQUAL(2, settings.limits.resends);
    LONGS_EQUAL(1024, settings.limits.conversations);
    LONGS_EQUAL(16, settings.limits.conversations_per_user);
    CHECK_FALSE(settings.offline.enabled);
    CHECK(settings.offline.valid_for == 72h);
}

TEST(SettingsText, every_key_is_taken_to_its_place) {
    struct Row {
        const char* text;
        std::function<void(Settings&)> change;
    };
    const std::vector<Row> rows{
        {"[identity]\nprovider = 'rackspace'", [](Settings&) {}},
        {"[identity]\nurl = 'https://id.example/v2.0'",
         [](Settings& s) { s.identity.url = "https://id.example/v2.0"; }},
        {"[identity]\nca_file = '/etc/ssl/own.pem'",
         [](Settings& s) { s.identity.ca_file = "/etc/ssl/own.pem"; }},
        {"[identity]\npinned_public_key = "
         "'sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='",
         [](Settings& s) {
             s.identity.pinned_public_key = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
         }},
        {"[identity]\nproxy = 'http://proxy.example:3128/'",
         [](Settings& s) { s.identity.proxy = "http://proxy.example:3128"; }},
        {"[identity]\nconnect_timeout = '1500ms'",
         [](Settings& s) { s.identity.connect_timeout = 1500ms; }},
        {"[identity]\nrequest_timeout = '30s'",
         [](Settings& s) { s.identity.request_timeout = 30s; }},
        {"[identity]\napply_rcn_roles = true",
         [](Settings& s) { s.identity.rackspace.apply_rcn_roles = true; }},
        {"[sign_in]\ncredential = 'password'", [](Settings&) {}},
        {"[sign_in]\ncredential = 'password-or-api-key'\n[access]\nrequire_mfa = false",
         [](Settings& s) {
             s.sign_in.credential = CredentialRule::PasswordOrApiKey;
             s.access.require_mfa = false;
         }},
        {"[sign_in]\nsingle_prompt = true", [](Settings& s) { s.sign_in.single_prompt = true; }},
        {"[sign_in]\ndeadline = '5m'", [](Settings& s) { s.sign_in.deadline = 300s; }},
        {"[sign_in]\npassword_prompt = '{user} on {service}, password: '",
         [](Settings& s) { s.sign_in.password_prompt = "{user} on {service}, password: "; }},
        {"[services.sudo]\npassword_prompt = 'Cloud password: '",
         [](Settings& s) { s.services["sudo"].password_prompt = "Cloud password: "; }},
        {"[services.xdm]\nplain_prompts = true",
         [](Settings& s) { s.services["xdm"].plain_prompts = true; }},
        {"[sign_in]\nenrol_at_login = false",
         [](Settings& s) { s.sign_in.enrol_at_login = false; }},
        {"[sign_in]\nenrolment_deadline = '1h'",
         [](Settings& s) { s.sign_in.enrolment_deadline = 3600s; }},
        {"[accounts]\nminimum_uid = 5000", [](Settings& s) { s.accounts.minimum_uid = 5000; }},
        {"[accounts]\nmaximum_uid = 4294967294",
         [](Settings& s) { s.accounts.maximum_uid = 4294967294U; }},
        {"[accounts]\nexempt_users = ['root', 'break.glass']",
         [](Settings& s) { s.accounts.exempt_users = {"root", "break.glass"}; }},
        {"[accounts]\nexempt_users = []", [](Settings& s) { s.accounts.exempt_users = {}; }},
        {"[accounts]\nexempt_groups = ['wheel']",
         [](Settings& s) { s.accounts.exempt_groups = {"wheel"}; }},
        {"[accounts]\nrackspace_user = 'acme.{user}'",
         [](Settings& s) { s.accounts.rackspace_user = "acme.{user}"; }},
        {"[accounts]\nrackspace_user = 'deploy'",
         [](Settings& s) { s.accounts.rackspace_user = "deploy"; }},
        {"[accounts]\ntenant_id = '123456'", [](Settings& s) { s.accounts.tenant_id = "123456"; }},
        {"[accounts]\ntenant_name = 'acme'", [](Settings& s) { s.accounts.tenant_name = "acme"; }},
        {"[accounts.map]\nalice = 'alice.smith'\n'bob@corp' = 'bob+x@example.com'",
         [](Settings& s) {
             s.accounts.map = {{"alice", "alice.smith"}, {"bob@corp", "bob+x@example.com"}};
         }},
        {"[access]\nrequire_mfa = false", [](Settings& s) { s.access.require_mfa = false; }},
        {"[access]\ndomains = ['123456']", [](Settings& s) { s.access.domains = {"123456"}; }},
        {"[access]\nany_domain = true", [](Settings& s) { s.access.any_domain = true; }},
        {"[access]\nroles = ['identity:user-admin', '6']",
         [](Settings& s) { s.access.roles = {"identity:user-admin", "6"}; }},
        {"[services.sudo]\nreuse = 'all'\nreuse_for = '1h'",
         [](Settings& s) {
             s.services["sudo"].reuse = Reuse::All;
             s.services["sudo"].reuse_for = 3600s;
         }},
        {"[services.su]\nreuse = 'none'",
         [](Settings& s) { s.services["su"].reuse = Reuse::None; }},
        {"[services.polkit-1]\nreuse = 'passcode'",
         [](Settings& s) { s.services["polkit-1"].reuse = Reuse::Passcode; }},
        {"[services.sshd]\nwithout_sign_in = 'allow'\nrequire_mfa = false\ndomains = []\n"
         "any_domain = true\nroles = ['x']",
         [](Settings& s) {
             ServiceSettings& own = s.services["sshd"];
             own.without_sign_in = WithoutSignIn::Allow;
             own.require_mfa = false;
             own.domains = std::vector<std::string>{};
             own.any_domain = true;
             own.roles = std::vector<std::string>{"x"};
         }},
        {"[services.cron]\nwithout_sign_in = 'deny'",
         [](Settings& s) { s.services["cron"].without_sign_in = WithoutSignIn::Deny; }},
        {"[sessions]\nrevoke_on_logout = false",
         [](Settings& s) { s.sessions.revoke_on_logout = false; }},
        {"[sessions]\nrecheck_after = '0s'", [](Settings& s) { s.sessions.recheck_after = 0s; }},
        {"[sessions]\nreuse_unverified = true",
         [](Settings& s) { s.sessions.reuse_unverified = true; }},
        {"[sessions]\nuser_token = false", [](Settings& s) { s.sessions.user_token = false; }},
        {"[limits]\npasscode_attempts = 3", [](Settings& s) { s.limits.passcode_attempts = 3; }},
        {"[limits]\nwrong_passcodes = 5", [](Settings& s) { s.limits.wrong_passcodes = 5; }},
        {"[limits]\nwrong_passwords = 20", [](Settings& s) { s.limits.wrong_passwords = 20; }},
        {"[limits]\nchallenges = 12", [](Settings& s) { s.limits.challenges = 12; }},
        {"[limits]\nresends = 0", [](Settings& s) { s.limits.resends = 0; }},
        {"[limits]\nconversations = 1000", [](Settings& s) { s.limits.conversations = 1000; }},
        {"[limits]\nconversations_per_user = 4",
         [](Settings& s) { s.limits.conversations_per_user = 4; }},
        {"[offline]\nenabled = true", [](Settings& s) { s.offline.enabled = true; }},
        {"[offline]\nvalid_for = '1d'", [](Settings& s) { s.offline.valid_for = 86400s; }},
    };

    for (const Row& row : rows) {
        Settings expected;
        row.change(expected);
        CHECK_TRUE_TEXT(sound(row.text) == expected, row.text);
    }
}

TEST(SettingsText, every_key_refuses_other_types_and_values) {
    struct Row {
        const char* table;
        const char* key;
        std::vector<const char*> wrong;
        const char* wanted;
    };
    const std::vector<const char*> no_bool{"1", "\"true\"", "[true]", "0.0", "1979-05-27"};
    const std::vector<const char*> no_list{"\"x\"", "true", "{ a = 1 }"};
    const char* pins = "\"\", or pins as sha256//BASE64= with ';' between them";
    const char* url = "a URL that begins with https:// (http:// for a loopback address alone), "
                      "without user name, query and fragment";
    const char* proxy = "\"\", or a proxy as http://, https://, socks5:// or socks5h:// with host "
                        "and port alone";
    const char* much = "a whole number from 1 to 1000000";
    const std::vector<Row> rows{
        {"identity",
         "url",
         {"1",
          "true",
          "[]",
          "\"\"",
          "\"identity.example\"",
          "\"http://id.example/v2.0\"",
          "\"ftp://id.example/\"",
          "\"https://\"",
          "\"https:///v2.0\"",
          "\"https://a b/\"",
          "\"https://h/v2.0?x=1\"",
          "\"https://h/#f\"",
          "\"https://h:0/\"",
          "\"https://h:65536/\"",
          "\"https://h:x/\"",
          "\"https://[::1/\"",
          "\"https://[nonsense]/\"",
          "\"https://h/\\n\"",
          "\"http://127.0.0.1.example/\"",
          "\"http://128.0.0.1/\"",
          "\"http://[::2]/\"",
          "\"http://localhost.example/\"",
          "\"http://0x7f000001/\"",
          "\"file:///etc/passwd\""},
         url},
        {"identity",
         "ca_file",
         {"1", "\"own.pem\"", "\"/a\\nb\""},
         "\"\", or the absolute path of a PEM file"},
        {"identity",
         "pinned_public_key",
         {"1", "\"/etc/key.pem\"", "\"sha256//\"", "\"sha256//AAAA=\"",
          "\"sha1//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
          "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;\"",
          "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
          "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA!=\"",
          "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ; x\""},
         pins},
        {"identity",
         "proxy",
         {"1", "\"proxy.example:3128\"", "\"ftp://p:1\"", "\"http://p:1/path\"", "\"http://\""},
         proxy},
        {"identity",
         "connect_timeout",
         {"5", "5.0", "\"5\"", "\"s\"", "\"\"", "\"99ms\"", "\"31s\"", "\"-5s\"", "\"5 s\"",
          "\"5S\"", "\"5s5\"", "\"1h30m\"", "\"99999999999999999999s\"", "\"0s\"", "\"1.5s\""},
         "a duration with its unit (ms, s, m, h, d) from \"100ms\" to \"30s\""},
        {"identity",
         "request_timeout",
         {"20", "\"199ms\"", "\"51s\""},
         "a duration with its unit (ms, s, m, h, d) from \"200ms\" to \"50s\""},
        {"identity", "apply_rcn_roles", no_bool, "true or false"},
        {"sign_in",
         "credential",
         {"1", "\"\"", "\"api-key\"", "\"Password\""},
         "\"password\" or \"password-or-api-key\""},
        {"sign_in", "single_prompt", no_bool, "true or false"},
        {"sign_in",
         "deadline",
         {"90", "\"0s\"", "\"61m\"", "\"1500ms\""},
         "a duration with its unit (ms, s, m, h, d) from \"1s\" to \"1h\", in whole seconds"},
        {"sign_in",
         "password_prompt",
         {"1", "\"\"", "\"Password\"", "\"Password:\"", "\"{name} password: \"",
          "\"two\\nlines password: \"", "\"{user password: \""},
         "one line of at most 128 ASCII characters that ends in \"assword: \", with no placeholder "
         "but {user} "
         "and {service}"},
        {"services.sudo", "plain_prompts", no_bool, "true or false"},
        {"sign_in", "enrol_at_login", no_bool, "true or false"},
        {"sign_in",
         "enrolment_deadline",
         {"600", "\"0s\"", "\"2h\""},
         "a duration with its unit (ms, s, m, h, d) from \"1s\" to \"1h\", in whole seconds"},
        {"accounts",
         "minimum_uid",
         {"\"1000\"", "-1", "0", "4294967295", "1e3"},
         "a whole number from 1 to 4294967294"},
        {"accounts", "exempt_users", no_list,
         "a list of names of local users (letters, digits and _.@-+$)"},
        {"accounts", "exempt_groups", no_list,
         "a list of names of local groups (letters, digits and _.@-+$)"},
        {"accounts",
         "rackspace_user",
         {"1", "\"\"", "\"{name}\"", "\"{user\"", "\"a b\"", "\"{{user}}\""},
         "a Rackspace user name in which {user} is the local name"},
        {"accounts",
         "tenant_id",
         {"123456", "\"a b\""},
         "\"\", or a tenant id without blanks and quotes"},
        {"accounts",
         "tenant_name",
         {"123456", "\"a b\""},
         "\"\", or a tenant name without blanks and quotes"},
        {"accounts", "map", {"1", "\"a=b\"", "[]"}, "a table of local = \"Rackspace\" names"},
        {"accounts.map",
         "alice",
         {"1", "\"\"", "\"a b\"", "[\"a\"]"},
         "the name of a Rackspace user, without blanks and quotes"},
        {"access", "require_mfa", no_bool, "true or false"},
        {"access", "domains", no_list, "a list of ids of Rackspace domains"},
        {"access", "any_domain", no_bool, "true or false"},
        {"access", "roles", no_list, "a list of names or ids of Rackspace roles"},
        {"services.sudo",
         "reuse",
         {"true", "\"always\"", "\"None\""},
         "\"none\" or \"passcode\" or \"all\""},
        {"services.sudo",
         "reuse_for",
         {"15", "\"0s\"", "\"25h\""},
         "a duration with its unit (ms, s, m, h, d) from \"1s\" to \"1d\", in whole seconds"},
        {"services.sudo", "without_sign_in", {"true", "\"refuse\""}, "\"allow\" or \"deny\""},
        {"services.sudo", "require_mfa", no_bool, "true or false"},
        {"services.sudo", "domains", no_list, "a list of ids of Rackspace domains"},
        {"services.sudo", "any_domain", no_bool, "true or false"},
        {"services.sudo", "roles", no_list, "a list of names or ids of Rackspace roles"},
        {"services.sshd",
         "reuse",
         {"\"passcode\"", "\"all\""},
         "\"none\": this service lets people into the machine"},
        {"services.login",
         "reuse",
         {"\"passcode\""},
         "\"none\": this service lets people into the machine"},
        {"services.su",
         "reuse",
         {"\"all\""},
         "\"none\": this service lets people into the machine"},
        {"services.su-l",
         "reuse",
         {"\"all\""},
         "\"none\": this service lets people into the machine"},
        {"sessions", "revoke_on_logout", no_bool, "true or false"},
        {"sessions",
         "recheck_after",
         {"60", "\"25h\"", "\"500ms\""},
         "a duration with its unit (ms, s, m, h, d) from \"0s\" to \"1d\", in whole seconds"},
        {"sessions", "reuse_unverified", no_bool, "true or false"},
        {"sessions", "user_token", no_bool, "true or false"},
        {"limits",
         "passcode_attempts",
         {"0", "101", "\"2\"", "2.0", "true"},
         "a whole number from 1 to 100"},
        {"limits", "wrong_passcodes", {"0", "1000001", "\"2\""}, much},
        {"limits", "wrong_passwords", {"0", "1000001", "\"2\""}, much},
        {"limits", "challenges", {"0", "1000001", "\"2\""}, much},
        {"limits",
         "resends",
         {"-1", "101", "\"many\"", "9223372036854775807"},
         "a whole number from 0 to 100"},
        {"limits", "conversations", {"0", "10001"}, "a whole number from 1 to 10000"},
        {"limits", "conversations_per_user", {"0", "10001"}, "a whole number from 1 to 10000"},
        {"offline", "enabled", no_bool, "true or false"},
        {"offline",
         "valid_for",
         {"72", "\"59s\"", "\"91d\""},
         "a duration with its unit (ms, s, m, h, d) from \"1m\" to \"90d\", in whole seconds"},
    };

    for (const Row& row : rows) {
        for (const char* wrong : row.wrong) {
            const std::string text =
                std::string("\n[") + row.table + "]\n" + row.key + " = " + wrong + '\n';
            const Outcome outcome = parse_settings(text, "t");
            const auto* faults = std::get_if<SettingsFaults>(&outcome);
            CHECK_TRUE_TEXT(faults != nullptr, text.c_str());
            LONGS_EQUAL_TEXT(1, faults->size(), (text + all_text(outcome)).c_str());
            const SettingsFault& fault = faults->front();
            STRCMP_EQUAL_TEXT("t", fault.file.c_str(), text.c_str());
            LONGS_EQUAL_TEXT(3, fault.line, text.c_str());
            STRCMP_EQUAL_TEXT((std::string(row.table) + '.' + row.key).c_str(), fault.key.c_str(),
                              text.c_str());
            STRCMP_EQUAL_TEXT(row.wanted, fault.wanted.c_str(), text.c_str());
        }
    }
}

TEST(SettingsText, a_fault_says_file_line_key_found_and_wanted) {
    check_faults("t:2: limits.resends: found \"many\", wanted a whole number from 0 to 100\n",
                 "[limits]\nresends = \"many\"");
}

TEST(SettingsText, what_was_found_is_shown_in_one_clean_line) {
    check_faults("t:2: sign_in.credential: found \"a b?[2Jc\", wanted \"password\" or "
                 "\"password-or-api-key\"\n",
                 "[sign_in]\ncredential = \"a\\nb\\u001b[2Jc\"");
    check_faults("t:2: limits.resends: found a list, wanted a whole number from 0 to 100\n",
                 "[limits]\nresends = [1]");
    check_faults("t:2: limits.resends: found a table, wanted a whole number from 0 to 100\n",
                 "[limits]\nresends = {}");
    check_faults("t:2: limits.resends: found 1.5, wanted a whole number from 0 to 100\n",
                 "[limits]\nresends = 1.5");
    check_faults("t:2: limits.resends: found true, wanted a whole number from 0 to 100\n",
                 "[limits]\nresends = true");
    check_faults("t:2: limits.resends: found a date or time, wanted a whole number from 0 to 100\n",
                 "[limits]\nresends = 1979-05-27T07:32:00Z");
}

TEST(SettingsText, a_password_in_a_url_is_not_shown) {
    check_faults("t:2: identity.url: found a URL with a user name or password in it, wanted a URL "
                 "that begins with https:// (http:// for a loopback address alone), without user "
                 "name, query and fragment\n"
                 "t:3: identity.proxy: found a URL with a user name or password in it, wanted "
                 "\"\", or a proxy as http://, https://, socks5:// or socks5h:// with host and "
                 "port alone\n",
                 "[identity]\nurl = 'https://me:hunter2@id.example/'\n"
                 "proxy = 'http://me:hunter2@proxy.example:3128'");
}

TEST(SettingsText, urls_are_brought_into_one_form) {
    struct Row {
        const char* given;
        const char* taken;
    };
    const Row rows[] = {
        {"https://id.example/v2.0/", "https://id.example/v2.0"},
        {"https://id.example:443/v2.0", "https://id.example/v2.0"},
        {"https://id.example:8443/v2.0", "https://id.example:8443/v2.0"},
        {"https://[2001:db8::443]/v2.0", "https://[2001:db8::443]/v2.0"},
        {"http://localhost:80/v2.0", "http://localhost/v2.0"},
        {"https://id.example/", "https://id.example"},
        {"https://id.example///", "https://id.example"},
        {"HTTPS://Id.Example:8443/V2.0", "https://id.example:8443/V2.0"},
        {"http://127.0.0.1:8080/v2.0", "http://127.0.0.1:8080/v2.0"},
        {"http://127.9.9.9/v2.0", "http://127.9.9.9/v2.0"},
        {"http://[::1]:8080/v2.0", "http://[::1]:8080/v2.0"},
        {"http://localhost/v2.0", "http://localhost/v2.0"},
        {"https://[2001:db8::1]/v2.0", "https://[2001:db8::1]/v2.0"},
    };

    for (const Row& row : rows) {
        const Settings settings = sound("[identity]\nurl = '" + std::string(row.given) + "'");
        STRCMP_EQUAL(row.taken, settings.identity.url.c_str());
    }
}

TEST(SettingsText, what_is_not_encrypted_must_not_leave_the_machine_by_a_proxy) {
    for (const char* proxy : {"http://proxy.example:3128", "socks5h://10.0.0.1:1080",
                              "https://127.0.0.1.example:3128"}) {
        const std::string faults = all_text(parse_settings(
            "[identity]\nurl = 'http://127.0.0.1:8080/v2.0'\nproxy = '" + std::string(proxy) + "'",
            "t"));
        STRCMP_CONTAINS("t:3: identity.proxy: found \"", faults.c_str());
        STRCMP_CONTAINS("unencrypted", faults.c_str());
    }
    sound("[identity]\nurl = 'http://127.0.0.1:8080/v2.0'\nproxy = 'http://[::1]:3128'");
    sound("[identity]\nurl = 'https://127.0.0.1:8080/v2.0'\nproxy = 'http://proxy.example:3128'");
}

TEST(SettingsText, an_unknown_provider_is_a_fault_that_lists_what_there_is) {
    check_faults("t:2: identity.provider: found \"keyring\", wanted \"rackspace\"\n",
                 "[identity]\nprovider = 'keyring'");
}

TEST(SettingsText, several_pins_and_every_proxy_scheme_are_taken) {
    const std::string pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+=";
    STRCMP_EQUAL((pin + ';' + pin).c_str(),
                 sound("[identity]\npinned_public_key = '" + pin + ';' + pin + "'")
                     .identity.pinned_public_key.c_str());
    for (const char* proxy : {"http://p:1", "https://p:1", "socks5://p:1", "socks5h://p:1",
                              "http://[2001:db8::1]:3128"}) {
        STRCMP_EQUAL(
            proxy,
            sound("[identity]\nproxy = '" + std::string(proxy) + "'").identity.proxy.c_str());
    }
}

TEST(SettingsText, unknown_keys_and_tables_are_faults_that_name_what_there_is) {
    check_faults("t:1: colour: found an unknown key, wanted one of [identity], [sign_in], "
                 "[accounts], [access], [services.NAME], [sessions], [limits], [offline]\n"
                 "t:2: limit: found an unknown table, wanted one of [identity], [sign_in], "
                 "[accounts], [access], [services.NAME], [sessions], [limits], [offline]\n"
                 "t:4: offline.enable: found an unknown key, wanted one of enabled, valid_for\n"
                 "t:6: services.sudo.minimum_uid: found an unknown key, wanted one of "
                 "require_mfa, domains, any_domain, roles, reuse, reuse_for, without_sign_in, "
                 "password_prompt, plain_prompts\n",
                 "colour = 'blue'\n[limit]\n[offline]\nenable = true\n[services.sudo]\n"
                 "minimum_uid = 5\n");
}

TEST(SettingsText, every_section_has_to_be_a_table) {
    for (const char* section :
         {"identity", "sign_in", "accounts", "access", "sessions", "limits", "offline"}) {
        const std::string name = section;
        check_faults(("t:1: " + name + ": found true, wanted a table: [" + name + "]\n").c_str(),
                     name + " = true");
        check_faults(("t:1: " + name + ": found a list, wanted a table: [" + name + "]\n").c_str(),
                     "[[" + name + "]]");
    }
    check_faults("t:1: services: found 1, wanted tables: [services.NAME]\n", "services = 1");
    check_faults("t:2: services.sudo: found 1, wanted a table: [services.sudo]\n",
                 "[services]\nsudo = 1");
}

TEST(SettingsText, a_name_of_a_service_is_a_files_name) {
    for (const char* name : {"a/b", "../sshd", "", "a b", ".hidden"}) {
        const Outcome outcome = parse_settings("[services.'" + std::string(name) + "']\n", "t");
        CHECK_TRUE_TEXT(std::holds_alternative<SettingsFaults>(outcome), name);
        STRCMP_EQUAL("the name of a PAM service",
                     std::get<SettingsFaults>(outcome).front().wanted.c_str());
    }
}

TEST(SettingsText, an_element_of_a_list_is_blamed_alone_with_its_own_line) {
    check_faults("t:4: accounts.exempt_users: found \"a b\", wanted names of local users (letters, "
                 "digits and _.@-+$)\n"
                 "t:5: accounts.exempt_users: found 7, wanted names of local users (letters, "
                 "digits and _.@-+$), in quotes: [\"7\"]\n",
                 "[accounts]\nexempt_users = [\n  'root',\n  'a b',\n  7,\n]");
    check_faults("t:2: access.domains: found 123456, wanted ids of Rackspace domains, in quotes: "
                 "[\"123456\"]\n",
                 "[access]\ndomains = [123456]");
    check_faults("t:2: access.domains: found \"\", wanted ids of Rackspace domains\n",
                 "[access]\ndomains = ['']");
    check_faults("t:2: access.roles: found \" admin\", wanted names or ids of Rackspace roles\n",
                 "[access]\nroles = [' admin']");
}

TEST(SettingsText, a_table_that_stands_twice_is_named_with_its_first_line) {
    check_faults(
        "t:4: access: found this table a second time, after line 1, wanted each table once "
        "in a file: put its keys together\n",
        "[access]\nrequire_mfa = true\n\n[access]\ndomains = ['1']\n");
    check_faults("t:3: services.sudo: found this table a second time, after line 2, wanted each "
                 "table once in a file: put its keys together\n",
                 "\n  [services.sudo] # one\n[services.sudo]\nreuse = 'none'\n");
}

TEST(SettingsText, an_exempt_list_cannot_exclude) {
    check_faults("t:2: accounts.exempt_users: found \"!alice\", wanted names of local users "
                 "(letters, digits and _.@-+$); a list cannot exclude\n"
                 "t:3: accounts.exempt_groups: found \"!wheel\", wanted names of local groups "
                 "(letters, digits and _.@-+$); a list cannot exclude\n",
                 "[accounts]\nexempt_users = ['!alice']\nexempt_groups = ['!wheel']");
}

TEST(SettingsText, keys_of_the_account_map_follow_the_grammar_of_user_names) {
    check_faults("t:2: accounts.map.a:b: found \"a:b\", wanted the name of a local user as key "
                 "(letters, digits and _.@-+$)\n",
                 "[accounts.map]\n'a:b' = 'x'");
}

TEST(SettingsText, rules_about_several_keys_are_checked) {
    check_faults("t:3: accounts.tenant_name: found \"acme\", wanted tenant_id or tenant_name, not "
                 "both\n",
                 "[accounts]\ntenant_id = '1'\ntenant_name = 'acme'");
    check_faults("t:2: sign_in.credential: found \"password-or-api-key\", wanted \"password\", "
                 "unless access.require_mfa = false: Identity never asks for a passcode after an "
                 "API key\n",
                 "[sign_in]\ncredential = 'password-or-api-key'");
    check_faults("t:2: identity.connect_timeout: found \"20s\", wanted less than "
                 "identity.request_timeout, which is \"20s\"\n",
                 "[identity]\nconnect_timeout = '20s'");
    check_faults("t:2: identity.connect_timeout: found \"5s\", wanted less than "
                 "identity.request_timeout, which is \"2s\"\n",
                 "[identity]\nrequest_timeout = '2s'");
    check_faults("t:2: identity.request_timeout: found \"20s\", wanted less than "
                 "sign_in.deadline, which is \"15s\"\n",
                 "[sign_in]\ndeadline = '15s'");
    check_faults("t:2: identity.request_timeout: found \"20s\", wanted less than "
                 "sign_in.enrolment_deadline, which is \"20s\"\n",
                 "[sign_in]\nenrolment_deadline = '20s'");
}

TEST(SettingsText, what_is_wrong_already_is_not_blamed_twice) {
    check_faults("t:2: identity.request_timeout: found \"1h\", wanted a duration with its unit "
                 "(ms, s, m, h, d) from \"200ms\" to \"50s\"\n",
                 "[identity]\nrequest_timeout = '1h'\nconnect_timeout = '25s'");
}

TEST(SettingsText, all_faults_come_at_once_in_the_order_of_their_lines) {
    check_faults("t:2: sessions.user_token: found 1, wanted true or false\n"
                 "t:3: sessions.recheck: found an unknown key, wanted one of revoke_on_logout, "
                 "recheck_after, reuse_unverified, user_token\n"
                 "t:5: access.roles: found 1, wanted a list of names or ids of Rackspace roles\n"
                 "t:7: accounts.minimum_uid: found -5, wanted a whole number from 1 to "
                 "4294967294\n",
                 "[sessions]\nuser_token = 1\nrecheck = '5s'\n[access]\nroles = 1\n[accounts]\n"
                 "minimum_uid = -5");
}

TEST(SettingsText, broken_toml_is_one_fault_with_its_line) {
    for (const char* text : {"[access\nx = 1", "[access]\nroles = [", "\xff",
                             "[access]\nroles = 1\n"
                             "roles = 2",
                             "=", "[access]\nx = 99999999999999999999"}) {
        const Outcome outcome = parse_settings(text, "t");
        CHECK_TRUE_TEXT(std::holds_alternative<SettingsFaults>(outcome), text);
        const SettingsFaults& faults = std::get<SettingsFaults>(outcome);
        LONGS_EQUAL_TEXT(1, faults.size(), text);
        CHECK_TRUE_TEXT(faults.front().line >= 1, text);
        CHECK_TRUE_TEXT(faults.front().key.empty(), text);
        STRCMP_EQUAL("TOML (https://toml.io)", faults.front().wanted.c_str());
    }
}

TEST(SettingsText, nesting_without_end_is_a_fault_and_no_crash) {
    const std::string deep = "x = " + std::string(200000, '[');

    CHECK(std::holds_alternative<SettingsFaults>(parse_settings(deep, "t")));
}

// ---------------------------------------------------------------------------------------------

TEST(SettingsText, the_largest_uid_is_not_below_the_smallest) {
    const Outcome good = parse_settings("[accounts]\nminimum_uid = 5\nmaximum_uid = 5\n", "t");
    LONGS_EQUAL(5, std::get<Settings>(good).accounts.maximum_uid);

    STRCMP_EQUAL(
        "t:3: accounts.maximum_uid: found 4, wanted at least accounts.minimum_uid, which "
        "is 5\n",
        all_text(parse_settings("[accounts]\nminimum_uid = 5\nmaximum_uid = 4\n", "t")).c_str());
    STRCMP_CONTAINS("at least accounts.minimum_uid, which is 70000",
                    all_text(parse_settings("[accounts]\nminimum_uid = 70000\n", "t")).c_str());
}

TEST_GROUP(SettingsFiles) {
    fs::path directory;
    SettingsPlace place;

    void setup() override {
        std::string name = (fs::temp_directory_path() / "raxauth-settings-XXXXXX").string();
        CHECK(mkdtemp(name.data()) != nullptr);
        directory = name;
        place.file = name + "/raxauth.toml";
        place.directory = name + "/raxauth.d";
        place.owner = geteuid();
        fs::create_directory(place.directory);
        write("raxauth.toml", "");
    }
    void teardown() override {
        fs::remove_all(directory);
    }

    void write(const std::string& name, std::string_view text) {
        std::ofstream(directory / name) << text;
        fs::permissions(directory / name, fs::perms(0644));
    }
    std::string faults() {
        std::string text = all_text(load_settings(place));
        for (std::size_t at = text.find(directory.string()); at != std::string::npos;
             at = text.find(directory.string())) {
            text.replace(at, directory.string().size(), "D");
        }
        return text;
    }
};

TEST(SettingsFiles, later_files_override_earlier_ones_key_by_key) {
    write("raxauth.toml", "[access]\ndomains = ['1', '2']\nroles = ['a']\n"
                          "[accounts.map]\nalice = 'a1'\nbob = 'b1'\n[services.sudo]\n"
                          "reuse = 'none'\nreuse_for = '1h'\n");
    write("raxauth.d/10-a.toml", "[access]\ndomains = ['3']\n[limits]\nresends = 1\n");
    write("raxauth.d/20-b.toml", "[limits]\nresends = 0\n[accounts.map]\nbob = 'b2'\n"
                                 "[services.sudo]\nreuse = 'all'\n");

    const Outcome outcome = load_settings(place);

    STRCMP_EQUAL("", all_text(outcome).c_str());
    Settings expected;
    expected.access.domains = {"3"};
    expected.access.roles = {"a"};
    expected.accounts.map = {{"alice", "a1"}, {"bob", "b2"}};
    expected.services["sudo"].reuse = Reuse::All;
    expected.services["sudo"].reuse_for = 3600s;
    expected.limits.resends = 0;
    CHECK(std::get<Settings>(outcome) == expected);
}

TEST(SettingsFiles, only_visible_toml_files_are_drop_ins) {
    write("raxauth.d/10-a.toml~", "nonsense");
    write("raxauth.d/README", "nonsense");
    write("raxauth.d/.10-a.toml", "nonsense");
    write("raxauth.d/.toml", "nonsense");

    STRCMP_EQUAL("", faults().c_str());
}

TEST(SettingsFiles, drop_ins_may_be_missing_and_the_main_file_not) {
    fs::remove_all(place.directory);
    STRCMP_EQUAL("", faults().c_str());

    fs::remove(place.file);
    STRCMP_EQUAL("D/raxauth.toml: found No such file or directory, wanted a readable file\n",
                 faults().c_str());
}

TEST(SettingsFiles, a_fault_names_the_file_it_is_in_and_all_files_are_read) {
    write("raxauth.toml", "[limits]\nresends = -1\n");
    write("raxauth.d/10-a.toml", "broken");
    write("raxauth.d/20-b.toml", "\n[limits]\nchallenges = 0\n");

    const std::string found = faults();

    STRCMP_CONTAINS("D/raxauth.toml:2: limits.resends: found -1, ", found.c_str());
    STRCMP_CONTAINS("D/raxauth.d/10-a.toml:1: found ", found.c_str());
    STRCMP_CONTAINS("D/raxauth.d/20-b.toml:3: limits.challenges: found 0, ", found.c_str());
}

TEST(SettingsFiles, rules_about_several_keys_hold_over_all_files) {
    write("raxauth.toml", "[accounts]\ntenant_id = '1'\n");
    write("raxauth.d/10-a.toml", "\n\n[accounts]\ntenant_name = 'acme'\n");
    STRCMP_EQUAL("D/raxauth.d/10-a.toml:4: accounts.tenant_name: found \"acme\", wanted tenant_id "
                 "or tenant_name, not both\n",
                 faults().c_str());

    write("raxauth.d/20-b.toml", "[accounts]\ntenant_id = ''\n");
    STRCMP_EQUAL("", faults().c_str());
}

TEST(SettingsFiles, links_are_not_followed) {
    write("elsewhere.toml", "");
    fs::remove(place.file);
    fs::create_symlink(directory / "elsewhere.toml", place.file);
    fs::create_symlink(directory / "elsewhere.toml", directory / "raxauth.d/10-a.toml");

    STRCMP_EQUAL("D/raxauth.toml: found a symbolic link, wanted a regular file\n"
                 "D/raxauth.d/10-a.toml: found a symbolic link, wanted a regular file\n",
                 faults().c_str());
}

TEST(SettingsFiles, a_directory_that_is_a_link_is_not_followed) {
    fs::rename(place.directory, directory / "elsewhere");
    fs::create_directory_symlink(directory / "elsewhere", place.directory);

    STRCMP_CONTAINS("D/raxauth.d: found ", faults().c_str());
}

TEST(SettingsFiles, neither_files_nor_directory_may_be_writable_by_others) {
    write("raxauth.d/10-a.toml", "");
    fs::permissions(place.file, fs::perms(0664));
    fs::permissions(directory / "raxauth.d/10-a.toml", fs::perms(0646));
    STRCMP_EQUAL("D/raxauth.toml: found mode 0664, wanted writable by its owner alone (chmod "
                 "go-w)\n"
                 "D/raxauth.d/10-a.toml: found mode 0646, wanted writable by its owner alone "
                 "(chmod go-w)\n",
                 faults().c_str());

    fs::permissions(place.file, fs::perms(0640));
    fs::permissions(place.directory, fs::perms(0777));
    STRCMP_EQUAL("D/raxauth.d: found mode 0777, wanted writable by its owner alone (chmod go-w)\n",
                 faults().c_str());
}

TEST(SettingsFiles, files_of_somebody_else_are_not_believed) {
    place.owner = geteuid() + 1;
    const std::string uid = std::to_string(geteuid());
    const std::string owner = std::to_string(place.owner);

    STRCMP_EQUAL(("D/raxauth.toml: found owner uid " + uid + ", wanted owner uid " + owner +
                  "\nD/raxauth.d: found owner uid " + uid + ", wanted owner uid " + owner + "\n")
                     .c_str(),
                 faults().c_str());
}

TEST(SettingsFiles, what_is_no_regular_file_is_refused_without_waiting) {
    fs::remove(place.file);
    LONGS_EQUAL(0, mkfifo(place.file.c_str(), 0600));
    fs::create_directory(directory / "raxauth.d/10-a.toml");

    STRCMP_EQUAL("D/raxauth.toml: found no regular file, wanted a regular file\n"
                 "D/raxauth.d/10-a.toml: found no regular file, wanted a regular file\n",
                 faults().c_str());
}

TEST(SettingsFiles, a_file_has_at_most_one_mebibyte) {
    write("raxauth.toml", "#" + std::string((1U << 20U) - 1, 'x'));
    STRCMP_EQUAL("", faults().c_str());

    write("raxauth.toml", "#" + std::string(1U << 20U, 'x'));
    STRCMP_EQUAL("D/raxauth.toml: found more than 1 MiB, wanted at most 1 MiB\n", faults().c_str());
}

TEST(SettingsFiles, a_missing_ca_file_is_told_at_once) {
    write("raxauth.toml", "[identity]\nca_file = '" + (directory / "none.pem").string() + "'\n");
    STRCMP_EQUAL("D/raxauth.toml:2: identity.ca_file: found No such file or directory: "
                 "\"D/none.pem\", wanted a readable PEM file\n",
                 faults().c_str());

    write("none.pem", "");
    STRCMP_EQUAL("", faults().c_str());
}

TEST(SettingsFiles, no_descriptor_is_left_open) {
    const auto open_descriptors = [] {
        return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
    };
    write("raxauth.d/10-a.toml", "broken");
    const auto before = open_descriptors();

    static_cast<void>(load_settings(place));

    LONGS_EQUAL(before, open_descriptors());
}
