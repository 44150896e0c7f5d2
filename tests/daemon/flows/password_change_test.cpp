// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/password_change.h"

#include "sign_in_world.h"
#include "tests/support/fake_factors.h"

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using Cause = identity::FactorRefusal::Cause;

namespace {

constexpr const char* kNew = "New Rackspace password";
constexpr const char* kAgain = "again";

/// One `passwd` or `raxauth password`.
class ChangeRun {
  public:
    explicit ChangeRun(SignInWorld& world) : world_(world) {}
    ScriptedPerson& person() { return person_; }
    ChangeRun& start(uid_t real_uid = 1001) {
        caller::Context context = SignInWorld::ssh_login("");
        context.service = "passwd";
        context.session.real_uid = real_uid;
        job_ = Job::start(run(std::move(context)));
        return go_on();
    }
    ChangeRun& go_on() {
        run_until_idle(world_.loop);
        return *this;
    }
    void check_ends(State state, Reason reason) const {
        CHECK_TRUE_TEXT(verdict.has_value(), person_.trouble.c_str());
        STRCMP_EQUAL_TEXT(std::string(word(state)).c_str(),
                          std::string(word(verdict->state())).c_str(), verdict->why.c_str());
        STRCMP_EQUAL_TEXT(std::string(word(reason)).c_str(),
                          std::string(word(verdict->reason())).c_str(), verdict->why.c_str());
        CHECK_TRUE_TEXT(person_.script_done(), person_.trouble.c_str());
    }
    std::optional<conversation::Verdict> verdict;

  private:
    Task<void> run(caller::Context context) {
        Task<conversation::Verdict> procedure = flows::change_password(
            person_, std::move(context), world_.services(), std::make_shared<flows::SignInTrace>());
        conversation::Verdict reached = co_await std::move(procedure);
        verdict.emplace(std::move(reached));
    }
    SignInWorld& world_;
    ScriptedPerson person_;
    Job job_;
};

} // namespace

TEST_GROUP(PasswordChange) {
    SignInWorld world;
    FakeFactors factors{world.revoker, world.clock};

    void setup() override {
        world.factors = &factors;
    }
    void teardown() override {
        world.let_go_of_all();
        CHECK_TRUE_TEXT(world.revoker.balanced(), "a token was leaked or ended twice");
        CHECK_TRUE_TEXT(world.identity.script_done(), "Identity's script was not followed");
    }
};

TEST(PasswordChange, of_an_expired_password_is_asked_for_and_the_sign_in_goes_on_with_it) {
    world.identity.at_step_1([] { return identity::PasswordExpired{}; })
        .challenges("session-1")
        .at_step_2(world.token());
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "Old-secret1")
        .when_asked_for("8 to 100 characters", "Old-secret1")
        .when_asked_for("has to differ", "New-secret1")
        .when_asked_for(kAgain, "New-secret2")
        .when_asked_for("not the same", "New-secret1")
        .when_asked_for(kAgain, "New-secret1")
        .when_asked_for("passcode", "1411594");
    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(1, factors.passwords.size());
    STRCMP_EQUAL("Old-secret1", factors.presents[0].c_str());
    STRCMP_EQUAL("New-secret1", factors.passwords[0].c_str());
    STRCMP_EQUAL("New-secret1", world.identity.calls[1].credential.c_str());
    CHECK_TRUE(run.verdict().password() != nullptr);
    STRCMP_EQUAL("New-secret1", run.verdict().password()->c_str());
    CHECK_FALSE(contains(run.all_text(), "New-secret"));
}

TEST(PasswordChange, tells_what_identity_says_of_a_weak_one_and_asks_again) {
    world.identity.at_step_1([] { return identity::PasswordExpired{}; });
    for (int i = 0; i < 3; ++i) {
        factors.refuse("change_password", Cause::Conflict, 400, "Password must contain a digit");
    }
    SignInRun run(world);
    run.person().when_asked_for("password", "Old-secret1");
    for (const char* words : {kNew, "must contain a digit", "must contain a digit"}) {
        run.person().when_asked_for(words, "weak").when_asked_for(kAgain, "weak");
    }
    run.start();

    run.check_ends(State::MaxTries, Reason::ManagementRefused);
}

TEST(PasswordChange, is_declined_by_an_empty_line_and_not_offered_where_nobody_is) {
    world.identity.at_step_1([] { return identity::PasswordExpired{}; });
    SignInRun declined(world);
    declined.person().when_asked_for("password", "Old-secret1").when_asked_for(kNew, "");
    declined.start();
    declined.check_ends(State::Denied, Reason::Cancelled);

    world.identity.at_step_1([] { return identity::PasswordExpired{}; });
    SignInRun alone(world);
    caller::Context context = SignInWorld::ssh_login();
    context.interactive = false;
    alone.person().when_asked_for("password", "Old-secret1");
    alone.start(std::move(context));
    alone.check_ends(State::Expired, Reason::PasswordExpired);
    CHECK_TRUE(factors.calls.empty());
}

