// SPDX-License-Identifier: Apache-2.0
#include "sign_in_world.h"

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using caller::Context;

SIGN_IN_GROUP(SignIn);

// --- The main road
// --------------------------------------------------------------------------------

TEST(SignIn, asks_password_then_passcode_and_sends_each_once) {
    world.identity.challenges("session-1").at_step_2(world.token());
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(run.person().allowed == std::chrono::minutes(3)); // for the passcode
    UNSIGNED_LONGS_EQUAL(2, world.identity.calls.size());
    const ScriptedIdentity::Call& first = world.identity.calls[0];
    LONGS_EQUAL(1, first.step);
    STRCMP_EQUAL("alice.smith", first.account.name.c_str());
    STRCMP_EQUAL("secret", first.credential.c_str());
    CHECK_TRUE(first.kind == identity::CredentialKind::Password);
    const ScriptedIdentity::Call& second = world.identity.calls[1];
    LONGS_EQUAL(2, second.step);
    STRCMP_EQUAL("alice.smith", second.account.name.c_str());
    STRCMP_EQUAL("1411594", second.credential.c_str());
    STRCMP_EQUAL("session-1", second.continuation.c_str());
}

TEST(SignIn, asks_by_prompts_that_clients_recognise_and_that_name_no_account) {
    world.identity.challenges("session-1").at_step_2(world.token());
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(2, run.person().prompts.size());
    STRCMP_EQUAL("Password: ", run.person().prompts[0].text.c_str());
    CHECK_TRUE(run.person().prompts[1].text.ends_with("\nPasscode: "));
    CHECK_FALSE(contains(run.person().prompts[1].text, "alice.smith"));
    CHECK_TRUE(run.person().prompts[0].kind == contract::MessageKind::Password);
    CHECK_TRUE(run.person().prompts[1].kind == contract::MessageKind::Secret);
}

TEST(SignIn, sends_the_tenant_with_both_steps) {
    world.settings.accounts.tenant_id = "1100111";
    world.identity.challenges("session-1").at_step_2(world.token({.tenant_id = "1100111"}));
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    STRCMP_EQUAL("1100111", world.identity.calls[0].account.tenant_id.c_str());
    STRCMP_EQUAL("1100111", world.identity.calls[1].account.tenant_id.c_str());
}

TEST(SignIn, opens_the_connection_before_the_person_has_answered) {
    SignInRun run(world);
    run.person().gate->shut();
    run.person().when_asked_for("password", "secret");

    run.start();

    UNSIGNED_LONGS_EQUAL(1, world.identity.warmed);
    UNSIGNED_LONGS_EQUAL(0, world.identity.calls.size());
}

TEST(SignIn, takes_the_password_the_stack_already_has) {
    world.identity.challenges("session-1").at_step_2(world.token());
    Context context = SignInWorld::ssh_login();
    context.password.emplace("secret");
    SignInRun run(world);
    run.person().when_asked_for("passcode", "1411594");

    run.start(std::move(context));

    run.check_ends(State::Granted, Reason::MfaProven);
    STRCMP_EQUAL("secret", world.identity.calls[0].credential.c_str());
}

TEST(SignIn, grants_the_password_alone_where_no_second_factor_is_wanted) {
    world.settings.access.require_mfa = false;
    world.identity.at_step_1(world.token({.proven = kPasswordAlone}));
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");

    run.start();

    run.check_ends(State::Granted, Reason::PasswordProven);
}

TEST(SignIn, follows_what_the_service_says_about_the_second_factor) {
    world.settings.services["sshd"].require_mfa = false;
    world.identity.at_step_1(world.token({.proven = kPasswordAlone}))
        .at_step_1(world.token({.token = "token-2", .proven = kPasswordAlone}));
    SignInRun ssh(world);
    ssh.person().when_asked_for("password", "secret");
    SignInRun console(world);
    console.person().when_asked_for("password", "secret");
    Context on_console = SignInWorld::ssh_login("");
    on_console.service = "login";

    ssh.start();
    console.start(std::move(on_console));

    ssh.check_ends(State::Granted, Reason::PasswordProven);
    console.check_ends(State::Denied, Reason::MfaRequired);
}

// --- Who is this locally
// --------------------------------------------------------------------------

