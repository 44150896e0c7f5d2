// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/enrolment.h"

#include "sign_in_world.h"
#include "tests/support/fake_factors.h"

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using identity::FactorKind;
using Cause = identity::FactorRefusal::Cause;

namespace {

constexpr const char* kOffer = "Which [1, 2, c]";
constexpr const char* kScan = "Then type the passcode that it shows";
constexpr const char* kNumber = "Number of the mobile phone";
constexpr const char* kPinQuestion = "PIN [";

/// One `raxauth enrol` in alice's own session, which has no sign-in yet.
class EnrolRun {
  public:
    explicit EnrolRun(SignInWorld& world) : world_(world) {}
    void start(const char* factor) {
        caller::Context context = SignInWorld::ssh_login("");
        context.caller.uid = 1001;
        context.service = "user";
        context.session.audit_session = 11;
        context.session.login_uid = context.session.real_uid = 1001;
        context.factor = factor;
        job_ = Job::start(run(std::move(context)));
        run_until_idle(world_.loop);
    }
    ScriptedPerson person;
    std::optional<conversation::Verdict> verdict;

  private:
    Task<void> run(caller::Context context) {
        Task<conversation::Verdict> procedure = flows::enrol(
            person, std::move(context), world_.services(), std::make_shared<flows::SignInTrace>());
        conversation::Verdict reached = co_await std::move(procedure);
        verdict.emplace(std::move(reached));
    }
    SignInWorld& world_;
    Job job_;
};

} // namespace

TEST_GROUP(Enrolment) {
    SignInWorld world;
    FakeFactors factors{world.revoker, world.clock};

    void setup() override {
        world.factors = &factors;
    }
    void teardown() override {
        world.enrolments.close();
        world.let_go_of_all();
        CHECK_TRUE_TEXT(world.revoker.balanced(), "a token was leaked or ended twice");
        CHECK_TRUE_TEXT(world.identity.script_done(), "Identity's script was not followed");
    }

    void demands_setup() {
        world.identity.at_step_1([] { return identity::SetupRequired{}; });
    }
    void then_signs_in() {
        world.identity.challenges("session-1").at_step_2(world.token());
    }
    void check_nothing_left() {
        UNSIGNED_LONGS_EQUAL_TEXT(0, factors.otp.size() + factors.phone.size(), "a device is left");
        UNSIGNED_LONGS_EQUAL_TEXT(0, world.revoker.live(), "a token is left");
        UNSIGNED_LONGS_EQUAL_TEXT(0, world.enrolments.size(), "a set-up is left");
        CHECK_FALSE(factors.enabled);
    }
};

TEST(Enrolment, sets_an_authenticator_up_at_the_login_prompt_and_signs_in_with_it) {
    demands_setup();
    then_signs_in();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "1")
        .when_asked_for(kScan, FakeFactors::kCode)
        .when_asked_for("Now sign in with it", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(factors.enabled);
    CHECK_TRUE(factors.factor == FactorKind::Otp);
    CHECK_TRUE(factors.otp.begin()->second);
    CHECK_TRUE(run.person().allowances.at(0) == world.settings.sign_in.enrolment_deadline);
    for (const std::string& token : factors.tokens) {
        STRCMP_EQUAL("setup-1", token.c_str());
    }
    CHECK_FALSE(world.revoker.lives("setup-1"));
    UNSIGNED_LONGS_EQUAL(0, world.enrolments.size());
    // Four requests in a row may take longer than a caller waits for one reply.
    UNSIGNED_LONGS_EQUAL(2, run.person().acknowledged);
    CHECK_TRUE(world.naps.back() == 2s); // until what was begun before counts no more
}

TEST(Enrolment, shows_the_key_as_a_secret_text_and_never_as_an_ordinary_one) {
    demands_setup();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "otp")
        .when_asked_for(kScan, "c");

    run.start();

    run.check_ends(State::Denied, Reason::Cancelled);
    const conversation::Message& question = run.person().prompts.at(2);
    STRCMP_EQUAL("", question.text.c_str());
    CHECK_TRUE(contains(text_of(question), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"));
    CHECK_FALSE(contains(run.all_text(), "GEZD"));
}

TEST(Enrolment, draws_in_plain_characters_on_demand_and_where_the_terminal_needs_it) {
    demands_setup();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "1")
        .when_asked_for("otpauth://totp/", "b") // behind sshd nothing is known of the terminal
        .when_asked_for("█", "p")
        .when_asked_for("##", "c");
    run.start();
    run.check_ends(State::Denied, Reason::Cancelled);
    for (const char c : text_of(run.person().prompts.at(2))) {
        CHECK_TRUE_TEXT(static_cast<unsigned char>(c) < 0x80, "shown by ssh in its own locale");
    }
    const std::string drawing = text_of(run.person().prompts.at(3));
    CHECK_TRUE(drawing.find("GEZD GNBV") > drawing.rfind("█")); // what scrolls off is the drawing

    demands_setup();
    SignInRun plain(world);
    caller::Context context = SignInWorld::ssh_login();
    context.locale = "C";
    plain.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "1")
        .when_asked_for("##", "c");
    plain.start(std::move(context));
    plain.check_ends(State::Denied, Reason::Cancelled);
}