TEST(PasswordChange, takes_no_new_password_from_a_client_that_repeats_its_one_answer) {
    world.settings.sign_in.single_prompt = true;
    world.identity.at_step_1([] { return identity::PasswordExpired{}; });
    SignInRun line(world);
    line.person()
        .when_asked_for("password", "Old-secret1,123456")
        .when_asked_for(kNew, "Old-secret1,123456");
    line.start();
    line.check_ends(State::Denied, Reason::PasswordOnlyClient);
    CHECK_TRUE(factors.passwords.empty());

    world.settings.sign_in.single_prompt = false;
    world.identity.at_step_1([] { return identity::PasswordExpired{}; });
    SignInRun plain(world);
    plain.person()
        .when_asked_for("password", "Old-secret1")
        .when_asked_for(kNew, "Old-secret1")
        .when_asked_for("has to differ", "Old-secret1");
    plain.start(SignInWorld::ssh_login("192.0.2.8"));
    plain.check_ends(State::Denied, Reason::PasswordOnlyClient);
    CHECK_TRUE(factors.calls.empty());
}

TEST(PasswordChange, counts_a_change_whose_answer_was_lost) {
    factors.refuse("change_password", Cause::Unreachable, 0);
    ChangeRun run(world);
    run.person()
        .when_asked_for("Present", "guess")
        .when_asked_for(kNew, "New-secret1")
        .when_asked_for(kAgain, "New-secret1");
    run.start();
    run.check_ends(State::Unavailable, Reason::IdentityUnreachable);
    UNSIGNED_LONGS_EQUAL(1, world.counts().challenges);
}

TEST(PasswordChange, by_the_person_ends_the_sign_ins_of_the_old_password) {
    ChangeRun run(world);
    run.person()
        .when_asked_for("Present Rackspace password", "Old-secret1")
        .when_asked_for(kNew, "New-secret1")
        .when_asked_for(kAgain, "New-secret1");
    run.start();

    run.check_ends(State::Granted, Reason::PasswordChanged);
    CHECK_FALSE(run.verdict->grant().has_value()); // proves nothing to anybody
    STRCMP_EQUAL("New-secret1", run.verdict->password()->c_str());
    UNSIGNED_LONGS_EQUAL(0, world.counts().challenges);
}

TEST(PasswordChange, by_root_is_refused_and_says_who_can) {
    ChangeRun run(world);
    run.start(0);

    run.check_ends(State::Denied, Reason::NotSupported);
    CHECK_TRUE(contains(run.verdict->messages.at(0).text, "only alice can"));
    CHECK_TRUE(factors.calls.empty());
}

TEST(PasswordChange, counts_a_wrong_present_password_and_stops_where_sign_ins_stop) {
    world.settings.limits.wrong_passwords = 2;
    world.remake_limiter();
    for (int i = 0; i < 2; ++i) {
        factors.refuse("change_password", Cause::WrongPassword, 401);
        ChangeRun run(world);
        run.person()
            .when_asked_for("Present", "guess")
            .when_asked_for(kNew, "New-secret1")
            .when_asked_for(kAgain, "New-secret1");
        run.start();
        run.check_ends(State::Denied, Reason::WrongCredentials);
    }
    UNSIGNED_LONGS_EQUAL(2, world.counts().wrong_passwords);

    ChangeRun refused(world);
    refused.start();
    refused.check_ends(State::Denied, Reason::Throttled);
    UNSIGNED_LONGS_EQUAL(2, factors.passwords.size());
}

TEST(PasswordChange, lets_no_more_parallel_guesses_through_than_the_limit) {
    world.settings.limits.wrong_passwords = 1;
    world.remake_limiter();
    factors.refuse("change_password", Cause::WrongPassword, 401);
    factors.own_gate.shut();
    std::vector<std::unique_ptr<ChangeRun>> runs;
    for (int i = 0; i < 4; ++i) {
        runs.push_back(std::make_unique<ChangeRun>(world));
        runs.back()
            ->person()
            .when_asked_for("Present", "guess")
            .when_asked_for(kNew, "New-secret1")
            .when_asked_for(kAgain, "New-secret1");
        runs.back()->start();
    }
    factors.own_gate.open();
    run_until_idle(world.loop);

    UNSIGNED_LONGS_EQUAL_TEXT(1, factors.asked("change_password"), "guesses that Identity saw");
}
