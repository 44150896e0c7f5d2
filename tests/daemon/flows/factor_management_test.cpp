// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/factor_management.h"
#include "sign_in_world.h"
#include "tests/support/fake_factors.h"

using namespace raxauth;
using namespace raxauth::testing;
using caller::Context;
using identity::Enforcement;
using identity::FactorKind;
using Cause = identity::FactorRefusal::Cause;
using namespace std::chrono_literals;

/// alice manages her second factor in her own login session 11.
TEST_GROUP(FactorManagement) {
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
    void begin(const char* verb, std::vector<std::string> arguments = {}, bool interactive = true) {
        Context context = inside(verb);
        context.arguments = std::move(arguments);
        context.interactive = interactive;
        verdict.reset();
        job = Job::start(run(std::move(context)));
        run_until_idle(world.loop);
    }
    Task<void> run(Context context) {
        auto trace = std::make_shared<flows::SignInTrace>();
        verdict.emplace(
            co_await flows::manage_factors(person, std::move(context), world.services(), trace));
    }
    std::string text() const {
        std::string all;
        for (const conversation::Message& message : verdict->messages) {
            all += message.text + '\n';
        }
        return all;
    }
    void check_ends(State state, Reason reason, const char* words) const {
        CHECK_TRUE_TEXT(verdict.has_value(), person.trouble.c_str());
        const std::string wanted = std::string(word(state)) + " " + std::string(word(reason));
        const std::string got =
            std::string(word(verdict->state())) + " " + std::string(word(verdict->reason()));
        STRCMP_EQUAL_TEXT(wanted.c_str(), got.c_str(), verdict->why.c_str());
        STRCMP_CONTAINS(words, text().c_str());
        CHECK_TRUE_TEXT(person.script_done(), person.trouble.c_str());
    }
    void check_done(const char* result, const char* words = "") const {
        check_ends(State::Granted, Reason::Done, words);
        STRCMP_EQUAL(result, std::string(verdict->result()->view()).c_str());
    }
    void check_unusable(const char* words) const {
        check_ends(State::Denied, Reason::NotSupported, words);
    }
    void sign_in() {
        sign_in("token-1");
    }
};

TEST(FactorManagement, uses_the_token_of_the_sessions_sign_in) {
    sign_in("token-1");

    begin("devices");

    CHECK_TRUE(verdict && verdict->state() == State::Granted);
    CHECK_TRUE(!factors.tokens.empty() && factors.tokens[0] == "token-1");
}

TEST(FactorManagement, does_not_act_for_another_account_than_is_configured_now) {
    sign_in("of-alice-smith");
    world.settings.accounts.map["alice"] = "alice.jones";

    begin("devices");

    CHECK_FALSE_TEXT(verdict.has_value(), "the session's sign-in was used");
    CHECK_TRUE(factors.tokens.empty());
    STRCMP_CONTAINS("Password: ", person.trouble.c_str()); // it asks for a sign-in
}

TEST(FactorManagement, status_tells_the_state_the_levels_and_the_devices_with_masked_numbers) {
    sign_in();
    factors.enabled = true;
    factors.factor = FactorKind::Sms;
    factors.phone["phone-1"] = true;

    begin("mfa-status");

    check_done(R"({"account":"alice.smith","enabled":true,"locked":false,"factor":"sms",)"
               R"("enforcement":"required","domain":"5821004","domain_enforcement":"optional",)"
               R"("otp_devices":[{"id":"otp-1","name":"raxauth","verified":true}],)"
               R"("phones":[{"id":"phone-1","number":"+* ***-***-**00","verified":true}]})");
}

TEST(FactorManagement, status_leaves_out_a_domain_level_that_may_not_be_seen) {
    sign_in();
    factors.refuse("domain_enforcement", Cause::NotAllowed, 403);

    begin("mfa-status");

    CHECK_TRUE(verdict && verdict->state() == State::Granted);
    STRCMP_CONTAINS(R"("domain_enforcement":"")", std::string(verdict->result()->view()).c_str());
}

TEST(FactorManagement, devices_shows_numbers_only_on_demand) {
    sign_in();
    factors.phone["phone-1"] = false;

    begin("devices");
    check_done(R"({"otp_devices":[{"id":"otp-1","name":"raxauth","verified":true}],)"
               R"("phones":[{"id":"phone-1","number":"+* ***-***-**00","verified":false}]})");

    begin("devices", {"numbers"});
    check_done(R"({"otp_devices":[{"id":"otp-1","name":"raxauth","verified":true}],)"
               R"("phones":[{"id":"phone-1","number":"+1 512-555-0100","verified":false}]})");
}