TEST(Enrolment, sets_a_phone_up_by_a_pin_that_counts_as_a_text_message) {
    demands_setup();
    then_signs_in();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "2")
        .when_asked_for(kNumber, "512 555")
        .when_asked_for("begin with +", " +1 512-555-0199 ")
        .when_asked_for("on its way to +* ***-***-**99", "1111")
        .when_asked_for(
            "not accepted: it is wrong or too old.\nThe PIN is in the last text message",
            FakeFactors::kPin)
        .when_asked_for("Now sign in with it", "1411594");

    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(factors.factor == FactorKind::Sms);
    UNSIGNED_LONGS_EQUAL(1, factors.asked("send_pin"));
    UNSIGNED_LONGS_EQUAL(1, world.counts().challenges); // the PIN; the sign-in's own was answered
    CHECK_FALSE(contains(run.all_text(), "555-0199"));
}

TEST(Enrolment, of_a_kind_that_was_named_is_the_one_that_the_sign_in_demands) {
    for (const char* word : {"otp", "sms"}) {
        const bool otp = std::string(word) == "otp";
        factors.enabled = false;
        demands_setup();
        then_signs_in();
        EnrolRun run(world);
        run.person.when_asked_for("password", "secret"); // and no menu
        if (otp) {
            run.person.when_asked_for(kScan, FakeFactors::kCode);
        } else {
            run.person.when_asked_for(kNumber, "+1 512-555-0100")
                .when_asked_for(kPinQuestion, FakeFactors::kPin);
        }
        run.person.when_asked_for("Now sign in with it", "1411594");
        run.start(word);

        CHECK_TRUE_TEXT(run.verdict.has_value(), run.person.trouble.c_str());
        CHECK_TRUE_TEXT(run.verdict->reason() == Reason::Enrolled, run.verdict->why.c_str());
        CHECK_TRUE(contains(run.verdict->messages.at(0).text, "signed in with it"));
        UNSIGNED_LONGS_EQUAL(otp ? 1 : 0, factors.otp.size());
        UNSIGNED_LONGS_EQUAL(otp ? 0 : 1, factors.phone.size());
        world.sessions.clear();
        factors.otp.clear();
        factors.phone.clear();
    }
}

TEST(Enrolment, sends_no_more_pins_than_limits_resends_and_the_budget_allow) {
    demands_setup();
    world.settings.limits.resends = 1;
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "2")
        .when_asked_for(kNumber, "+1 512-555-0100")
        .when_asked_for("r: send another", "r")
        .when_asked_for(kPinQuestion, "r")
        .when_asked_for("No further text message", "c");
    run.start();
    run.check_ends(State::Denied, Reason::Cancelled);
    UNSIGNED_LONGS_EQUAL(2, factors.asked("send_pin"));

    world.settings.limits.challenges = 2;
    world.remake_limiter(); // both are used up
    SignInRun none_left(world);
    none_left.person().when_asked_for("password", "secret");
    none_left.start();
    none_left.check_ends(State::Denied, Reason::Throttled);
    UNSIGNED_LONGS_EQUAL_TEXT(1, world.identity.calls.size(), "Identity was asked all the same");
}

TEST(Enrolment, leaves_nothing_behind_when_the_person_cancels_at_any_step) {
    const std::vector<std::vector<std::pair<const char*, const char*>>> ways{
        {{kOffer, "c"}},
        {{kOffer, "1"}, {kScan, "c"}},
        {{kOffer, "1"}, {kScan, "999999"}, {"not accepted", "cancel"}},
        {{kOffer, "2"}, {kNumber, "C"}},
        {{kOffer, "2"}, {kNumber, "+1 512-555-0100"}, {kPinQuestion, "c"}},
    };
    for (const auto& way : ways) {
        demands_setup();
        SignInRun run(world);
        run.person().when_asked_for("password", "secret");
        for (const auto& [words, answer] : way) {
            run.person().when_asked_for(words, answer);
        }
        run.start();
        run.check_ends(State::Denied, Reason::Cancelled, way.back().first);
        check_nothing_left();
    }
}

