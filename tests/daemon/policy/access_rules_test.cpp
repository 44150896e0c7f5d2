// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy/access_rules.h"

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::policy;
using identity::Account;
using identity::Role;
using identity::TokenIssued;

// Nobody else can make the proof that `granted` needs.
static_assert(!std::is_default_constructible_v<Admission>);
static_assert(!std::is_constructible_v<Admission, TokenIssued>);
static_assert(!std::is_copy_constructible_v<Admission>);

namespace {

class CountingRevoker final : public identity::TokenRevoker {
  public:
    void issued(const Secret&) noexcept override {}
    void abandoned(Secret) noexcept override { ++revoked; }
    void left_to_expire(Secret) noexcept override {}
    int revoked = 0;
};

/// One sign-in as Identity sees it, and what the host wants. As made here it is admitted.
struct Case {
    Account asked{"alice", "", ""};
    settings::AccessSettings access;
    identity::UserFacts user{"u1", "alice", "d1", "DFW", "", {{"3", "admin", ""}}, ""};
    identity::ProvenFactors proven{/* password= */ true, /* api_key= */ false,
                                   /* second_factor= */ true};
    std::string token = "t";
};

} // namespace

TEST_GROUP(AccessRules) {
    CountingRevoker revoker;

    /// "granted", or the reason's word and the rule, without what it met.
    std::string outcome(Case c) {
        auto judged = judge({identity::OwnedToken(Secret(c.token), WallTime{}, revoker),
                             std::move(c.user), c.proven},
                            c.asked, c.access);
        if (const auto* refusal = std::get_if<AccessRefusal>(&judged)) {
            return std::string(word(refusal->reason)) + ' ' +
                   refusal->rule.substr(0, refusal->rule.find(':'));
        }
        return "granted";
    }
};

TEST(AccessRules, judge_every_row) {
    struct Row {
        const char* name;
        std::function<void(Case&)> change;
        const char* outcome;
    };
    const std::vector<Row> rows{
        {"password and passcode", [](Case&) {}, "granted"},
        {"letter case of the name", [](Case& c) { c.user.name = "ALICE"; }, "granted"},
        {"another user", [](Case& c) { c.user.name = "alice2"; }, "access-refused user name"},
        {"no user", [](Case& c) { c.user.name = ""; }, "access-refused user name"},
        {"nobody asked for",
         [](Case& c) {
             c.user.name = "";
             c.asked.name = "";
         },
         "access-refused user name"},
        {"an empty token", [](Case& c) { c.token = ""; }, "access-refused token"},

        {"password alone", [](Case& c) { c.proven.second_factor = false; },
         "mfa-required access.require_mfa"},
        {"passcode alone", [](Case& c) { c.proven.password = false; },
         "mfa-required access.require_mfa"},
        {"API key and a passcode", [](Case& c) { c.proven = {false, /* api_key= */ true, true}; },
         "mfa-required access.require_mfa"},
        {"nothing", [](Case& c) { c.proven = {}; }, "mfa-required access.require_mfa"},
        {"password alone, enough",
         [](Case& c) {
             c.proven.second_factor = false;
             c.access.require_mfa = false;
         },
         "granted"},
        {"API key, enough",
         [](Case& c) {
             c.proven = {false, /* api_key= */ true, false};
             c.access.require_mfa = false;
         },
         "granted"},
        {"something else, MFA not required",
         [](Case& c) {
             c.proven = {false, false, true};
             c.access.require_mfa = false;
         },
         "access-refused sign_in.credential"},

        {"its domain", [](Case& c) { c.access.domains = {"d0", "d1"}; }, "granted"},
        {"another domain", [](Case& c) { c.access.domains = {"d0", "D1"}; },
         "access-refused access.domains"},
        {"no domain told",
         [](Case& c) {
             c.access.domains = {"d1"};
             c.user.domain_id = "";
         },
         "access-refused access.domains"},
        {"no domain told and an empty rule",
         [](Case& c) {
             c.access.domains = {""};
             c.user.domain_id = "";
         },
         "access-refused access.domains"},
        {"any_domain does not widen domains",
         [](Case& c) {
             c.access.domains = {"d0"};
             c.access.any_domain = true;
         },
         "access-refused access.domains"},

        {"its tenant",
         [](Case& c) {
             c.asked.tenant_id = "42";
             c.user.tenant_id = "42";
         },
         "granted"},
        {"another tenant",
         [](Case& c) {
             c.asked.tenant_id = "42";
             c.user.tenant_id = "43";
         },
         "access-refused accounts.tenant_id"},
        {"a token without the tenant asked for", [](Case& c) { c.asked.tenant_id = "42"; },
         "access-refused accounts.tenant_id"},
        {"its tenant by name",
         [](Case& c) {
             c.asked.tenant_name = "acme";
             c.user.tenant_name = "acme";
         },
         "granted"},
        {"another tenant by name",
         [](Case& c) {
             c.asked.tenant_name = "acme";
             c.user.tenant_name = "evil";
         },
         "access-refused accounts.tenant_name"},
        {"a token without the tenant's name", [](Case& c) { c.asked.tenant_name = "acme"; },
         "access-refused accounts.tenant_name"},
        {"a tenant nobody asked for", [](Case& c) { c.user.tenant_id = "42"; }, "granted"},

        {"a role by name", [](Case& c) { c.access.roles = {"x", "admin"}; }, "granted"},
        {"a role by id", [](Case& c) { c.access.roles = {"3"}; }, "granted"},
        {"a role of another letter case", [](Case& c) { c.access.roles = {"Admin"}; },
         "access-refused access.roles"},
        {"part of a role's name", [](Case& c) { c.access.roles = {"adm"}; },
         "access-refused access.roles"},
        {"no role",
         [](Case& c) {
             c.access.roles = {"admin"};
             c.user.roles = {};
         },
         "access-refused access.roles"},
        {"an empty rule matches no empty role",
         [](Case& c) {
             c.access.roles = {""};
             c.user.roles = {{"", "", ""}};
         },
         "access-refused access.roles"},
        {"a role of a tenant, none configured",
         [](Case& c) {
             c.access.roles = {"admin"};
             c.user.roles = {{"3", "admin", "42"}};
         },
         "access-refused access.roles"},
        {"a role of a tenant, none configured, the token's",
         [](Case& c) {
             c.access.roles = {"admin"};
             c.user.roles = {{"3", "admin", "42"}};
             c.user.tenant_id = "42";
         },
         "access-refused access.roles"},
        {"a role of the configured tenant",
         [](Case& c) {
             c.access.roles = {"admin"};
             c.user.roles = {{"3", "admin", "42"}};
             c.asked.tenant_id = c.user.tenant_id = "42";
         },
         "granted"},
        {"a role of another tenant than configured",
         [](Case& c) {
             c.access.roles = {"admin"};
             c.user.roles = {{"3", "admin", "43"}};
             c.asked.tenant_id = c.user.tenant_id = "42";
         },
         "access-refused access.roles"},
        {"a role of the tenant configured by name",
         [](Case& c) {
             c.access.roles = {"admin"};
             c.user.roles = {{"3", "admin", "42"}};
             c.asked.tenant_name = c.user.tenant_name = "acme";
             c.user.tenant_id = "42";
         },
         "granted"},
        {"one good role among others",
         [](Case& c) {
             c.access.roles = {"admin"};
             c.user.roles = {{"1", "x", ""}, {"3", "admin", "43"}, {"3", "admin", ""}};
         },
         "granted"},
    };

    for (const Row& row : rows) {
        Case one;
        row.change(one);
        STRCMP_EQUAL_TEXT(row.outcome, outcome(std::move(one)).c_str(), row.name);
    }
    LONGS_EQUAL_TEXT(rows.size(), revoker.revoked, "every token judged here ends");
}

