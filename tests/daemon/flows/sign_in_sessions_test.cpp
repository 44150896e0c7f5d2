// SPDX-License-Identifier: Apache-2.0
// What becomes of the token of a granted sign-in: a ticket, the session's entry, or revoked.
#include "sign_in_world.h"

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using caller::Context;
using sessions::SessionKey;

TEST_GROUP(SignInSessions) {
    SignInWorld world;
    int tokens = 0;

    void teardown() override {
        world.let_go_of_all();
        CHECK_TRUE_TEXT(world.revoker.balanced(), "a token was leaked or ended twice");
        CHECK_TRUE_TEXT(world.identity.script_done(), "Identity's script was not followed");
    }

    void script_one(SignInRun & run) {
        world.identity.challenges("session").at_step_2(
            world.token({.token = "token-" + std::to_string(++tokens)}));
        run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
    }
    /// alice's own session number 11, from inside.
    static Context inside(const char* service, uid_t real_uid) {
        Context context = SignInWorld::ssh_login("");
        context.service = service;
        context.session.audit_session = 11;
        context.session.login_uid = 1001;
        context.session.real_uid = real_uid;
        return context;
    }
    static SessionKey key() {
        return SessionKey::of(inside("sudo", 1001).session, "alice");
    }
    /// alice logs in by ssh; her session 11 has an entry with token-1 then.
    void log_in() {
        SignInRun run(world);
        script_one(run);
        run.start();
        run.check_ends(State::Granted, Reason::MfaProven);
        const Secret ticket = run.verdict().grant()->ticket().clone();
        CHECK_TRUE(world.sessions.open(ticket, inside("sshd", 0), 0).has_value());
    }
};

TEST(SignInSessions, outside_a_session_makes_a_ticket_that_holds_the_token) {
    SignInRun run(world);
    script_one(run);

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    const sessions::Grant& grant = *run.verdict().grant();
    UNSIGNED_LONGS_EQUAL(64, grant.ticket().size());
    STRCMP_EQUAL("alice.smith", grant.account().c_str());
    UNSIGNED_LONGS_EQUAL(1, world.sessions.tickets());
    UNSIGNED_LONGS_EQUAL(1, world.revoker.live());
}

TEST(SignInSessions, of_a_caller_who_is_not_root_makes_no_ticket) {
    SignInRun run(world);
    script_one(run);
    Context context = SignInWorld::ssh_login("");
    context.caller.uid = 1001;
    context.service = "user";

    run.start(std::move(context));

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(run.verdict().grant()->ticket().empty());
    UNSIGNED_LONGS_EQUAL(0, world.sessions.tickets());
    UNSIGNED_LONGS_EQUAL(0, world.revoker.live());
}

TEST(SignInSessions, in_the_persons_own_session_refreshes_its_entry_and_revokes_the_older_token) {
    world.settings.services["sudo"].reuse = settings::Reuse::None;
    log_in();
    SignInRun run(world);
    script_one(run);

    run.start(inside("sudo", 1001));

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(run.verdict().grant()->ticket().empty());
    UNSIGNED_LONGS_EQUAL(0, world.sessions.tickets());
    CHECK_TRUE(world.revoker.lives("token-2"));
    CHECK_FALSE(world.revoker.lives("token-1"));
    const sessions::Session* session = world.sessions.find(key());
    CHECK_TRUE(session != nullptr);
    STRCMP_EQUAL("token-2", session->signed_in.token.text().c_str());
}

TEST(SignInSessions,
     with_a_password_that_cannot_be_compared_sign_in_anew_without_asking_for_it_again) {
    world.settings.services["sudo"].reuse = settings::Reuse::Passcode;
    log_in();
    SignInRun run(world);
    world.identity.challenges("session").at_step_2(world.token({.token = "token-2"}));
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start(inside("sudo", 1001));

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE_TEXT(contains(run.trace().reuse, "could not be compared"),
                    run.trace().reuse.c_str());
    CHECK_TRUE(world.sessions.find(key()) != nullptr);
}

TEST(SignInSessions, are_of_the_person_however_the_name_was_typed_where_nss_ignores_case) {
    world.accounts.ignores_case = true;
    SignInRun run(world);
    script_one(run);
    Context typed = SignInWorld::ssh_login();
    typed.user = "ALICE";
    run.start(std::move(typed));
    run.check_ends(State::Granted, Reason::MfaProven);
    const Secret ticket = run.verdict().grant()->ticket().clone();
    CHECK_TRUE(world.sessions.open(ticket, inside("sshd", 0), 0).has_value());

    UNSIGNED_LONGS_EQUAL(1, world.sessions.flush("alice"));
}

