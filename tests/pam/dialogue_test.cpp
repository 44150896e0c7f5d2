// SPDX-License-Identifier: Apache-2.0
#include "pam/dialogue.h"

#include "scripted_conversation.h"

#include <csignal>
#include <cstdint>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::pam;
using raxauth::testing::ScriptedConversation;
using Kind = contract::MessageKind;
using Lines = std::vector<std::string>;

namespace {

/// Hands out prepared replies and remembers what it was told, a line each.
class ScriptedService final : public ConversationService {
  public:
    std::vector<Reply> replies;
    Lines heard;
    std::size_t interrupt_at = SIZE_MAX; ///< ^C comes just before this reply
    int watched = -1;                    ///< for interrupts

    Reply begin(DialogueKind kind, const Context& context) override {
        heard.push_back((kind == DialogueKind::SignIn ? "sign-in " : "change ") + context.user);
        return next();
    }
    Reply answer(std::uint64_t serial, const std::vector<Secret>& answers) override {
        std::string line = std::to_string(serial);
        for (const Secret& answer : answers) {
            line += " <" + std::string(answer.view()) + ">";
        }
        heard.push_back(line);
        return next();
    }
    void cancel() noexcept override { heard.emplace_back("cancel"); }
    void interrupt_on(int fd) noexcept override { watched = fd; }

  private:
    Reply next() {
        if (next_ == interrupt_at) {
            ::raise(SIGINT);
        }
        if (next_ == replies.size()) {
            return CallFailure{Outcome::Fault, "script is over"};
        }
        return std::move(replies[next_++]);
    }
    std::size_t next_ = 0;
};

class FakePassword final : public StackPassword {
  public:
    std::optional<std::string> from_stack;
    bool asks = true;
    int times_taken = 0;
    Lines kept;

    std::optional<Secret> first_pass() override {
        ++times_taken;
        return from_stack ? std::optional<Secret>(std::string_view(*from_stack)) : std::nullopt;
    }
    bool may_ask() const override { return asks; }
    void typed(const Secret& password) override { kept.emplace_back(password.view()); }
    void became(const Secret& password) override {
        kept.push_back("became " + std::string(password.view()));
    }
};

Step ask(std::vector<Message> messages, std::uint64_t serial = 1) {
    Step step;
    step.serial = serial;
    step.state = State::Ask;
    step.messages = std::move(messages);
    return step;
}

Step end(State state, const char* reason, std::vector<Message> messages = {}) {
    Step step;
    step.serial = 99;
    step.state = state;
    step.reason = reason;
    step.messages = std::move(messages);
    return step;
}

const Message kPassword{Kind::Password, "Password: "};
const Message kPasscode{Kind::Secret, "Passcode: "};

} // namespace

TEST_GROUP(Dialogue) {
    ScriptedService service;
    ScriptedConversation script;
    FakePassword password;
    Context context;

    Verdict run(bool silent = false, DialogueKind kind = DialogueKind::SignIn) {
        context.user = "alice";
        Conversation conversation(script.conv(), silent);
        return run_dialogue(kind, context, service, conversation, password);
    }
};

TEST(Dialogue, carries_questions_and_answers_to_a_verdict) {
    service.replies.emplace_back(ask({kPassword}));
    service.replies.emplace_back(ask({{Kind::Info, "Code sent."}, kPasscode}, 2));
    Step granted = end(State::Granted, "mfa-proven", {{Kind::Info, "Welcome."}});
    granted.ticket = Secret("t1cket");
    service.replies.emplace_back(std::move(granted));
    script.answers = {"hunter2", "123456"};

    const Verdict verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Granted);
    STRCMP_EQUAL("mfa-proven", verdict.reason.c_str());
    STRCMP_EQUAL("t1cket", verdict.ticket.c_str());
    CHECK_TRUE((service.heard == Lines{"sign-in alice", "1 <hunter2>", "2 <123456>"}));
    CHECK_TRUE((script.lines() == Lines{"?Password: ", "iCode sent.", "?Passcode: ", "iWelcome."}));
}

TEST(Dialogue, keeps_the_typed_password_and_no_other_answer) {
    service.replies.emplace_back(ask({{Kind::Text, "Name: "}, kPassword, kPasscode}));
    service.replies.emplace_back(end(State::Denied, "wrong-credentials"));
    script.answers = {"al", "hunter2", "123456"};

    const Verdict verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Denied);
    CHECK_TRUE((password.kept == Lines{"hunter2"}));
    STRCMP_EQUAL("1 <al> <hunter2> <123456>", service.heard[1].c_str());
}