TEST(FactorManagement, devices_remove_removes_the_one_named_and_no_other) {
    sign_in();
    factors.phone["phone-1"] = true;

    begin("devices-remove", {"phone-1"});
    check_done("{}", "The device is removed.");
    UNSIGNED_LONGS_EQUAL(0, factors.phone.size());
    UNSIGNED_LONGS_EQUAL(1, factors.otp.size());

    begin("devices-remove", {"otp-1"});
    check_done("{}", "The device is removed.");
    UNSIGNED_LONGS_EQUAL(0, factors.otp.size());

    begin("devices-remove", {"otp-1"});
    check_unusable("There is no device with this id");
}

TEST(FactorManagement, devices_remove_says_what_to_do_about_a_device_in_use) {
    sign_in();
    factors.phone["phone-1"] = true;
    factors.refuse("remove_phone", Cause::Conflict, 400, "Phone is in use");
    begin("devices-remove", {"phone-1"});
    check_ends(State::Denied, Reason::ManagementRefused, "raxauth mfa default otp");
    STRCMP_CONTAINS("(Identity: Phone is in use)", text().c_str());

    factors.refuse("remove_otp_device", Cause::Conflict, 400);
    begin("devices-remove", {"otp-1"});
    check_ends(State::Denied, Reason::ManagementRefused, "raxauth mfa default sms");
}

TEST(FactorManagement, mfa_default_takes_one_of_two_words) {
    sign_in();
    begin("mfa-default", {"sms"});
    check_done("{}", "Passcodes come as text messages");
    CHECK_TRUE(factors.factor == FactorKind::Sms);

    begin("mfa-default", {"otp"});
    check_done("{}", "Passcodes come from the authenticator app");

    begin("mfa-default", {"email"});
    check_unusable("A second factor is \"otp\" or \"sms\".");
    UNSIGNED_LONGS_EQUAL(2, factors.asked("set_default"));
}

TEST(FactorManagement, devices_verify_sends_a_pin_that_counts_as_a_text_message) {
    sign_in();
    const unsigned before = world.counts().challenges;
    factors.phone["phone-1"] = false;
    person.when_asked_for("on its way to +* ***-***-**00", "abc")
        .when_asked_for("Digits only", "1111")
        .when_asked_for("not accepted", " 4321 ");

    begin("devices-verify", {"phone-1"});

    check_done("{}", "The device is verified.");
    CHECK_TRUE(factors.phone["phone-1"]);
    UNSIGNED_LONGS_EQUAL(1, factors.asked("send_pin"));
    UNSIGNED_LONGS_EQUAL(before + 1, world.counts().challenges);
}

TEST(FactorManagement, devices_verify_gives_a_message_back_that_was_refused_and_no_other) {
    sign_in();
    const unsigned before = world.counts().challenges;
    factors.phone["phone-1"] = false;

    factors.refuse("send_pin", Cause::Fault, 503);
    begin("devices-verify", {"phone-1"});
    check_ends(State::Unavailable, Reason::IdentityFault, "no usable answer");
    UNSIGNED_LONGS_EQUAL(before, world.counts().challenges);

    factors.refuse("send_pin", Cause::Unreachable, 0);
    begin("devices-verify", {"phone-1"});
    check_ends(State::Unavailable, Reason::IdentityUnreachable, "may have done");
    UNSIGNED_LONGS_EQUAL_TEXT(before + 1, world.counts().challenges, "it may have been sent");
}

TEST(FactorManagement, devices_verify_sends_nothing_when_the_budget_is_used_up) {
    sign_in();
    world.settings.limits.challenges = 1;
    world.remake_limiter();
    factors.phone["phone-1"] = false;
    factors.refuse("send_pin", Cause::Unreachable, 0);
    begin("devices-verify", {"phone-1"}); // it may have been sent

    begin("devices-verify", {"phone-1"});

    check_ends(State::Denied, Reason::Throttled, "Too many attempts");
    UNSIGNED_LONGS_EQUAL(1, factors.asked("send_pin"));
}

TEST(FactorManagement, devices_verify_ends_after_three_wrong_codes) {
    sign_in();
    factors.otp["otp-1"] = false;
    person.when_asked_for("authenticator app shows", "1")
        .when_asked_for("authenticator app shows", "x")
        .when_asked_for("authenticator app shows", "2");

    begin("devices-verify", {"otp-1"});

    check_ends(State::MaxTries, Reason::WrongCredentials, "The device is not verified.");
    CHECK_FALSE(factors.otp["otp-1"]);
}

