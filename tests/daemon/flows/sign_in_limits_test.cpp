// SPDX-License-Identifier: Apache-2.0
// Sign-ins against the daemon's real limiter: whatever an attacker does, Identity is asked no more
// often than the configuration says, and the person gets in.
#include "sign_in_world.h"

#include <list>

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;

TEST_GROUP(SignInLimits) {
    SignInWorld world;

    void teardown() override {
        world.let_go_of_all();
        CHECK_TRUE_TEXT(world.revoker.balanced(), "a token was leaked or ended twice");
        CHECK_TRUE_TEXT(world.identity.script_done(), "Identity's script was not followed");
    }

    /// One sign-in with a passcode that Identity refuses; ends after one try.
    void fail_a_passcode(const char* host) {
        world.identity.challenges("session").rejects_passcode();
        SignInRun run(world);
        run.person().when_asked_for("password", "secret").when_asked_for("passcode", "000000");
        run.start(SignInWorld::ssh_login(host)); // asked again, the person walks away
        UNSIGNED_LONGS_EQUAL(0, world.identity.under_way());
    }
    void fail_a_password(const char* host) {
        world.identity.at_step_1([] { return identity::Rejected{}; });
        SignInRun run(world);
        run.person().when_asked_for("password", "guess");
        run.start(SignInWorld::ssh_login(host));
        run.check_ends(State::Denied, Reason::WrongCredentials, host);
    }
    void sign_in_well(const char* host) {
        world.identity.challenges("session").at_step_2(world.token());
        SignInRun run(world);
        run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
        run.start(SignInWorld::ssh_login(host));
        run.check_ends(State::Granted, Reason::MfaProven, host);
        world.let_go_of_all();
    }
    /// Refused before Identity is asked anything, with the time to try again.
    void check_refused_here(const char* host) {
        const std::size_t asked = world.identity.calls.size();
        SignInRun run(world);
        run.person().when_asked_for("password", "secret");
        run.start(SignInWorld::ssh_login(host));
        run.check_ends(State::Denied, Reason::Throttled, host);
        CHECK_TRUE_TEXT(contains(run.verdict_text(), "try again at"), run.verdict_text().c_str());
        UNSIGNED_LONGS_EQUAL_TEXT(asked, world.identity.calls.size(), host);
    }
};

TEST(SignInLimits, of_wrong_passcodes_hold_over_conversations_and_origins) {
    fail_a_passcode("192.0.2.7");
    fail_a_passcode("192.0.2.8");

    check_refused_here("192.0.2.7");
    check_refused_here("192.0.2.9");

    world.clock.advance(31min + 1s);
    sign_in_well("192.0.2.7");
}

TEST(SignInLimits, of_wrong_passcodes_hold_over_a_restart) {
    fail_a_passcode("192.0.2.7");
    fail_a_passcode("192.0.2.7");

    world.remake_limiter();

    check_refused_here("192.0.2.7");
}

TEST(SignInLimits, of_wrong_passcodes_hold_inside_one_conversation_too) {
    world.settings.limits.passcode_attempts = 5;
    world.identity.challenges("session").rejects_passcode().rejects_passcode();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("passcode", "000000")
        .when_asked_for("passcode", "000001"); // no third is asked for in vain

    run.start();

    run.check_ends(State::MaxTries, Reason::WrongCredentials);
    CHECK_TRUE(contains(run.verdict_text(), "now refuses sign-ins of this account until "));
    UNSIGNED_LONGS_EQUAL(2, world.identity.asked(2));
}

TEST(SignInLimits, forget_wrong_passcodes_when_the_person_signs_in) {
    fail_a_passcode("192.0.2.7");
    sign_in_well("192.0.2.7");
    fail_a_passcode("192.0.2.7");
    sign_in_well("192.0.2.7");
}

TEST(SignInLimits, let_parallel_guesses_gain_nothing) {
    world.settings.limits.passcode_attempts = 1;
    constexpr int kGuessers = 5;
    std::list<SignInRun> guessers;
    for (int i = 0; i < kGuessers; ++i) {
        world.identity.challenges("session");
        SignInRun& run = guessers.emplace_back(world);
        run.person().when_asked_for("password", "secret").when_asked_for("passcode", "000000");
        run.person().gate->shut();
        run.start();
        run.person().gate->let_one_through(); // the password; all are challenged
        run.go_on();
    }
    UNSIGNED_LONGS_EQUAL(kGuessers, world.identity.asked(1));
    world.identity.rejects_passcode().rejects_passcode().gate->shut();

    for (SignInRun& run : guessers) { // now all passcodes at once
        run.person().gate->let_one_through();
        run.go_on();
    }
    UNSIGNED_LONGS_EQUAL(2, world.identity.asked(2)); // wrong_passcodes, and not one more
    world.identity.gate->open();
    run_until_idle(world.loop);

    UNSIGNED_LONGS_EQUAL(2, world.identity.asked(2));
    std::size_t refused_here = 0;
    for (SignInRun& run : guessers) {
        CHECK_TRUE(run.ended());
        refused_here += run.verdict().reason() == Reason::Throttled ? 1U : 0U;
    }
    UNSIGNED_LONGS_EQUAL(kGuessers - 2, refused_here);
}