TEST(Dialogue, corrects_the_password_by_a_verdict_that_grants) {
    Step granted = end(State::Granted, "mfa-proven");
    granted.password = Secret("hunter2");
    service.replies.emplace_back(ask({kPassword}));
    service.replies.emplace_back(std::move(granted));
    script.answers = {"hunter2,123456"};

    run();

    CHECK_TRUE((password.kept == Lines{"hunter2,123456", "became hunter2"}));
}

namespace {
volatile std::sig_atomic_t interrupts = 0;
void count_interrupt(int) {
    interrupts = interrupts + 1;
}
} // namespace

TEST(Dialogue, asks_nobody_on_who_has_interrupted_it) {
    struct sigaction action{};
    struct sigaction previous{};
    action.sa_handler = count_interrupt;
    ::sigaction(SIGINT, &action, &previous);
    interrupts = 0;
    service.replies.emplace_back(ask({kPassword}));
    service.replies.emplace_back(ask({{Kind::Info, "It takes its time."}}, 2));
    service.replies.emplace_back(ask({kPasscode}, 3));
    service.interrupt_at = 2;
    script.answers = {"hunter2", "123456"};

    const Verdict verdict = run();

    ::sigaction(SIGINT, &previous, nullptr);
    CHECK_TRUE(verdict.outcome == Outcome::Cancelled);
    CHECK_TRUE((service.heard == Lines{"sign-in alice", "1 <hunter2>", "2", "cancel"}));
    LONGS_EQUAL(1, interrupts);       // the application's own, afterwards
    LONGS_EQUAL(-1, service.watched); // its descriptor is closed
}

TEST(Dialogue, answers_the_password_from_the_stack_once) {
    password.from_stack = "from-stack";
    service.replies.emplace_back(ask({{Kind::Info, "Hello."}, kPassword, kPasscode}));
    service.replies.emplace_back(ask({kPassword}, 2));
    service.replies.emplace_back(end(State::Granted, "mfa-proven"));
    script.answers = {"123456", "typed"};

    const Verdict verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Granted);
    CHECK_TRUE((service.heard == Lines{"sign-in alice", "1 <from-stack> <123456>", "2 <typed>"}));
    CHECK_TRUE((script.lines() == Lines{"iHello.", "?Passcode: ", "?Password: "}));
    CHECK_TRUE((password.kept == Lines{"typed"}));
    CHECK_EQUAL(1, password.times_taken);
}

TEST(Dialogue, keeps_the_order_when_the_stack_answers_the_last_question) {
    password.from_stack = "from-stack";
    service.replies.emplace_back(ask({kPasscode, kPassword}));
    service.replies.emplace_back(end(State::Granted, "mfa-proven"));
    script.answers = {"123456"};

    run();

    STRCMP_EQUAL("1 <123456> <from-stack>", service.heard[1].c_str());
}

TEST(Dialogue, does_not_ask_for_the_password_under_use_first_pass) {
    password.asks = false;
    service.replies.emplace_back(ask({kPassword}));
    script.answers = {"hunter2"};

    const Verdict verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Denied);
    CHECK_EQUAL(0, script.calls);
    CHECK_TRUE((service.heard == Lines{"sign-in alice", "cancel"}));
}

TEST(Dialogue, does_not_ask_again_for_a_refused_password_under_use_first_pass) {
    password.asks = false;
    password.from_stack = "stale";
    service.replies.emplace_back(ask({kPassword}));
    service.replies.emplace_back(ask({kPassword}, 2));
    script.answers = {"hunter2"};

    const Verdict verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Denied);
    CHECK_EQUAL(0, script.calls);
    CHECK_TRUE((service.heard == Lines{"sign-in alice", "1 <stale>", "cancel"}));
}

TEST(Dialogue, sends_nothing_but_the_cancel_when_the_person_gives_up) {
    service.replies.emplace_back(ask({kPassword}));
    service.replies.emplace_back(ask({kPasscode}, 2));
    script.answers = {"hunter2", std::nullopt};

    const Verdict verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Cancelled);
    CHECK_TRUE((service.heard == Lines{"sign-in alice", "1 <hunter2>", "cancel"}));
}