TEST(Enrolment, leaves_nothing_behind_when_the_caller_says_cancel) {
    demands_setup();
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    run.start(); // waits for the passcode
    UNSIGNED_LONGS_EQUAL(1, factors.otp.size());

    run.person().said_cancel = true; // as the registry tells, before the flow goes
    run.drop();
    run.go_on();

    check_nothing_left();
}

TEST(Enrolment, goes_on_where_a_lost_connection_stopped_it) {
    demands_setup();
    SignInRun lost(world);
    lost.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    lost.start();
    const std::string first_question = text_of(lost.person().prompts.back());
    lost.drop();
    UNSIGNED_LONGS_EQUAL(1, world.enrolments.size());
    CHECK_TRUE(world.revoker.lives("setup-1"));

    demands_setup();
    then_signs_in();
    SignInRun again(world);
    again.person()
        .when_asked_for("password", "secret")
        .when_asked_for("Go on [y, n, c]", "y")
        .when_asked_for(kScan, FakeFactors::kCode)
        .when_asked_for("Now sign in with it", "1411594");
    again.start();

    again.check_ends(State::Granted, Reason::MfaProven);
    STRCMP_EQUAL(first_question.c_str(), text_of(again.person().prompts.at(2)).c_str());
    UNSIGNED_LONGS_EQUAL(1, factors.asked("begin_setup"));
    UNSIGNED_LONGS_EQUAL(1, factors.asked("add_otp_device"));
    UNSIGNED_LONGS_EQUAL(0, world.enrolments.size());
}

TEST(Enrolment, starts_anew_for_who_did_not_begin_what_was_lost) {
    demands_setup();
    SignInRun lost(world);
    lost.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    lost.start();
    lost.drop();
    UNSIGNED_LONGS_EQUAL(1, factors.otp.count("otp-1"));

    demands_setup();
    then_signs_in();
    SignInRun again(world);
    again.person()
        .when_asked_for("password", "secret")
        .when_asked_for("Go on [y, n, c]", "n")
        .when_asked_for(kOffer, "1")
        .when_asked_for(kScan, FakeFactors::kCode)
        .when_asked_for("Now sign in with it", "1411594");
    again.start();

    again.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL_TEXT(0, factors.otp.count("otp-1"), "the other's device is still there");
    UNSIGNED_LONGS_EQUAL(1, factors.otp.count("otp-2"));
}

TEST(Enrolment, never_shows_one_key_in_two_conversations_at_once) {
    demands_setup();
    SignInRun first(world);
    first.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    first.start();

    demands_setup();
    SignInRun second(world);
    second.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "1")
        .when_asked_for(kScan, "c");
    second.start();

    second.check_ends(State::Denied, Reason::Cancelled);
    UNSIGNED_LONGS_EQUAL(2, factors.asked("add_otp_device"));
    UNSIGNED_LONGS_EQUAL_TEXT(1, factors.otp.count("otp-1"),
                              "the first one's device was taken away");
}

TEST(Enrolment, undoes_a_lost_set_up_after_fifteen_minutes_and_not_before) {
    demands_setup();
    SignInRun lost(world);
    lost.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    lost.start();
    lost.drop();

    world.clock.advance(15min - 1us);
    run_until_idle(world.loop);
    UNSIGNED_LONGS_EQUAL(1, world.enrolments.size());
    UNSIGNED_LONGS_EQUAL(1, factors.otp.size());
    CHECK_TRUE(world.revoker.lives("setup-1"));

    world.clock.advance(1us);
    run_until_idle(world.loop);
    check_nothing_left();
}

TEST(Enrolment, that_is_resumed_in_time_is_not_undone_by_the_fifteen_minutes_of_its_loss) {
    demands_setup();
    SignInRun lost(world);
    lost.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    lost.start();
    lost.drop();
    world.clock.advance(14min);
    run_until_idle(world.loop);

    demands_setup();
    SignInRun again(world);
    again.person().when_asked_for("password", "secret").when_asked_for("Go on [y, n, c]", "y");
    again.start(); // waits for the passcode
    world.clock.advance(14min);
    run_until_idle(world.loop);
    UNSIGNED_LONGS_EQUAL(1, factors.otp.size());

    again.drop(); // lost once more: 15 minutes from now
    world.clock.advance(14min);
    run_until_idle(world.loop);
    UNSIGNED_LONGS_EQUAL(1, world.enrolments.size());
    world.clock.advance(1min);
    run_until_idle(world.loop);
    check_nothing_left();
}