TEST(SignIn, of_a_name_nss_does_not_know_looks_like_any_other_and_never_reaches_identity) {
    Context context = SignInWorld::ssh_login();
    context.user = "nobody-here";
    world.identity.reachable.round_trip = 800ms;
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");

    run.start(std::move(context));

    run.check_ends(State::Denied, Reason::UnknownUser);
    UNSIGNED_LONGS_EQUAL(0, world.identity.calls.size());
    STRCMP_EQUAL("", run.verdict_text().c_str());
    UNSIGNED_LONGS_EQUAL(1, world.naps.size());
    CHECK_TRUE(world.naps[0] >= 720ms && world.naps[0] <= 960ms);
}

TEST(SignIn, takes_a_typical_time_for_a_refusal_before_identitys_time_is_known) {
    Context context = SignInWorld::ssh_login();
    context.user = "nobody-here";
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");

    run.start(std::move(context));

    run.check_ends(State::Denied, Reason::UnknownUser);
    CHECK_TRUE(world.naps.at(0) >= 225ms && world.naps.at(0) <= 300ms);
}

TEST(SignIn, of_an_unknown_name_is_prompted_also_where_the_map_alone_binds) {
    world.settings.access.any_domain = false;
    Context context = SignInWorld::ssh_login();
    context.user = "nobody-here";
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");

    run.start(std::move(context));

    run.check_ends(State::Denied, Reason::UnknownUser);
    UNSIGNED_LONGS_EQUAL(1, world.naps.size());
}

TEST(SignIn, is_denied_when_nss_fails_and_nobody_is_exempt_by_accident) {
    world.settings.accounts.exempt_users = {"alice"};
    world.accounts.broken = true;
    SignInRun run(world);

    run.start();

    run.check_ends(State::Denied, Reason::LookupFailed);
    UNSIGNED_LONGS_EQUAL(0, run.person().prompts.size());
    UNSIGNED_LONGS_EQUAL(0, world.identity.calls.size());
}

TEST(SignIn, takes_the_word_of_a_caller_that_has_asked_nss) {
    world.accounts.broken = true;
    const struct {
        uid_t uid;
        State state;
        Reason reason;
    } rows[] = {
        {1001, State::Denied, Reason::WrongCredentials}, // of an empty password: known, and ours
        {999, State::Ignored, Reason::Exempt},           // below minimum_uid
        {contract::kUnsetId, State::Denied, Reason::UnknownUser},
    };
    for (const auto& row : rows) {
        Context context = SignInWorld::ssh_login();
        context.account_uid = row.uid;
        SignInRun run(world);
        if (row.state == State::Denied) {
            run.person().when_asked_for("password", "");
        }

        run.start(std::move(context));

        run.check_ends(row.state, row.reason);
    }
}

TEST(SignIn, asks_nss_all_the_same_where_an_exemption_depends_on_groups) {
    world.settings.accounts.exempt_groups = {"ops"};
    world.accounts.add("olga", 1002, {"olga", "ops"});
    Context context = SignInWorld::ssh_login();
    context.user = "olga";
    context.account_uid = 1002;
    SignInRun run(world);

    run.start(std::move(context));

    run.check_ends(State::Ignored, Reason::Exempt);
}

TEST(SignIn, has_no_say_about_the_exempt) {
    world.accounts.add("daemon", 2);
    world.accounts.add("olga", 1002, {"olga", "ops"});
    world.accounts.add("bob", 1003);
    world.settings.accounts.exempt_users = {"root", "bob"};
    world.settings.accounts.exempt_groups = {"ops"};
    for (const char* user : {"daemon", "olga", "bob"}) {
        Context context = SignInWorld::ssh_login();
        context.user = user;
        SignInRun run(world);

        run.start(std::move(context));

        run.check_ends(State::Ignored, Reason::Exempt, user);
        UNSIGNED_LONGS_EQUAL(0, run.person().prompts.size());
    }
    UNSIGNED_LONGS_EQUAL(0, world.identity.calls.size());
    UNSIGNED_LONGS_EQUAL(0, world.identity.warmed);
}

