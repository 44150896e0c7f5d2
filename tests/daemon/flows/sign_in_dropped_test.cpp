// SPDX-License-Identifier: Apache-2.0
// The person presses ^C, the caller dies, the deadline passes: whatever it waits for, a sign-in can
// be dropped there. Nothing may leak, and the limiter must have counted what was sent.
#include "sign_in_world.h"

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;

TEST_GROUP(SignInDropped){};

namespace {

/// One long sign-in in which every wait occurs: look-up, password, held-back first step, step 1,
/// wrong passcode, step 2, a new SMS wanted, step 1, right passcode, step 2. All of them stop at
/// one gate.
struct LongSignIn {
    explicit LongSignIn(SignInWorld& of) : world(of), run(of) {
        world.settings.limits.wrong_passwords = 1;
        world.remake_limiter();
        for (int i = 0; i < 12; ++i) { // so that the first step is held back
            world.limiter->password_failed("alice.smith",
                                           world.origin("203.0.113." + std::to_string(i)));
        }
        world.accounts.gate = &gate;
        world.identity.gate = &gate;
        world.nap_at = &gate;
        run.person().gate = &gate;
        run.person()
            .when_asked_for("password", "secret")
            .when_asked_for("passcode", "000000")
            .when_asked_for("passcode", "r")
            .when_asked_for("passcode", "1411594");
        world.identity.challenges("1").rejects_passcode().challenges("2").at_step_2(world.token());
        gate.shut();
        run.start();
    }
    /// False when nothing waits any more.
    bool let_one_through() {
        const bool any = gate.let_one_through();
        run.go_on();
        return any;
    }

    SignInWorld& world;
    Gate gate;
    SignInRun run;
};

constexpr int kWaits = 10;

} // namespace

TEST(SignInDropped, waits_as_often_as_this_test_believes) {
    SignInWorld world;
    LongSignIn sign_in(world);
    int waits = 0;
    while (sign_in.let_one_through()) {
        ++waits;
    }

    LONGS_EQUAL(kWaits, waits);
    sign_in.run.check_ends(State::Granted, Reason::MfaProven);
}

TEST(SignInDropped, at_any_wait_leaks_no_token_and_leaves_nobody_waiting) {
    for (int passed = 0; passed <= kWaits; ++passed) {
        SignInWorld world;
        {
            LongSignIn sign_in(world);
            for (int i = 0; i < passed; ++i) {
                CHECK_TRUE(sign_in.let_one_through());
            }
            LONGS_EQUAL(passed == kWaits, sign_in.run.ended());

            sign_in.run.drop();

            UNSIGNED_LONGS_EQUAL(0, sign_in.gate.waiting());
            UNSIGNED_LONGS_EQUAL(0, world.identity.under_way());
        }
        run_until_idle(world.loop);
        UNSIGNED_LONGS_EQUAL(passed == kWaits ? 1 : 0, world.sessions.tickets());
        world.let_go_of_all();
        CHECK_TRUE(world.revoker.balanced());
    }
}

TEST(SignInDropped, at_any_wait_has_counted_what_was_sent) {
    for (int passed = 0; passed < kWaits; ++passed) {
        SignInWorld world;
        LongSignIn sign_in(world);
        for (int i = 0; i < passed; ++i) {
            sign_in.let_one_through();
        }

        sign_in.run.drop();
        run_until_idle(world.loop);

        UNSIGNED_LONGS_EQUAL(world.identity.asked(1), world.counts().challenges);
        UNSIGNED_LONGS_EQUAL(world.identity.asked(2), world.counts().wrong_passcodes);
        // And it has been written down.
        world.remake_limiter();
        UNSIGNED_LONGS_EQUAL(world.identity.asked(1), world.counts().challenges);
        UNSIGNED_LONGS_EQUAL(world.identity.asked(2), world.counts().wrong_passcodes);
    }
}

TEST(SignInDropped, while_waiting_for_the_limiter_lets_the_next_in_line_go_on) {
    SignInWorld world;
    world.settings.limits.challenges = 1;
    world.remake_limiter();
    world.identity.gate->shut();
    SignInRun first(world);
    first.person().when_asked_for("password", "secret");
    first.start();
    SignInRun second(world);
    second.person().when_asked_for("password", "secret");
    second.start(); // waits: the first may use up the one challenge
    SignInRun third(world);
    third.person().when_asked_for("password", "secret");
    third.start();
    UNSIGNED_LONGS_EQUAL(1, world.identity.calls.size());

    second.drop();
    world.identity.at_step_1([] { return identity::Disabled{}; }).at_step_1([] {
        return identity::Locked{};
    });
    world.identity.gate->open();
    run_until_idle(world.loop);

    first.check_ends(State::Denied, Reason::AccountDisabled);
    third.check_ends(State::Denied, Reason::AccountLocked);
    UNSIGNED_LONGS_EQUAL(2, world.identity.calls.size());
}

TEST(SignInDropped, after_the_verdict_keeps_the_ticket_for_who_opens_the_session) {
    SignInWorld world;
    world.identity.challenges("1").at_step_2(world.token());
    {
        SignInRun run(world);
        run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
        run.start();
        run.check_ends(State::Granted, Reason::MfaProven);
    }
    UNSIGNED_LONGS_EQUAL(1, world.revoker.live());
    world.let_go_of_all();
    CHECK_TRUE(world.revoker.balanced());
}
