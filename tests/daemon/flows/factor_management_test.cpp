// SPDX-License-Identifier: Apache-2.0
// Whose token the care of the second factor uses. What it does with it is in the host tests.
#include "daemon/flows/factor_management.h"
#include "sign_in_world.h"
#include "tests/support/fake_factors.h"

using namespace raxauth;
using namespace raxauth::testing;
using caller::Context;

/// alice asks for care in her own login session 11.
TEST_GROUP(Care) {
    SignInWorld world;
    FakeFactors factors{world.revoker, world.clock};
    ScriptedPerson person;
    std::optional<conversation::Verdict> verdict;
    Job job;

    void setup() override {
        world.factors = &factors;
        factors.otp["otp-1"] = true;
        world.settings.services["user"].reuse = settings::Reuse::All;
    }
    void teardown() override {
        job = Job();
        world.let_go_of_all();
        CHECK_TRUE_TEXT(world.revoker.balanced(), "a token was leaked or ended twice");
    }
    static Context inside(const char* verb = "") {
        Context context = SignInWorld::ssh_login("");
        context.caller.uid = 1001;
        context.service = "user";
        context.session.audit_session = 11;
        context.session.login_uid = 1001;
        context.session.real_uid = 1001;
        context.verb = verb;
        return context;
    }
    void sign_in(const char* token) {
        world.identity.challenges("session").at_step_2(world.token({.token = token}));
        SignInRun run(world);
        run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");
        run.start(inside());
        run.check_ends(State::Granted, Reason::MfaProven);
    }
    void begin(const char* verb) {
        job = Job::start(run(inside(verb)));
        run_until_idle(world.loop);
    }
    Task<void> run(Context context) {
        auto trace = std::make_shared<flows::SignInTrace>();
        Task<conversation::Verdict> procedure =
            flows::manage_factors(person, std::move(context), world.services(), trace);
        conversation::Verdict reached = co_await std::move(procedure);
        verdict.emplace(std::move(reached));
    }
};

TEST(Care, uses_the_token_of_the_sessions_sign_in) {
    sign_in("token-1");

    begin("devices");

    CHECK_TRUE(verdict && verdict->state() == State::Granted);
    CHECK_TRUE(!factors.tokens.empty() && factors.tokens[0] == "token-1");
}

TEST(Care, does_not_act_for_another_account_than_is_configured_now) {
    sign_in("of-alice-smith");
    world.settings.accounts.map["alice"] = "alice.jones";

    begin("devices");

    CHECK_FALSE_TEXT(verdict.has_value(), "the session's sign-in was used");
    CHECK_TRUE(factors.tokens.empty());
    STRCMP_CONTAINS("password", person.trouble.c_str()); // it asks for a sign-in
}