TEST(FactorManagement, devices_verify_needs_somebody_who_types_and_a_device_that_is_there) {
    sign_in();
    factors.phone["phone-1"] = false;
    begin("devices-verify", {"phone-1"}, /*interactive=*/false);
    check_unusable("A code has to be typed");
    begin("devices-verify", {"phone-2"});
    check_unusable("There is no device with this id");
    UNSIGNED_LONGS_EQUAL(0, factors.asked("send_pin"));
}

TEST(FactorManagement, mfa_enable_switches_on_and_says_what_is_missing_where_it_cannot) {
    sign_in();
    begin("mfa-enable");
    check_done("{}", "password-only sign-ins are no longer valid");
    CHECK_TRUE(factors.enabled);
    CHECK_FALSE(factors.factor.has_value());

    begin("mfa-enable", {"sms"});
    CHECK_TRUE(factors.factor == FactorKind::Sms);
    begin("mfa-enable", {""});
    check_unusable("A second factor is");

    factors.refuse("enable", Cause::Conflict, 400);
    begin("mfa-enable");
    check_ends(State::Denied, Reason::ManagementRefused, "That needs a verified device");
}

TEST(FactorManagement, mfa_disable_asks_first_and_takes_nothing_but_yes) {
    sign_in();
    factors.enabled = true;
    person.when_asked_for("off for alice.smith? The password", "y");
    begin("mfa-disable");
    check_ends(State::Denied, Reason::Cancelled, "Nothing was changed");
    CHECK_TRUE(factors.enabled);

    person.when_asked_for("[yes/no]", " yes ");
    begin("mfa-disable");
    check_done("{}", "The devices stay.");
    CHECK_FALSE(factors.enabled);
    UNSIGNED_LONGS_EQUAL(1, factors.otp.size());

    begin("mfa-disable", {}, /*interactive=*/false);
    check_unusable("has to be confirmed");
}

TEST(FactorManagement, mfa_disable_can_remove_the_devices_as_well) {
    sign_in();
    person.when_asked_for("and remove all devices", "yes");

    begin("mfa-disable", {"devices"});

    check_done("{}", "all devices are removed");
    UNSIGNED_LONGS_EQUAL(0, factors.otp.size());
}

TEST(FactorManagement, mfa_disable_warns_of_what_account_and_domain_demand) {
    struct Row {
        Enforcement user;
        Enforcement domain;
        const char* words;
    };
    const std::vector<Row> rows{
        {Enforcement::Optional, Enforcement::Optional, ""},
        {Enforcement::Required, Enforcement::Optional, "Your account must have MFA"},
        {Enforcement::Optional, Enforcement::Required, "Your account must have MFA"},
        {Enforcement::Optional, Enforcement::Mandated, "Rackspace mandates MFA"},
        {Enforcement::Mandated, Enforcement::Required, "Rackspace mandates MFA"},
    };
    sign_in();
    for (const Row& row : rows) {
        factors.enforcement = row.user;
        factors.domain_enforcement_level = row.domain;
        person.when_asked_for(row.words, "no");
        begin("mfa-disable");
        check_ends(State::Denied, Reason::Cancelled, "Nothing was changed");
    }
    CHECK_FALSE(contains(text_of(person.prompts.front()), "must have MFA"));
}

TEST(FactorManagement, bypass_codes_gives_as_many_as_wanted_and_says_how_long_they_last) {
    sign_in();
    begin("bypass-codes");
    check_done(R"({"codes":["900000000"],"valid_for_minutes":null})");
    CHECK_FALSE(factors.codes_valid_for.has_value());

    begin("bypass-codes", {"2", "30"});
    check_done(R"({"codes":["900000000","900000001"],"valid_for_minutes":30})");
    CHECK_TRUE(factors.codes_valid_for == 30min);
    STRCMP_EQUAL("10042", factors.users.back().c_str());
}

TEST(FactorManagement, bypass_codes_for_another_user_come_one_at_a_time) {
    sign_in();
    begin("bypass-codes", {"1", "", "bob.jones"});
    check_done(R"({"codes":["900000000"],"valid_for_minutes":null})");
    STRCMP_EQUAL("10077", factors.users.back().c_str());

    begin("bypass-codes", {"2", "", "bob.jones"});
    check_unusable("one code at a time");
}