TEST(SignInSessions, count_no_longer_once_reuse_for_has_passed_while_the_person_typed) {
    world.settings.services["sudo"].reuse = settings::Reuse::Passcode;
    world.settings.services["sudo"].reuse_for = 15min;
    log_in();
    world.clock.advance(14min);
    SignInRun run(world);
    world.identity.challenges("session").at_step_2(world.token({.token = "token-2"}));
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
    run.person().gate->shut();
    run.start(inside("sudo", 1001));
    CHECK_TRUE(contains(run.all_text(), "second factor of"));
    world.clock.advance(80s);

    run.person().gate->open();
    run.go_on();

    run.check_ends(State::Granted, Reason::MfaProven); // by both factors
    CHECK_TRUE_TEXT(contains(run.trace().reuse, "older than reuse_for"), run.trace().reuse.c_str());
}

TEST(SignInSessions, are_rechecked_by_the_time_at_which_the_person_has_typed) {
    world.settings.services["sudo"].reuse = settings::Reuse::Passcode;
    world.settings.sessions.recheck_after = 60s;
    log_in();
    world.clock.advance(30s);
    SignInRun run(world);
    world.identity.validation = identity::TokenState::Dead;
    world.identity.challenges("session").at_step_2(world.token({.token = "token-2"}));
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
    run.person().gate->shut();
    run.start(inside("sudo", 1001));
    world.clock.advance(80s);

    run.person().gate->open();
    run.go_on();

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE_TEXT(contains(run.trace().reuse, "no longer knows"), run.trace().reuse.c_str());
}

TEST(SignInSessions, in_the_session_of_another_process_uid_revokes_its_token_at_once) {
    world.settings.services["su"].require_mfa = true;
    log_in();
    SignInRun run(world);
    script_one(run);

    run.start(inside("su", 0)); // su alice from root's shell in alice's own login session

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(run.verdict().grant()->ticket().empty());
    CHECK_TRUE(world.revoker.lives("token-1"));
    CHECK_FALSE(world.revoker.lives("token-2"));
}

TEST(SignInSessions, in_somebody_elses_session_revokes_its_token_at_once) {
    log_in();
    SignInRun run(world);
    script_one(run);
    Context context = inside("su", 1002); // bob's session, su to alice
    context.session.audit_session = 22;
    context.session.login_uid = 1002;

    run.start(std::move(context));

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(run.verdict().grant()->ticket().empty());
    UNSIGNED_LONGS_EQUAL(0, world.sessions.tickets());
    CHECK_FALSE(world.revoker.lives("token-2"));
    UNSIGNED_LONGS_EQUAL(1, world.sessions.size());
}

TEST(SignInSessions, do_not_suffer_from_a_process_that_gave_itself_the_persons_login_uid) {
    SignInRun stranger(world);
    world.identity.challenges("session");
    stranger.person().when_asked_for("password", "secret").when_asked_for("passcode", "secret");
    stranger.start(inside("su", 33)); // www-data, with alice's login uid
    stranger.check_ends(State::Denied, Reason::PasswordOnlyClient);

    SignInRun run(world);
    script_one(run);
    run.start(inside("su", 1001));

    run.check_ends(State::Granted, Reason::MfaProven);
}

TEST(SignInSessions, with_a_full_table_is_still_granted_but_holds_no_token) {
    const std::size_t room = sessions::StoreBounds{}.tickets;
    for (std::size_t i = 0; i < room; ++i) {
        const identity::Account account{"alice.smith", "", ""};
        auto judged = policy::judge(
            Proof{.token = "filler-" + std::to_string(i)}.issue(world.revoker, world.clock),
            account, {});
        static_cast<void>(world.sessions.accept(std::get<policy::Admission>(std::move(judged)),
                                                SignInWorld::ssh_login(), account, 1001));
    }
    SignInRun run(world);
    script_one(run);

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(run.verdict().grant()->ticket().empty());
    CHECK_FALSE(world.revoker.lives("token-1"));
    UNSIGNED_LONGS_EQUAL(room, world.sessions.tickets());
}