TEST(SignIn, is_denied_before_identity_where_no_organisation_is_named) {
    world.settings = {};
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");

    run.start();

    run.check_ends(State::Denied, Reason::NoBinding);
    UNSIGNED_LONGS_EQUAL(0, world.identity.calls.size());
    CHECK_TRUE(contains(run.verdict_text(), "organisation"));
    CHECK_TRUE(contains(run.verdict().why, "access.domains"));
}

TEST(SignIn, is_bound_by_a_domain_a_tenant_or_the_map_for_this_very_user) {
    world.accounts.add("bob", 1002);
    world.settings.access.any_domain = false;
    Context context = SignInWorld::ssh_login();
    context.user = "bob"; // not in the map, as alice is
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");

    run.start(std::move(context));

    run.check_ends(State::Denied, Reason::NoBinding);
    UNSIGNED_LONGS_EQUAL(0, world.identity.calls.size());
    STRCMP_EQUAL("", run.verdict_text().c_str()); // looks like a name that does not exist
    UNSIGNED_LONGS_EQUAL(1, world.naps.size());
}

TEST(SignIn, asks_identity_for_the_mapped_account_whatever_case_the_name_was_typed_in) {
    world.accounts.ignores_case = true;
    world.settings.access.any_domain = false; // bound by the map alone
    world.identity.challenges("session-1").at_step_2(world.token());
    Context context = SignInWorld::ssh_login();
    context.user = "ALICE"; // who at Rackspace is somebody else than alice.smith
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start(std::move(context));

    run.check_ends(State::Granted, Reason::MfaProven);
    STRCMP_EQUAL("alice.smith", run.trace().account.c_str());
    STRCMP_EQUAL("alice.smith", world.identity.calls.at(0).account.name.c_str());
}

TEST(SignIn, is_denied_where_the_template_gives_no_name) {
    world.settings.accounts.map.clear();
    world.settings.accounts.rackspace_user = "{user} of ours";
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");

    run.start();

    run.check_ends(State::Denied, Reason::Misconfigured);
    UNSIGNED_LONGS_EQUAL(0, world.identity.calls.size());
}

// --- What never reaches Identity
// ------------------------------------------------------------------

TEST(SignIn, keeps_an_empty_password_and_sshds_junk_from_identity_but_goes_through_the_motions) {
    for (const char* typed : {"", "\b\n\r\177INCORRECT", "\b\n\r\177INCORRECT\b\n\r\177INC"}) {
        world.naps.clear();
        SignInRun run(world);
        run.person().when_asked_for("password", typed);

        run.start();

        run.check_ends(State::Denied, Reason::WrongCredentials);
        UNSIGNED_LONGS_EQUAL(1, world.naps.size());
    }
    UNSIGNED_LONGS_EQUAL(0, world.identity.calls.size());
    UNSIGNED_LONGS_EQUAL(0, world.counts().wrong_passwords);
}

