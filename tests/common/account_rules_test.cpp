// SPDX-License-Identifier: Apache-2.0
#include "common/account_rules.h"

#include <CppUTest/TestHarness.h>

using raxauth::AccountRules;
using raxauth::parse_account_rules;

TEST_GROUP(AccountRules){};

TEST(AccountRules, come_back_as_they_were_written) {
    const std::string text = format(AccountRules{{"sshd", "sudo-i", "xrdp_sesman@1.service+"}});
    STRCMP_EQUAL("raxauth-account-rules 1\nsign-in sshd\nsign-in sudo-i\n"
                 "sign-in xrdp_sesman@1.service+\nend\n",
                 text.c_str());

    const auto read = parse_account_rules(text);

    CHECK_TRUE(read.has_value());
    CHECK_TRUE(read->demand_sign_in("sshd"));
    CHECK_TRUE(read->demand_sign_in("sudo-i"));
    CHECK_FALSE(read->demand_sign_in("sudo"));
    CHECK_FALSE(read->demand_sign_in("cron"));
    CHECK_FALSE(read->demand_sign_in(""));
}

TEST(AccountRules, may_demand_nothing_of_anybody) {
    const auto read = parse_account_rules("raxauth-account-rules 1\nend\n");

    CHECK_TRUE(read.has_value());
    CHECK_FALSE(read->demand_sign_in("sshd"));
}

TEST(AccountRules, demand_a_sign_in_of_sshd_alone_where_nothing_was_ever_configured) {
    CHECK_TRUE(AccountRules::built_in().demand_sign_in("sshd"));
    CHECK_FALSE(AccountRules::built_in().demand_sign_in("cron"));
    CHECK_FALSE(AccountRules::built_in().demand_sign_in("sudo"));
}

TEST(AccountRules, that_do_not_fit_demand_a_sign_in_of_every_service) {
    AccountRules many;
    for (int i = 0; i < 5000; ++i) {
        many.demanding.push_back("service-" + std::to_string(i));
    }
    for (const AccountRules& rules : {many, AccountRules{{"two words"}}, AccountRules{{""}}}) {
        const std::string text = format(rules);

        STRCMP_EQUAL("raxauth-account-rules 1\nsign-in *\nend\n", text.c_str());
        CHECK_TRUE(parse_account_rules(text)->demand_sign_in("cron"));
    }
}

TEST(AccountRules, are_refused_when_anything_about_them_is_odd) {
    for (const char* text : {
             "",
             "end\n",
             "raxauth-account-rules 1\n",
             "raxauth-account-rules 1\nend",
             "raxauth-account-rules 1\nend\n\n",
             "raxauth-account-rules 1\nend\nsign-in sshd\n",
             "raxauth-account-rules 2\nsign-in sshd\nend\n",
             "raxauth-account-rules 1\nsign-in sshd\n",
             "raxauth-account-rules 1\nsign-in sshd",
             "raxauth-account-rules 1\nsign-in \nend\n",
             "raxauth-account-rules 1\nsign-in\nend\n",
             "raxauth-account-rules 1\nsign-in a b\nend\n",
             "raxauth-account-rules 1\nsign-in\tsshd\nend\n",
             "raxauth-account-rules 1\nsign-out sshd\nend\n",
             "raxauth-account-rules 1\n\nend\n",
             "raxauth-account-rules 1\r\nend\r\n",
         }) {
        CHECK_FALSE_TEXT(parse_account_rules(text).has_value(), text);
    }
    const std::string nul("raxauth-account-rules 1\nsign-in ss\0d\nend\n", 40);
    CHECK_FALSE(parse_account_rules(nul).has_value());
    const std::string huge = "raxauth-account-rules 1\n" + std::string(70000, 'x') + "end\n";
    CHECK_FALSE(parse_account_rules(huge).has_value());
}