TEST(AccessRules, a_refused_token_is_revoked_and_an_admitted_one_handed_on) {
    Case bad;
    bad.proven = {};
    outcome(std::move(bad));
    LONGS_EQUAL(1, revoker.revoked);

    Case good;
    {
        auto judged =
            judge({identity::OwnedToken(Secret("t"), WallTime{}, revoker), good.user, good.proven},
                  good.asked, good.access);
        TokenIssued issued = std::get<Admission>(std::move(judged)).release();
        LONGS_EQUAL(1, revoker.revoked);
        CHECK(issued.token.held());
        STRCMP_EQUAL("alice", issued.user.name.c_str());
    }
    LONGS_EQUAL(2, revoker.revoked);
}

TEST(AccessRules, a_token_already_given_away_admits_nobody) {
    Case c;
    auto judged = judge({identity::OwnedToken(), c.user, c.proven}, c.asked, c.access);

    CHECK(std::holds_alternative<AccessRefusal>(judged));
}

TEST(AccessRules, a_session_is_judged_by_the_same_rules_later) {
    Case c;
    CHECK_FALSE(judge_user(c.user, /* second_factor= */ true, c.asked, c.access).has_value());

    CHECK(judge_user(c.user, /* second_factor= */ false, c.asked, c.access)->reason ==
          Reason::MfaRequired);
    c.access.require_mfa = false;
    CHECK_FALSE(judge_user(c.user, /* second_factor= */ false, c.asked, c.access).has_value());

    c.access.roles = {"other"};
    const auto refusal = judge_user(c.user, /* second_factor= */ true, c.asked, c.access);
    CHECK(refusal->reason == Reason::AccessRefused);
    STRCMP_EQUAL("access.roles: the roles admin have none of other", refusal->rule.c_str());
}

TEST(AccessRules, a_refusal_names_what_was_seen_and_what_was_wanted) {
    const auto rule = [](const Case& c) {
        return judge_user(c.user, /* second_factor= */ true, c.asked, c.access)->rule;
    };
    Case domain;
    domain.access.domains = {"123456", "7"};
    STRCMP_EQUAL("access.domains: domain d1 is not one of 123456, 7", rule(domain).c_str());
    domain.user.domain_id = "";
    STRCMP_EQUAL("access.domains: domain (none) is not one of 123456, 7", rule(domain).c_str());
    domain.user.domain_id = "9\n\x1b[31m";
    STRCMP_EQUAL("access.domains: domain 9 ?[31m is not one of 123456, 7", rule(domain).c_str());

    Case tenant;
    tenant.asked.tenant_id = "42";
    tenant.user.tenant_id = "43";
    STRCMP_EQUAL("accounts.tenant_id: the token is for 43, not for 42", rule(tenant).c_str());

    Case roles;
    roles.access.roles = {"ops"};
    roles.user.roles.assign(12, {"5", "reader", ""});
    STRCMP_EQUAL("access.roles: the roles reader, reader, reader, reader, reader, reader, reader, "
                 "reader, ... have none of ops",
                 rule(roles).c_str());
}