TEST(SignIn, refuses_letters_as_a_passcode_without_asking_identity_and_asks_again) {
    world.identity.challenges("session-1").at_step_2(world.token());
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("passcode", "what code?")
        .when_asked_for("digits only", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(1, world.identity.asked(2));
}

TEST(SignIn, asks_only_so_often_for_a_passcode_when_none_comes) {
    world.identity.challenges("session-1");
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");
    for (int i = 0; i < 8; ++i) {
        run.person().when_asked_for("passcode", "letters");
    }

    run.start();

    run.check_ends(State::MaxTries, Reason::WrongCredentials);
    UNSIGNED_LONGS_EQUAL(0, world.identity.asked(2));
    UNSIGNED_LONGS_EQUAL(0, world.counts().wrong_passcodes);
}

TEST(SignIn, drops_blanks_and_dashes_from_a_passcode) {
    world.identity.challenges("session-1").at_step_2(world.token());
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", " 141-15 94 ");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    STRCMP_EQUAL("1411594", world.identity.calls[1].credential.c_str());
}

TEST(SignIn,
     does_not_send_a_passcode_that_equals_the_password_and_bans_the_client_for_half_an_hour) {
    world.identity.challenges("session-1");
    SignInRun run(world);
    run.person().when_asked_for("password", "12345678").when_asked_for("passcode", "12345678");

    run.start();

    run.check_ends(State::Denied, Reason::PasswordOnlyClient);
    UNSIGNED_LONGS_EQUAL(0, world.identity.asked(2));
    CHECK_TRUE(contains(run.verdict_text(), "client"));

    SignInRun again(world);
    again.person().when_asked_for("password", "12345678").when_asked_for("passcode", "12345678");
    again.start();
    again.check_ends(State::Denied, Reason::PasswordOnlyClient);
    UNSIGNED_LONGS_EQUAL(1, world.identity.calls.size()); // nothing was sent

    // Another client is none of it, and after half an hour it is over.
    world.identity.challenges("session-2").at_step_2(world.token());
    SignInRun elsewhere(world);
    elsewhere.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
    elsewhere.start(SignInWorld::ssh_login("192.0.2.99"));
    elsewhere.check_ends(State::Granted, Reason::MfaProven);

    world.clock.advance(31min);
    world.identity.challenges("session-3").at_step_2(world.token({.token = "token-2"}));
    SignInRun later(world);
    later.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
    later.start();
    later.check_ends(State::Granted, Reason::MfaProven);
}

TEST(SignIn, a_ban_holds_for_its_service_and_until_the_client_answers_properly) {
    const auto from = [](const char* service) {
        caller::Context context = SignInWorld::ssh_login();
        context.service = service;
        return context;
    };
    world.identity.challenges("session-1");
    SignInRun locker(world);
    locker.person().when_asked_for("password", "secret").when_asked_for("passcode", "secret");
    locker.start(from("login"));
    locker.check_ends(State::Denied, Reason::PasswordOnlyClient);

    world.identity.challenges("session-2").at_step_2(world.token());
    SignInRun other_service(world);
    other_service.person().when_asked_for("password", "secret").when_asked_for("passcode", "1");
    other_service.start(from("sshd"));
    UNSIGNED_LONGS_EQUAL(2, world.identity.asked(1));
    other_service.check_ends(State::Granted, Reason::MfaProven);

    // An empty line: a code is wanted, and sent.
    world.identity.challenges("session-3").at_step_2(world.token({.token = "token-2"}));
    SignInRun person(world);
    person.person()
        .when_asked_for("password", "secret")
        .when_asked_for("empty line", "")
        .when_asked_for("passcode", "1411594");
    person.start(from("login"));
    person.check_ends(State::Granted, Reason::MfaProven);

    // The ban is over.
    world.identity.challenges("session-4").at_step_2(world.token({.token = "token-3"}));
    SignInRun later(world);
    later.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
    later.start(from("login"));
    later.check_ends(State::Granted, Reason::MfaProven);
}

TEST(SignIn, gives_a_client_that_leaves_each_passcode_prompt_empty_no_further_message) {
    for (const char* session : {"session-1", "session-2", "session-3"}) { // two are sent again
        world.identity.challenges(session);
    }
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");
    for (int i = 0; i < 8; ++i) {
        run.person().when_asked_for("passcode", "");
    }
    run.start();
    run.check_ends(State::Denied, Reason::PasswordOnlyClient);
    CHECK_TRUE(contains(run.verdict_text(), "left the prompt empty"));
    UNSIGNED_LONGS_EQUAL(3, world.identity.asked(1));

    SignInRun again(world);
    again.person().when_asked_for("password", "secret").when_asked_for("or r to have one sent", "");
    again.start();
    again.check_ends(State::Denied, Reason::PasswordOnlyClient);
    UNSIGNED_LONGS_EQUAL(3, world.identity.asked(1));

    world.identity.challenges("session-4").at_step_2(world.token());
    SignInRun person(world);
    person.person()
        .when_asked_for("password", "secret")
        .when_asked_for("or r to have one sent", "r")
        .when_asked_for("passcode", "1411594");
    person.start();
    person.check_ends(State::Granted, Reason::MfaProven);
}

TEST(SignIn, an_answer_among_empty_ones_is_a_persons) {
    for (const char* session : {"session-1", "session-2", "session-3"}) {
        world.identity.challenges(session);
    }
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "what?");
    for (int i = 0; i < 7; ++i) {
        run.person().when_asked_for("passcode", "");
    }
    run.start();
    run.check_ends(State::MaxTries, Reason::WrongCredentials);
    CHECK_FALSE(world.limiter->refusal("alice.smith", world.origin(), "sshd").has_value());
}

