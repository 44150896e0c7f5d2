// SPDX-License-Identifier: Apache-2.0
#include "pam/ownership.h"

#include <CppUTest/TestHarness.h>

#include <map>

using namespace raxauth::pam;

namespace {

using Found = AccountDatabase::Found;

const std::string kLong(132, 'x');

/// alice 1000, system 999, toor 0; in /etc/group: staff {alice}, empty {}.
class FakeAccounts final : public AccountDatabase {
  public:
    bool users_fail = false;
    bool groups_fail = false;
    mutable int lookups = 0;

    User user(const std::string& name) const override {
        ++lookups;
        if (users_fail) {
            return {Found::Error, {}, 0, 0};
        }
        const std::map<std::string, uid_t> users = {
            {"root", 0},           {"toor", 0},         {"system", 999},   {"alice", 1000},
            {"Carol", 1001},       {"EX\\carol", 1002}, {"EX\\svc", 500},  {"John Doe", 1003},
            {"j\u00fcrgen", 1004}, {"dynamic", 61184},  {"nobody", 65534}, {kLong, 999}};
        const auto entry = users.find(name);
        return entry == users.end() ? User{Found::No, {}, 0, 0}
                                    : User{Found::Yes, name == "Carol" ? "carol" : name,
                                           entry->second, entry->second};
    }
    Group group(const std::string& name) const override {
        if (groups_fail) {
            return {Found::Error, 0};
        }
        if (name == "staff" || name == "empty") {
            return {Found::Yes, name == "staff" ? 50U : 51U};
        }
        return {Found::No, 0};
    }
    bool is_member(const std::string& name, const User&, gid_t group) const override {
        return (name == "alice" || name == "EX\\carol") && group == 50;
    }
};

} // namespace

TEST_GROUP(Ownership) {
    FakeAccounts accounts;
    Options options;

    Ownership of(const std::string& user) {
        return decide_ownership(user, options, accounts).ownership;
    }
};

TEST(Ownership, is_ours_from_the_minimum_uid_on) {
    CHECK_TRUE(of("alice") == Ownership::Ours);
    CHECK_TRUE(of("system") == Ownership::NotOurs);

    options.minimum_uid = 999;
    CHECK_TRUE(of("system") == Ownership::Ours);

    options.minimum_uid = 1001;
    CHECK_TRUE(of("alice") == Ownership::NotOurs);
}

TEST(Ownership, is_never_ours_for_uid_0_by_any_name) {
    options.minimum_uid = 0;

    CHECK_TRUE(of("root") == Ownership::NotOurs);
    CHECK_TRUE(of("toor") == Ownership::NotOurs);
}

TEST(Ownership, leaves_unknown_names_to_the_daemon) {
    CHECK_TRUE(of("nosuch") == Ownership::Unknown);
}

TEST(Ownership, tells_the_daemon_what_nss_said) {
    const auto uid_of = [&](const char* user) {
        return decide_ownership(user, options, accounts).uid;
    };

    CHECK_TRUE(uid_of("alice") == std::optional<uid_t>(1000));
    CHECK_TRUE(uid_of("nosuch") == std::optional<uid_t>(raxauth::contract::kUnsetId));
    CHECK_TRUE(uid_of("Carol").has_value());
    STRCMP_EQUAL("carol", decide_ownership("Carol", options, accounts).name.c_str());
    CHECK_FALSE(uid_of("system").has_value());
}

TEST(Ownership, is_not_ours_above_the_maximum_uid) {
    CHECK_TRUE(of("dynamic") == Ownership::NotOurs);
    CHECK_TRUE(of("nobody") == Ownership::NotOurs);

    options.maximum_uid = 61184;
    CHECK_TRUE(of("dynamic") == Ownership::Ours);
    CHECK_TRUE(of("nobody") == Ownership::NotOurs);
}

TEST(Ownership, refuses_a_name_that_the_grammar_refuses_if_nobody_knows_it) {
    for (const char* name : {"", "-x", "a b", "a/b", "a:b", "x\ny"}) {
        CHECK_TRUE_TEXT(of(name) == Ownership::Refused, name);
    }
}

TEST(Ownership, looks_nothing_up_that_is_too_long_for_a_name) {
    CHECK_TRUE(of("") == Ownership::Refused);
    CHECK_TRUE(of(std::string(257, 'x')) == Ownership::Refused);
    CHECK_EQUAL(0, accounts.lookups);
}

TEST(Ownership, goes_by_what_nss_says_before_the_grammar_is_asked) {
    CHECK_TRUE(of("EX\\svc") == Ownership::NotOurs); // uid 500
    CHECK_TRUE(of(kLong) == Ownership::NotOurs);

    options.exempt_groups = {"staff"};
    CHECK_TRUE(of("EX\\carol") == Ownership::NotOurs);
    options.exempt_users = {"John Doe"};
    CHECK_TRUE(of("John Doe") == Ownership::NotOurs);
}

TEST(Ownership, refuses_a_name_that_would_be_ours_and_cannot_be_sent) {
    for (const char* name : {"EX\\carol", "John Doe", "j\u00fcrgen"}) {
        CHECK_TRUE_TEXT(of(name) == Ownership::Refused, name);
    }
}

TEST(Ownership, lets_an_exempt_user_go_even_if_nss_is_broken) {
    options.exempt_users = {"bob", "alice"};
    accounts.users_fail = true;

    CHECK_TRUE(of("alice") == Ownership::NotOurs);
    CHECK_TRUE(of("alice2") == Ownership::LookupFailed);
    CHECK_TRUE(of("Alice") == Ownership::LookupFailed);
}

TEST(Ownership, lets_members_of_an_exempt_group_go) {
    options.exempt_groups = {"nosuch", "staff"};

    CHECK_TRUE(of("alice") == Ownership::NotOurs);
}

TEST(Ownership, is_not_given_up_for_a_group_without_this_member_or_without_being) {
    options.exempt_groups = {"nosuch", "empty"};

    CHECK_TRUE(of("alice") == Ownership::Ours);
}

TEST(Ownership, is_not_given_up_when_a_lookup_fails) {
    accounts.users_fail = true;
    CHECK_TRUE(of("alice") == Ownership::LookupFailed);
    CHECK_TRUE(of("root") == Ownership::LookupFailed);

    accounts.users_fail = false;
    accounts.groups_fail = true;
    CHECK_TRUE(of("alice") == Ownership::Ours); // no group asked for

    options.exempt_groups = {"staff"};
    CHECK_TRUE(of("alice") == Ownership::LookupFailed);
    CHECK_TRUE(of("root") == Ownership::NotOurs); // decided before
}

TEST_GROUP(SystemAccounts) {
    SystemAccounts accounts;
};

TEST(SystemAccounts, know_what_every_debian_has) {
    const auto root = accounts.user("root");
    const auto nobody = accounts.user("nobody");
    const auto group = accounts.group("nogroup");

    CHECK_TRUE(root.found == Found::Yes);
    CHECK_EQUAL(0U, root.uid);
    CHECK_TRUE(nobody.found == Found::Yes);
    CHECK_EQUAL(65534U, nobody.uid);
    CHECK_TRUE(group.found == Found::Yes);
    CHECK_TRUE(accounts.is_member("nobody", nobody, group.gid));
    CHECK_FALSE(accounts.is_member("nobody", nobody, 0));
}

TEST(SystemAccounts, tell_absence_from_failure) {
    CHECK_TRUE(accounts.user("no-such-user-here").found == Found::No);
    CHECK_TRUE(accounts.group("no-such-group-here").found == Found::No);
}