TEST(Dialogue, goes_on_after_a_step_that_only_shows) {
    service.replies.emplace_back(ask({{Kind::Info, "Please wait."}}));
    service.replies.emplace_back(end(State::Granted, "mfa-proven"));

    const Verdict verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Granted);
    CHECK_TRUE((service.heard == Lines{"sign-in alice", "1"}));
}

TEST(Dialogue, stands_by_a_verdict_whose_words_cannot_be_shown) {
    for (const State state : {State::Granted, State::Denied}) {
        ScriptedService fresh;
        fresh.replies.emplace_back(end(state, "any", {{Kind::Error, "Sorry."}}));
        ScriptedConversation failing;
        failing.fail_from_call = 1;
        Conversation conversation(failing.conv(), false);

        const Verdict verdict =
            run_dialogue(DialogueKind::SignIn, context, fresh, conversation, password);

        CHECK_TRUE(verdict.outcome == outcome_of(state));
        CHECK_EQUAL(1, failing.calls);
    }
}

TEST(Dialogue, ends_with_the_failure_of_a_call) {
    service.replies.emplace_back(CallFailure{Outcome::Unavailable, "deadline"});

    Verdict verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Unavailable);
    STRCMP_EQUAL("deadline", verdict.reason.c_str());
    CHECK_TRUE((service.heard == Lines{"sign-in alice"}));

    service.replies.emplace_back(ask({kPassword}));
    service.replies.emplace_back(CallFailure{Outcome::Fault, "odd"});
    script.answers = {"hunter2"};

    verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Fault);
}

TEST(Dialogue, is_not_held_for_ever) {
    for (int i = 0; i < 1000; ++i) {
        service.replies.emplace_back(ask({{Kind::Info, "still there"}}));
    }

    const Verdict verdict = run();

    CHECK_TRUE(verdict.outcome == Outcome::Fault);
    CHECK_TRUE(script.calls < 100);
    STRCMP_EQUAL("cancel", service.heard.back().c_str());
}

TEST(Dialogue, refuses_steps_beyond_the_contracts_bounds) {
    const struct {
        const char* name;
        Step step;
    } rows[] = {
        {"messages", ask(std::vector<Message>(contract::kMaxMessages + 1, {Kind::Info, "x"}))},
        {"questions", ask(std::vector<Message>(contract::kMaxAnswers + 1, kPasscode))},
        {"granted with a question", end(State::Granted, "mfa-proven", {kPassword})},
    };
    for (const auto& row : rows) {
        ScriptedService fresh;
        Step step;
        step.serial = row.step.serial;
        step.state = row.step.state;
        step.reason = row.step.reason;
        step.messages = row.step.messages;
        fresh.replies.emplace_back(std::move(step));
        Conversation conversation(script.conv(), false);

        const Verdict verdict =
            run_dialogue(DialogueKind::SignIn, context, fresh, conversation, password);

        CHECK_TRUE_TEXT(verdict.outcome == Outcome::Fault, row.name);
        CHECK_EQUAL_TEXT(0, script.calls, row.name);
        STRCMP_EQUAL_TEXT("cancel", fresh.heard.back().c_str(), row.name);
    }
}

TEST(Dialogue, needs_no_application_for_what_the_stack_can_answer) {
    password.from_stack = "from-stack";
    service.replies.emplace_back(ask({{Kind::Info, "Hello."}, kPassword}));
    service.replies.emplace_back(end(State::Granted, "password-proven"));
    Conversation nobody(nullptr, false);

    const Verdict verdict = run_dialogue(DialogueKind::SignIn, context, service, nobody, password);

    CHECK_TRUE(verdict.outcome == Outcome::Granted);
}

TEST(Dialogue, is_cancelled_where_nobody_can_be_asked) {
    service.replies.emplace_back(ask({kPassword}));
    Conversation nobody(nullptr, false);

    const Verdict verdict = run_dialogue(DialogueKind::SignIn, context, service, nobody, password);

    CHECK_TRUE(verdict.outcome == Outcome::Cancelled);
}

TEST(Dialogue, can_be_about_a_new_password) {
    service.replies.emplace_back(end(State::Denied, "not-supported"));

    const Verdict verdict = run(false, DialogueKind::PasswordChange);

    CHECK_TRUE(verdict.outcome == Outcome::Denied);
    CHECK_TRUE((service.heard == Lines{"change alice"}));
}