TEST(Enrolment, sets_up_the_one_kind_that_the_provider_has_without_asking) {
    world.identity.can.enrol_sms = false;
    demands_setup();
    then_signs_in();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kScan, FakeFactors::kCode)
        .when_asked_for("Now sign in with it", "1411594");
    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(factors.factor == FactorKind::Otp);
}

TEST(Enrolment, is_not_offered_where_the_provider_has_no_set_up_at_sign_in) {
    world.identity.can.set_up_at_sign_in = false;
    demands_setup();
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");
    run.start();

    run.check_ends(State::Denied, Reason::MfaSetupRequired);
    CHECK_TRUE(factors.calls.empty());
}

TEST(Enrolment, keeps_what_was_lost_for_a_quarter_of_an_hour_and_four_times_an_account) {
    for (int host = 1; host <= 6; ++host) {
        demands_setup();
        SignInRun lost(world);
        lost.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
        lost.start(SignInWorld::ssh_login("192.0.2." + std::to_string(host)));
        lost.drop();
        lost.go_on();
    }

    UNSIGNED_LONGS_EQUAL(flows::PendingEnrolments::kMaxKeptOfAccount, world.enrolments.size());
    UNSIGNED_LONGS_EQUAL(flows::PendingEnrolments::kMaxKeptOfAccount, factors.otp.size());
}

TEST(Enrolment, gives_a_client_up_that_repeats_the_whole_line_of_a_single_prompt) {
    world.settings.sign_in.single_prompt = true;
    demands_setup();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret,123456")
        .when_asked_for(kOffer, "secret,123456");
    run.start();

    run.check_ends(State::Denied, Reason::PasswordOnlyClient);
    CHECK_TRUE(factors.calls.empty());
}

TEST(Enrolment, shows_what_was_begun_to_nobody_from_elsewhere) {
    demands_setup();
    SignInRun lost(world);
    lost.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    lost.start();
    lost.drop();

    demands_setup();
    SignInRun stranger(world);
    stranger.person().when_asked_for("password", "secret").when_asked_for(kOffer, "c");
    stranger.start(SignInWorld::ssh_login("203.0.113.9"));

    stranger.check_ends(State::Denied, Reason::Cancelled);
    UNSIGNED_LONGS_EQUAL_TEXT(1, world.enrolments.size(), "the person's own is still there");
}

TEST(Enrolment, ends_after_five_answers_that_do_not_fit_and_can_be_gone_on_with) {
    demands_setup();
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    for (const char* wrong : {"000000", "not digits", "111111", "222222", "333333"}) {
        run.person().when_asked_for(kScan, wrong);
    }
    run.start();

    run.check_ends(State::MaxTries, Reason::WrongCredentials);
    UNSIGNED_LONGS_EQUAL(4, factors.asked("verify_otp_device"));
    UNSIGNED_LONGS_EQUAL(1, world.enrolments.size());
}

TEST(Enrolment, gives_a_client_up_that_answers_everything_with_the_password) {
    demands_setup();
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for(kOffer, "secret");
    run.start();

    run.check_ends(State::Denied, Reason::PasswordOnlyClient);
    CHECK_TRUE(factors.calls.empty());
    CHECK_TRUE(world.limiter->refusal("alice.smith", world.origin(), "sshd").has_value());
}

TEST(Enrolment, goes_on_where_the_verification_switched_mfa_on_by_itself) {
    demands_setup();
    then_signs_in();
    factors.refuse("enable", Cause::TokenDead, 401);
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "1")
        .when_asked_for(kScan, FakeFactors::kCode)
        .when_asked_for("Now sign in with it", "1411594");
    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
}

TEST(Enrolment, goes_on_where_the_device_was_verified_by_a_request_whose_answer_was_lost) {
    demands_setup();
    then_signs_in();
    factors.refuse("verify_otp_device", Cause::Conflict, 400, "already verified");
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "1")
        .when_asked_for(kScan, FakeFactors::kCode)
        .when_asked_for("Now sign in with it", "1411594");
    run.start();

    run.check_ends(State::Granted, Reason::MfaProven);
    CHECK_TRUE(factors.enabled);
}

TEST(Enrolment, says_yes_to_nobody_whose_second_factor_is_not_proven_afterwards) {
    demands_setup();
    world.identity.at_step_1(world.token({.proven = kPasswordAlone}));
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "1")
        .when_asked_for(kScan, FakeFactors::kCode);
    run.start();

    run.check_ends(State::Denied, Reason::MfaRequired);
}

TEST(Enrolment, is_offered_once_in_a_sign_in) {
    demands_setup();
    demands_setup(); // Identity is not impressed
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "1")
        .when_asked_for(kScan, FakeFactors::kCode);
    run.start();

    run.check_ends(State::Denied, Reason::MfaSetupRequired);
    CHECK_TRUE(contains(run.verdict_text(), "Control Panel"));
}