TEST(SignIn, a_code_of_the_authenticator_at_the_first_question_of_a_banned_client_is_used) {
    world.limiter->ban_password_only_client("alice.smith", world.origin(), "sshd");
    world.identity.challenges("session", identity::Factor::OtpDevice).at_step_2(world.token());
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    STRCMP_EQUAL("1411594", world.identity.calls.back().credential.c_str());
}

// --- Passcodes again
// ------------------------------------------------------------------------------

TEST(SignIn, asks_again_after_a_wrong_passcode_and_stays_in_identitys_session) {
    world.identity.challenges("session-1").rejects_passcode().at_step_2(world.token());
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("passcode", "000000")
        .when_asked_for("not accepted; 1 attempt left", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(1, world.identity.asked(1));
    STRCMP_EQUAL("session-1", world.identity.calls[1].continuation.c_str());
    STRCMP_EQUAL("session-1", world.identity.calls[2].continuation.c_str());
    CHECK_TRUE(contains(run.person().last_prompt(), "passcode"));
    UNSIGNED_LONGS_EQUAL(0, world.counts().wrong_passcodes);
}

TEST(SignIn, takes_wrong_credentials_at_step_2_for_a_wrong_passcode) {
    world.identity.challenges("session-1")
        .at_step_2([] { return identity::Rejected{}; })
        .at_step_2(world.token());
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("passcode", "000000")
        .when_asked_for("not accepted; 1 attempt left", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
}

TEST(SignIn, ends_with_max_tries_after_the_last_passcode_of_the_conversation) {
    world.identity.challenges("session-1").rejects_passcode().rejects_passcode();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("passcode", "000000")
        .when_asked_for("passcode", "000001");

    run.start();

    run.check_ends(State::MaxTries, Reason::WrongCredentials);
    CHECK_TRUE(contains(run.verdict_text(), "not accepted"));
    // Two are all that a host may use up: it says so, and until when.
    CHECK_TRUE_TEXT(contains(run.verdict_text(), "now refuses sign-ins of this account until "),
                    run.verdict_text().c_str());
    UNSIGNED_LONGS_EQUAL(2, world.identity.asked(2));
    UNSIGNED_LONGS_EQUAL(2, world.counts().wrong_passcodes);
}

TEST(SignIn, tells_of_each_wrong_passcode_at_once_also_when_the_person_then_hangs_up) {
    world.identity.challenges("session-1").rejects_passcode();
    SignInRun run(world);
    std::vector<std::string> told;
    run.trace().wrong_passcode = [&](const std::string& account, unsigned number) {
        told.push_back(account + " " + std::to_string(number));
    };
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "000000");

    run.start();
    run.drop(); // at the next prompt

    CHECK_TRUE(told == std::vector<std::string>{"alice.smith 1"});
    CHECK_TRUE(contains(run.trace().stage, "after the right password"));
}

TEST(SignIn, allows_one_passcode_where_the_configuration_says_so) {
    world.settings.limits.passcode_attempts = 1;
    world.identity.challenges("session-1").rejects_passcode();
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "000000");

    run.start();

    run.check_ends(State::MaxTries, Reason::WrongCredentials);
}

// --- A new code
// -----------------------------------------------------------------------------------

TEST(SignIn, repeats_step_1_for_an_empty_line_and_goes_on_in_the_new_session) {
    for (const char* typed : {"", "r", "R"}) {
        world.identity.challenges("session-1").challenges("session-2").at_step_2(world.token());
        SignInRun run(world);
        run.person()
            .when_asked_for("password", "secret")
            .when_asked_for("empty line", typed)
            .when_asked_for("new code has been requested", "1411594");
        world.identity.calls.clear();

        run.start();

        run.check_ends(State::Granted, Reason::MfaProven, typed);
        UNSIGNED_LONGS_EQUAL(2, world.identity.asked(1));
        STRCMP_EQUAL("secret", world.identity.calls[1].credential.c_str());
        STRCMP_EQUAL("session-2", world.identity.calls[2].continuation.c_str());
        world.let_go_of_all();
    }
}

