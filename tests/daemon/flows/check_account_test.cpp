// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/check_account.h"
#include "daemon/flows/subject.h"
#include "sign_in_world.h"

#include <utility>

using namespace raxauth;
using namespace raxauth::testing;
using caller::Context;

TEST_GROUP(CheckAccount) {
    SignInWorld world;
    Context context = SignInWorld::ssh_login();

    void setup() override {
        context.session.audit_session = 11;
        context.session.login_uid = 1001;
        context.session.real_uid = 0; // sshd
    }
    void teardown() override {
        UNSIGNED_LONGS_EQUAL_TEXT(0, world.identity.calls.size(), "Identity was asked");
        world.let_go_of_all();
        CHECK_TRUE(world.revoker.balanced());
    }

    flows::AccountVerdict check() {
        std::optional<flows::AccountVerdict> verdict;
        const Job job = Job::start(run(verdict));
        run_until_idle(world.loop);
        CHECK_TRUE_TEXT(verdict.has_value(), "no verdict");
        return std::move(*verdict);
    }
    Task<void> run(std::optional<flows::AccountVerdict> & verdict) {
        Task<flows::AccountVerdict> procedure = flows::check_account(context, world.services());
        flows::AccountVerdict reached = co_await std::move(procedure);
        verdict.emplace(std::move(reached));
    }
    void check_says(State state, Reason reason) {
        const flows::AccountVerdict verdict = check();
        STRCMP_EQUAL(word(state).data(), word(verdict.state).data());
        STRCMP_EQUAL(word(reason).data(), word(verdict.reason).data());
    }

    /// alice's own process in her session.
    void be_sudo() {
        context.service = "sudo";
        context.session.real_uid = 1001;
    }

    /// The context's session gets an entry, as after sign-in and open_session.
    void sign_in(const Proof& proof = {}) {
        const identity::Account account{"alice.smith", "", ""};
        settings::AccessSettings access;
        access.require_mfa = proof.proven.second_factor;
        auto judged = policy::judge(proof.issue(world.revoker, world.clock), account, access);
        const sessions::Grant grant =
            world.sessions.accept(std::get<policy::Admission>(std::move(judged)),
                                  SignInWorld::ssh_login(), account, 1001);
        Context opening = flows::context_of_same(context);
        opening.service = "sshd";
        CHECK_TRUE(world.sessions.open(grant.ticket(), opening, 0).has_value());
    }
};

TEST(CheckAccount, refuses_a_public_key_alone_for_sshd_and_says_what_to_do) {
    const flows::AccountVerdict verdict = check();

    CHECK_TRUE(verdict.state == State::Denied);
    CHECK_TRUE(verdict.reason == Reason::NoSignIn);
    UNSIGNED_LONGS_EQUAL(1, verdict.messages.size());
    CHECK_TRUE(contains(verdict.messages[0].text, "keyboard-interactive"));
    CHECK_TRUE(contains(verdict.why, "without_sign_in"));
}

TEST(CheckAccount, lets_a_login_pass_that_signed_in_in_this_transaction) {
    context.signed_in = true;

    check_says(State::Granted, Reason::LocalRules);
}

TEST(CheckAccount, lets_a_login_without_sign_in_pass_where_the_service_allows_it) {
    context.service = "cron";
    check_says(State::Granted, Reason::LocalRules);

    context.service = "sshd";
    world.settings.services["sshd"].without_sign_in = settings::WithoutSignIn::Allow;
    check_says(State::Granted, Reason::LocalRules);

    world.settings.services["cron"].without_sign_in = settings::WithoutSignIn::Deny;
    context.service = "cron";
    check_says(State::Denied, Reason::NoSignIn);
}

TEST(CheckAccount, lets_a_public_key_pass_where_no_second_factor_is_wanted) {
    world.settings.access.require_mfa = false;

    check_says(State::Granted, Reason::LocalRules);
}

TEST(CheckAccount, takes_the_word_of_a_live_entry_of_the_session) {
    sign_in();
    be_sudo();
    world.settings.services["sudo"].without_sign_in = settings::WithoutSignIn::Deny;

    check_says(State::Granted, Reason::LocalRules);
}