TEST(FactorManagement, bypass_codes_knows_its_bounds) {
    sign_in();
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"0"}, {"11"}, {"1x"}, {"-1"}, {"1", "0"}, {"1", "181"}}) {
        begin("bypass-codes", arguments);
        check_unusable("1 to 10 codes");
    }
    factors.refuse("bypass_codes", Cause::Conflict, 400);
    begin("bypass-codes");
    check_ends(State::Denied, Reason::ManagementRefused, "only where MFA is on");
}

TEST(FactorManagement, mfa_unlock_acts_on_the_user_named) {
    sign_in();
    begin("mfa-unlock", {"bob.jones"});
    check_done("{}", "bob.jones is unlocked.");
    STRCMP_EQUAL("10077", factors.users.back().c_str());

    factors.refuse("unlock", Cause::NotAllowed, 403);
    begin("mfa-unlock", {"bob.jones"});
    check_ends(State::Denied, Reason::ManagementRefused, "account administrator");
}

TEST(FactorManagement, mfa_require_sets_the_level_of_the_user_named) {
    sign_in();
    begin("mfa-require", {"bob.jones", "required"});
    check_done("{}", "MFA is now \"required\" for bob.jones.");
    CHECK_TRUE(factors.required == Enforcement::Required);
    STRCMP_EQUAL("10077", factors.users.back().c_str());

    begin("mfa-require", {"bob.jones", "mandated"});
    check_unusable("The level is");
    factors.refuse("state", Cause::NotFound, 404);
    begin("mfa-require", {"nobody", "optional"});
    check_ends(State::Denied, Reason::ManagementRefused, "does not know that name");
}

TEST(FactorManagement, mfa_domain_show_and_set_are_about_the_persons_own_domain) {
    sign_in();
    begin("mfa-domain-show");
    check_done(R"({"domain":"5821004","enforcement":"optional"})");

    begin("mfa-domain-set", {"required"});
    check_done("{}", "\"required\" for all users of domain 5821004");
    STRCMP_EQUAL("5821004", factors.changed_domain.c_str());
    CHECK_TRUE(factors.domain_enforcement_level == Enforcement::Required);

    begin("mfa-domain-set", {"default"});
    check_unusable("The level of a domain");
}

TEST(FactorManagement, knows_no_other_verb_and_no_other_number_of_arguments) {
    sign_in();
    for (const char* verb : {"", "mfa", "devices-add", "mfa-unlock", "mfa-require"}) {
        begin(verb);
        check_unusable("does not know that request");
    }
    begin("mfa-status", {"bob.jones"});
    check_unusable("does not know that request");
    CHECK_TRUE(factors.calls.empty());
}

TEST(FactorManagement, ends_the_sessions_sign_in_when_the_token_turns_out_to_be_dead) {
    sign_in();
    factors.refuse("otp_devices", Cause::TokenDead, 401);

    begin("devices");

    check_ends(State::Denied, Reason::NoSignIn, "raxauth login");
    UNSIGNED_LONGS_EQUAL(0, world.sessions.size());
}

TEST(FactorManagement, offers_nothing_that_the_provider_does_not_have) {
    sign_in();
    world.identity.can = {};
    for (const auto& [verb, arguments] :
         std::vector<std::pair<const char*, std::vector<std::string>>>{
             {"mfa-default", {"otp"}},
             {"mfa-disable", {}},
             {"bypass-codes", {}},
             {"mfa-unlock", {"bob.jones"}},
             {"mfa-require", {"bob.jones", "required"}},
             {"mfa-domain-show", {}},
             {"mfa-domain-set", {"required"}}}) {
        begin(verb, arguments);
        check_unusable("not supported at Rackspace");
    }
    CHECK_TRUE(factors.calls.empty());

    world.factors = nullptr;
    begin("devices");
    check_unusable("Second factors are not managed");
}

TEST(FactorManagement, needs_a_session_of_the_persons_own_and_a_sign_in_or_somebody_who_makes_one) {
    begin("devices", {}, /*interactive=*/false);
    check_ends(State::Denied, Reason::NoSignIn, "Sign in first: raxauth login");

    Context borrowed = inside("devices");
    borrowed.session.login_uid = 1002;
    verdict.reset();
    job = Job::start(run(std::move(borrowed)));
    run_until_idle(world.loop);
    check_ends(State::Denied, Reason::NoSignIn, "not in a login session of your own");
}