TEST(Enrolment, is_not_offered_where_it_may_not_or_cannot_be) {
    demands_setup();
    world.settings.sign_in.enrol_at_login = false;
    SignInRun switched_off(world);
    switched_off.person().when_asked_for("password", "secret");
    switched_off.start();
    switched_off.check_ends(State::Denied, Reason::MfaSetupRequired, "enrol_at_login");

    demands_setup();
    world.settings.sign_in.enrol_at_login = true;
    SignInRun nobody_there(world);
    caller::Context context = SignInWorld::ssh_login();
    context.interactive = false;
    nobody_there.person().when_asked_for("password", "secret");
    nobody_there.start(std::move(context));
    nobody_there.check_ends(State::Denied, Reason::MfaSetupRequired, "interactive");
    CHECK_TRUE(factors.calls.empty());
}

TEST(Enrolment, tells_what_identity_refuses_and_keeps_what_was_done) {
    struct Row {
        const char* call;
        Cause cause;
        int status;
        State state;
        Reason reason;
    };
    const std::vector<Row> rows{
        {"begin_setup", Cause::NotAllowed, 403, State::Denied, Reason::ManagementRefused},
        {"begin_setup", Cause::Unreachable, 0, State::Unavailable, Reason::IdentityUnreachable},
        {"add_otp_device", Cause::Throttled, 413, State::Unavailable, Reason::Throttled},
        {"add_otp_device", Cause::TokenDead, 401, State::Denied, Reason::NoSignIn},
        {"verify_otp_device", Cause::Fault, 500, State::Unavailable, Reason::IdentityFault},
        {"enable", Cause::Conflict, 400, State::Denied, Reason::ManagementRefused},
    };
    int host = 0;
    for (const Row& row : rows) {
        demands_setup();
        factors.refuse(row.call, row.cause, row.status, "Words of Identity");
        SignInRun run(world);
        run.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
        const std::string call = row.call;
        if (call == "verify_otp_device" || call == "enable") {
            run.person().when_asked_for(kScan, FakeFactors::kCode);
        }
        run.start(SignInWorld::ssh_login("192.0.2." + std::to_string(++host)));
        run.check_ends(row.state, row.reason, row.call);
        CHECK_TRUE_TEXT(contains(run.verdict_text(),
                                 row.cause == Cause::TokenDead ? "to go on" : "Words of Identity"),
                        row.call);
    }
}

TEST(Enrolment, asks_who_it_is_where_the_setup_token_does_not_say) {
    factors.setup_names_user = false;
    factors.refuse("state", Cause::NotAllowed, 403);
    demands_setup();
    SignInRun refused(world);
    refused.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    refused.start();
    refused.check_ends(State::Denied, Reason::MfaSetupRequired);
    check_nothing_left();

    demands_setup();
    then_signs_in();
    SignInRun told(world);
    told.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "1")
        .when_asked_for(kScan, FakeFactors::kCode)
        .when_asked_for("Now sign in with it", "1411594");
    told.start();
    told.check_ends(State::Granted, Reason::MfaProven);
}

TEST(Enrolment, takes_no_key_that_is_none) {
    factors.key_uri = "https://evil.example/?secret=x";
    demands_setup();
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for(kOffer, "1");
    run.start();

    run.check_ends(State::Unavailable, Reason::IdentityFault);
    check_nothing_left();
}

TEST(Enrolment, replaces_an_unverified_phone_that_is_in_the_way_and_no_other) {
    factors.phone["phone-old"] = false;
    factors.refuse("add_phone", Cause::Conflict, 400, "one phone only");
    demands_setup();
    then_signs_in();
    SignInRun run(world);
    run.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "2")
        .when_asked_for(kNumber, "+1 512-555-0100")
        .when_asked_for(kPinQuestion, FakeFactors::kPin)
        .when_asked_for("Now sign in with it", "1411594");
    run.start();
    run.check_ends(State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(0, factors.phone.count("phone-old"));

    factors.phone = {{"phone-old", true}};
    factors.refuse("add_phone", Cause::Conflict, 400, "one phone only");
    demands_setup();
    SignInRun taken(world);
    taken.person()
        .when_asked_for("password", "secret")
        .when_asked_for(kOffer, "2")
        .when_asked_for(kNumber, "+1 512-555-0100");
    taken.start();
    taken.check_ends(State::Denied, Reason::ManagementRefused);
    UNSIGNED_LONGS_EQUAL(1, factors.phone.count("phone-old"));
}