TEST(SignInLimits, let_those_who_wait_go_on_when_the_first_passcode_was_right) {
    std::list<SignInRun> people;
    for (int i = 0; i < 3; ++i) {
        world.identity.challenges("session");
        SignInRun& run = people.emplace_back(world);
        run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
        world.identity.at_step_2(world.token({.token = "token-" + std::to_string(i)}));
    }
    world.settings.limits.wrong_passcodes = 1;
    world.remake_limiter();
    world.identity.gate->shut();
    for (SignInRun& run : people) {
        run.start();
    }
    for (std::size_t i = 0; i < people.size(); ++i) {
        world.identity.gate->let_one_through(); // the challenges
    }
    run_until_idle(world.loop);
    UNSIGNED_LONGS_EQUAL(1, world.identity.asked(2));

    world.identity.gate->open();
    run_until_idle(world.loop);

    for (const SignInRun& run : people) {
        run.check_ends(State::Granted, Reason::MfaProven);
    }
}

TEST(SignInLimits, of_challenges_count_resends_too) {
    world.settings.limits.challenges = 3;
    world.settings.limits.resends = 5;
    world.remake_limiter();
    world.identity.challenges("1").challenges("2").challenges("3").at_step_2(world.token());
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("passcode", "")
        .when_asked_for("passcode", "")
        .when_asked_for("passcode", "")
        .when_asked_for("no further sms will be sent for now", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(3, world.identity.asked(1));
    STRCMP_EQUAL("3", world.identity.calls.back().continuation.c_str());
    CHECK_FALSE(contains(run.person().last_prompt(), "empty line"));
    UNSIGNED_LONGS_EQUAL(2, world.counts().challenges); // the one that was answered is given back
    fail_a_passcode("192.0.2.7");
    check_refused_here("192.0.2.7");
    world.clock.advance(30min + 1s);
    sign_in_well("192.0.2.7");
}

TEST(SignInLimits, of_challenges_hold_for_those_who_never_answer) {
    for (int i = 0; i < 6; ++i) {
        world.identity.challenges("session");
        SignInRun run(world);
        run.person().when_asked_for("password", "secret");
        run.start(); // and walks away at the passcode prompt
    }

    check_refused_here("192.0.2.7");
    UNSIGNED_LONGS_EQUAL(6, world.identity.calls.size());
}

TEST(SignInLimits, of_challenges_do_not_count_authenticator_apps_or_outages) {
    for (int i = 0; i < 10; ++i) {
        world.identity.challenges("session", identity::Factor::OtpDevice);
        SignInRun run(world);
        run.person().when_asked_for("password", "secret");
        run.start();
        world.identity.at_step_1([] { return identity::Fault{"503"}; });
        SignInRun outage(world);
        outage.person().when_asked_for("password", "secret");
        outage.start();
    }
    UNSIGNED_LONGS_EQUAL(0, world.counts().challenges);

    sign_in_well("192.0.2.7");
}

TEST(SignInLimits, of_wrong_passwords_are_an_origins_own) {
    for (int i = 0; i < 10; ++i) {
        fail_a_password("203.0.113.5");
    }

    check_refused_here("203.0.113.5");
    sign_in_well("192.0.2.7");
}

TEST(SignInLimits, let_parallel_passwords_gain_nothing) {
    world.settings.limits.wrong_passwords = 3;
    world.settings.limits.challenges = 20;
    world.remake_limiter();
    world.identity.gate->shut();
    std::list<SignInRun> guessers;
    for (int i = 0; i < 8; ++i) {
        SignInRun& run = guessers.emplace_back(world);
        run.person().when_asked_for("password", "guess");
        run.start();
    }
    for (int i = 0; i < 3; ++i) {
        world.identity.at_step_1([] { return identity::Rejected{}; });
    }

    world.identity.gate->open();
    run_until_idle(world.loop);

    UNSIGNED_LONGS_EQUAL(3, world.identity.calls.size());
    for (const SignInRun& run : guessers) {
        CHECK_TRUE(run.ended());
    }
}

TEST(SignInLimits, do_not_let_a_stranger_keep_the_person_out_of_where_they_always_sign_in) {
    sign_in_well("192.0.2.7");
    for (int i = 0; i < 5; ++i) { // passwords known to the stranger: SMS and wrong codes
        const std::string host = "203.0.113." + std::to_string(i);
        if (!world.limiter->refusal("alice.smith", world.origin(host))) {
            fail_a_passcode(host.c_str());
        }
    }
    check_refused_here("203.0.113.77");

    sign_in_well("192.0.2.7");
}

TEST(SignInLimits, hold_a_strangers_password_back_while_the_account_is_under_attack) {
    world.settings.limits.wrong_passwords = 1;
    world.remake_limiter();
    sign_in_well("192.0.2.7");
    for (int i = 0; i < 12; ++i) {
        fail_a_password(("203.0.113." + std::to_string(i)).c_str());
    }
    world.naps.clear();

    sign_in_well("192.0.2.7");
    UNSIGNED_LONGS_EQUAL(0, world.naps.size());

    fail_a_password("203.0.113.99");
    UNSIGNED_LONGS_EQUAL(0, world.counts().refused_until.has_value());
    UNSIGNED_LONGS_EQUAL(1, world.naps.size());
    CHECK_TRUE(world.naps[0] > 0ms);
}

TEST(SignInLimits, of_challenges_are_used_up_by_an_outage_for_minutes_only) {
    for (int i = 0; i < 6; ++i) {
        world.identity.at_step_1(
            [] { return identity::Unreachable{"no reply", /* maybe_judged= */ true}; });
        SignInRun run(world);
        run.person().when_asked_for("password", "secret");
        run.start();
        run.check_ends(State::Unavailable, Reason::IdentityUnreachable);
    }
    check_refused_here("192.0.2.7");

    world.clock.advance(5min);
    sign_in_well("192.0.2.7");
}

TEST(SignInLimits, of_challenges_let_somebody_sign_in_by_text_message_eight_times) {
    for (int i = 0; i < 8; ++i) {
        sign_in_well("192.0.2.7");
        world.clock.advance(3min);
    }
    UNSIGNED_LONGS_EQUAL(0, world.counts().challenges);
}

TEST(SignInLimits, of_challenges_are_announced_before_the_last_one) {
    for (int i = 0; i < 4; ++i) {
        world.identity.challenges("session");
        SignInRun run(world);
        run.person().when_asked_for("password", "secret");
        run.start();
        CHECK_FALSE(contains(run.all_text(), "one more can be sent"));
    }
    world.identity.challenges("5").challenges("6");
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for("one more can be sent; then none until", "")
        .when_asked_for("the last code that can be sent until", "");
    run.start();
    CHECK_TRUE(contains(run.all_text(), "No further SMS will be sent for now"));
}

TEST(SignInLimits, are_of_the_provider_account_whatever_the_local_names) {
    world.settings.accounts.map["bob"] = "Alice.Smith";
    world.accounts.add("bob", 1002);
    fail_a_passcode("192.0.2.7");
    world.identity.challenges("session").rejects_passcode();
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "000000");
    caller::Context of_bob = SignInWorld::ssh_login("192.0.2.8");
    of_bob.user = "bob";
    run.start(std::move(of_bob));

    UNSIGNED_LONGS_EQUAL(2, world.counts().wrong_passcodes);
    check_refused_here("192.0.2.9");
}

TEST(SignInLimits, of_wrong_passcodes_are_not_wiped_by_an_api_key) {
    fail_a_passcode("192.0.2.7");
    world.settings.sign_in.credential = settings::CredentialRule::PasswordOrApiKey;
    world.settings.access.require_mfa = false;
    world.identity.at_step_1([] { return identity::Rejected{}; })
        .at_step_1(world.token({.proven = kPasswordAlone}));
    SignInRun run(world);
    run.person().when_asked_for("password", "0123456789abcdef0123456789abcdef");
    run.start();

    UNSIGNED_LONGS_EQUAL(1, world.counts().wrong_passcodes);
    world.let_go_of_all();
}

TEST(SignInLimits, of_wrong_passwords_refuse_nobody_for_what_sixty_four_networks_did) {
    for (int i = 1; i <= 64; ++i) {
        fail_a_password(("2001:db8:" + std::to_string(i) + ":1::1").c_str());
    }
    sign_in_well("198.51.100.9");
    sign_in_well(""); // the console, for the first time
}