TEST(CheckAccount, knows_no_entry_of_another_session_or_person) {
    sign_in();
    be_sudo();
    world.settings.services["sudo"].without_sign_in = settings::WithoutSignIn::Deny;

    context.session.audit_session = 12;
    check_says(State::Denied, Reason::NoSignIn);

    context.session.audit_session = 11;
    context.session.login_uid = 1002;
    check_says(State::Denied, Reason::NoSignIn);

    context.session.login_uid = 1001;
    context.session.real_uid = 0; // root's process, in a session it borrowed
    check_says(State::Denied, Reason::NoSignIn);
}

TEST(CheckAccount, lets_no_key_in_by_the_session_that_sshd_was_started_from) {
    sign_in();
    check_says(State::Denied, Reason::NoSignIn);

    context.session.real_uid = 1001; // whatever it may look like
    check_says(State::Denied, Reason::NoSignIn);

    for (const char* service : {"login", "remote", "gdm-password", "sddm"}) {
        context.service = service;
        world.settings.services[service].without_sign_in = settings::WithoutSignIn::Deny;
        check_says(State::Denied, Reason::NoSignIn);
    }
}

TEST(CheckAccount, holds_sudo_i_to_the_rules_of_sudo) {
    world.settings.services["sudo"].roles = {{"admin"}};
    be_sudo();
    context.service = "sudo-i";
    check_says(State::Denied, Reason::NoSignIn);

    sign_in({.roles = {{"7", "observer", ""}}});
    check_says(State::Denied, Reason::AccessRefused);
}

TEST(CheckAccount, takes_a_user_whom_nss_has_lost_meanwhile_for_a_failed_look_up) {
    context.service = "cron";
    context.user = "carol";
    context.account_uid = 1003;                         // the module's NSS knows her
    world.settings.accounts.exempt_groups = {"robots"}; // so NSS is asked here

    check_says(State::Denied, Reason::LookupFailed);

    context.account_uid = contract::kUnsetId;
    check_says(State::UnknownUser, Reason::UnknownUser);
}

TEST(CheckAccount, measures_a_live_entry_by_the_rules_of_the_service_it_is_used_for) {
    sign_in({.roles = {{"7", "observer", ""}}});
    be_sudo();
    check_says(State::Granted, Reason::LocalRules);

    world.settings.services["sudo"].roles = std::vector<std::string>{"admin"};
    check_says(State::Denied, Reason::AccessRefused);
}

TEST(CheckAccount, refuses_a_service_whose_own_rules_cannot_be_checked_for_want_of_a_sign_in) {
    context.service = "sudo";
    check_says(State::Granted, Reason::LocalRules);

    world.settings.services["sudo"].roles = {{"compute:admin"}};
    check_says(State::Denied, Reason::NoSignIn);

    world.settings.services["sudo"].without_sign_in = settings::WithoutSignIn::Allow;
    check_says(State::Granted, Reason::LocalRules);
}

TEST(CheckAccount, knows_no_entry_of_another_account_than_is_configured_now) {
    sign_in();
    world.settings.accounts.map["alice"] = "somebody.else";

    check_says(State::Denied, Reason::NoSignIn);
}

TEST(CheckAccount, refuses_an_entry_of_one_factor_where_two_are_wanted) {
    sign_in({.proven = kPasswordAlone});
    be_sudo();

    check_says(State::Denied, Reason::MfaRequired);
}

TEST(CheckAccount, tells_the_exempt_the_unknown_and_a_broken_nss_apart) {
    world.settings.accounts.exempt_users = {"alice"};
    check_says(State::Ignored, Reason::Exempt);

    world.accounts.broken = true;
    check_says(State::Denied, Reason::LookupFailed);
    world.accounts.broken = false;

    context.user = "nobody-here";
    check_says(State::UnknownUser, Reason::UnknownUser);
}

TEST(CheckAccount, never_names_the_rackspace_account) {
    world.settings.services["sudo"].roles = std::vector<std::string>{"admin"};
    sign_in();
    be_sudo();

    for (const conversation::Message& message : check().messages) {
        CHECK_FALSE_TEXT(contains(message.text, "alice.smith"), message.text.c_str());
    }
}