TEST(SignIn, sends_no_more_new_codes_than_the_conversation_may) {
    world.settings.limits.resends = 1;
    world.identity.challenges("session-1").challenges("session-2").at_step_2(world.token());
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("empty line", "")
        .when_asked_for("passcode", "")
        .when_asked_for("no further sms", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(2, world.identity.asked(1));
    CHECK_FALSE(contains(run.person().last_prompt(), "empty line"));
}

TEST(SignIn, sends_no_new_code_to_an_authenticator_app) {
    world.identity.challenges("session-1", identity::Factor::OtpDevice).at_step_2(world.token());
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("authenticator", "")
        .when_asked_for("are not sent", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(1, world.identity.asked(1));
    UNSIGNED_LONGS_EQUAL(0, world.counts().challenges);
}

TEST(SignIn, keeps_the_count_of_passcodes_over_a_new_code) {
    world.identity.challenges("session-1").rejects_passcode().challenges("session-2");
    world.identity.rejects_passcode();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("passcode", "000000")
        .when_asked_for("passcode", "r")
        .when_asked_for("passcode", "000001");

    run.start();

    run.check_ends(State::MaxTries, Reason::WrongCredentials);
}

TEST(SignIn, ends_when_the_repeated_step_1_is_refused) {
    world.identity.challenges("session-1").at_step_1([] { return identity::Disabled{}; });
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "");

    run.start();

    run.check_ends(State::Denied, Reason::AccountDisabled);
}

TEST(SignIn, counts_a_password_that_has_become_wrong_at_the_repeated_step_1) {
    world.identity.challenges("session-1").at_step_1([] { return identity::Rejected{}; });
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "");

    run.start();

    run.check_ends(State::Denied, Reason::WrongCredentials);
    UNSIGNED_LONGS_EQUAL(1, world.counts().wrong_passwords);
}

// --- Single prompt
// --------------------------------------------------------------------------------

