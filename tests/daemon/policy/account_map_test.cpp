// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy/account_map.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::policy;

TEST_GROUP(AccountMap) {
    settings::AccountSettings settings;

    std::string name_for(std::string_view local_user) {
        const auto account = account_for(settings, local_user);
        return account ? account->name : "(none)";
    }
};

TEST(AccountMap, the_name_is_the_same_unless_something_else_is_said) {
    STRCMP_EQUAL("alice", name_for("alice").c_str());
}

TEST(AccountMap, the_template_is_filled_wherever_it_asks_for_the_user) {
    settings.rackspace_user = "acme.{user}@{user}";
    STRCMP_EQUAL("acme.bob@bob", name_for("bob").c_str());

    settings.rackspace_user = "deploy";
    STRCMP_EQUAL("deploy", name_for("bob").c_str());
}

TEST(AccountMap, an_entry_wins_over_the_template_and_is_not_filled) {
    settings.rackspace_user = "acme.{user}";
    settings.map = {{"alice", "alice.smith"}, {"odd", "{user}"}};

    STRCMP_EQUAL("alice.smith", name_for("alice").c_str());
    STRCMP_EQUAL("{user}", name_for("odd").c_str());
    STRCMP_EQUAL("acme.Alice", name_for("Alice").c_str());
}

TEST(AccountMap, names_outside_the_grammar_have_no_account) {
    for (const char* name : {"", "-x", "a b", "a:b", "a/b", "a\nb", "."}) {
        STRCMP_EQUAL_TEXT("(none)", name_for(name).c_str(), name);
    }
    settings.rackspace_user = std::string(200, 'x') + "{user}";
    STRCMP_EQUAL("(none)", name_for(std::string(100, 'y')).c_str());
}

TEST(AccountMap, the_tenant_goes_with_the_account) {
    settings.tenant_id = "123456";
    STRCMP_EQUAL("123456", account_for(settings, "alice")->tenant_id.c_str());
    STRCMP_EQUAL("", account_for(settings, "alice")->tenant_name.c_str());

    settings.tenant_id.clear();
    settings.tenant_name = "acme";
    STRCMP_EQUAL("acme", account_for(settings, "alice")->tenant_name.c_str());
}