TEST(SignIn, takes_both_factors_from_one_line_in_single_prompt_mode) {
    world.settings.sign_in.single_prompt = true;
    world.identity.challenges("session-1").at_step_2(world.token());
    SignInRun run(world);
    run.person().when_asked_for("password", "se,cret,1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    STRCMP_EQUAL("se,cret", world.identity.calls[0].credential.c_str());
    STRCMP_EQUAL("1411594", world.identity.calls[1].credential.c_str());
    CHECK_TRUE(run.verdict().password() != nullptr); // PAM keeps the whole line otherwise
    STRCMP_EQUAL("se,cret", run.verdict().password()->c_str());
}

TEST(SignIn, does_not_split_the_password_in_the_ordinary_mode) {
    world.identity.at_step_1([] { return identity::Rejected{}; });
    SignInRun run(world);
    run.person().when_asked_for("password", "secret,1411594");

    run.start();

    run.check_ends(State::Denied, Reason::WrongCredentials);
    STRCMP_EQUAL("secret,1411594", world.identity.calls[0].credential.c_str());
}

TEST(SignIn, asks_for_the_passcode_in_single_prompt_mode_when_none_was_given) {
    world.settings.sign_in.single_prompt = true;
    world.identity.challenges("session-1").at_step_2(world.token());
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(run.verdict().password() == nullptr); // as typed
}

TEST(SignIn, uses_the_passcode_of_a_single_line_only_when_a_challenge_comes) {
    world.settings.sign_in.single_prompt = true;
    world.settings.access.require_mfa = false;
    world.identity.at_step_1(world.token({.proven = kPasswordAlone}));
    SignInRun run(world);
    run.person().when_asked_for("password", "secret,1411594");

    run.start();

    run.check_ends(State::Granted, Reason::PasswordProven);
    UNSIGNED_LONGS_EQUAL(0, world.identity.asked(2));
}

TEST(SignIn, splits_the_password_of_the_stack_in_single_prompt_mode) {
    world.settings.sign_in.single_prompt = true;
    world.identity.challenges("session-1").at_step_2(world.token());
    Context context = SignInWorld::ssh_login();
    context.password.emplace("secret,1411594");
    SignInRun run(world);

    run.start(std::move(context));

    run.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(0, run.person().prompts.size());
}

TEST(SignIn, keeps_a_single_line_with_an_empty_password_from_identity) {
    world.settings.sign_in.single_prompt = true;
    SignInRun run(world);
    run.person().when_asked_for("password", ",1411594");

    run.start();

    run.check_ends(State::Denied, Reason::WrongCredentials);
    UNSIGNED_LONGS_EQUAL(0, world.identity.calls.size());
}

TEST(SignIn, knows_a_password_only_client_also_by_the_whole_line_repeated) {
    world.settings.sign_in.single_prompt = true;
    world.identity.challenges("session-1").rejects_passcode();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret,000000")
        .when_asked_for("passcode", "secret,000000");

    run.start();

    run.check_ends(State::Denied, Reason::PasswordOnlyClient);
    UNSIGNED_LONGS_EQUAL(1, world.identity.asked(2));
}

// --- API keys
// -------------------------------------------------------------------------------------

TEST(SignIn, never_tries_what_was_typed_as_an_api_key_unless_the_configuration_says_so) {
    world.settings.access.require_mfa = false;
    world.identity.at_step_1([] { return identity::Rejected{}; });
    SignInRun run(world);
    run.person().when_asked_for("password", "0f97f489c848438090250d50c7e1eaAA");

    run.start();

    run.check_ends(State::Denied, Reason::WrongCredentials);
    UNSIGNED_LONGS_EQUAL(1, world.identity.calls.size());
}

TEST(SignIn, tries_an_api_key_after_the_same_words_were_no_password) {
    world.settings.access.require_mfa = false;
    world.settings.sign_in.credential = settings::CredentialRule::PasswordOrApiKey;
    world.identity.at_step_1([] { return identity::Rejected{}; })
        .at_step_1(world.token({.proven = kApiKey}));
    SignInRun run(world);
    run.person().when_asked_for("password", "any words");

    run.start();

    run.check_ends(State::Granted, Reason::ApiKeyProven);
    CHECK_TRUE(world.identity.calls[0].kind == identity::CredentialKind::Password);
    CHECK_TRUE(world.identity.calls[1].kind == identity::CredentialKind::ApiKey);
    STRCMP_EQUAL("any words", world.identity.calls[1].credential.c_str());
    UNSIGNED_LONGS_EQUAL(0, world.counts().wrong_passwords);
}

TEST(SignIn, never_tries_an_api_key_where_a_second_factor_is_wanted) {
    world.settings.sign_in.credential = settings::CredentialRule::PasswordOrApiKey;
    world.identity.at_step_1([] { return identity::Rejected{}; });
    SignInRun run(world);
    run.person().when_asked_for("password", "any words");

    run.start();

    run.check_ends(State::Denied, Reason::WrongCredentials);
    UNSIGNED_LONGS_EQUAL(1, world.identity.calls.size());
}

TEST(SignIn, tries_no_api_key_after_any_other_answer_than_wrong_credentials) {
    world.settings.access.require_mfa = false;
    world.settings.sign_in.credential = settings::CredentialRule::PasswordOrApiKey;
    const ScriptedIdentity::MakeAnswer answers[] = {
        [] { return identity::Locked{}; },
        [] { return identity::Fault{"502"}; },
        [] { return identity::Unreachable{"reset", true}; },
        [] { return identity::Throttled{}; },
        [] { return identity::Rejected{identity::Rejected::Cause::AccessRefused}; },
    };
    for (const auto& answer : answers) {
        world.identity.calls.clear();
        world.identity.at_step_1(answer);
        SignInRun run(world);
        run.person().when_asked_for("password", "any words");

        run.start();

        CHECK_TRUE(run.verdict().state() != State::Granted);
        UNSIGNED_LONGS_EQUAL(1, world.identity.calls.size());
    }
}

TEST(SignIn, counts_one_wrong_password_when_the_words_are_no_api_key_either) {
    world.settings.access.require_mfa = false;
    world.settings.sign_in.credential = settings::CredentialRule::PasswordOrApiKey;
    world.identity.at_step_1([] { return identity::Rejected{}; }).at_step_1([] {
        return identity::Rejected{};
    });
    SignInRun run(world);
    run.person().when_asked_for("password", "any words");

    run.start();

    run.check_ends(State::Denied, Reason::WrongCredentials);
    UNSIGNED_LONGS_EQUAL(1, world.counts().wrong_passwords);
}
