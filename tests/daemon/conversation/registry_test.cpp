// SPDX-License-Identifier: Apache-2.0
#include "daemon/conversation/registry.h"
#include "daemon/policy/access_rules.h"
#include "daemon/sessions/session_store.h"
#include "tests/support/counting_revoker.h"
#include "tests/support/event_pump.h"
#include "tests/support/fake_clock.h"
#include "tests/support/gate.h"
#include "tests/support/proof.h"

#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::conversation;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using contract::MessageKind;

namespace {

/// A reply as the caller got it; the grant lives for the time of the call only.
struct Heard {
    std::uint64_t serial = 0;
    State state = State::Unavailable;
    Reason reason = Reason::None;
    std::vector<Message> messages;
    std::string ticket;
};

Verdict no(const char* why = "no") {
    return Verdict::refused(State::Denied, Reason::WrongCredentials, why);
}

Message prompt(std::string text) {
    return {MessageKind::Password, std::move(text)};
}

/// Tells when a flow's frame is gone.
struct Alive {
    explicit Alive(int& counter) : count(counter) { ++count; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;
    ~Alive() { --count; }
    int& count;
};

} // namespace

TEST_GROUP(Registry) {
    Loop loop;
    FakeClock clock;
    CountingRevoker revoker;
    sessions::SessionStore store{loop, clock};
    Registry registry{loop};
    std::vector<Heard> heard;
    std::map<std::uint64_t, std::vector<Ending>> endings;
    std::vector<std::string> answers; ///< as the flows got them
    std::size_t begun = 0;
    int frames = 0;                 ///< of flows that live
    std::vector<std::uint64_t> ids; ///< of all that began
    Claim claim;
    std::size_t places = 100;
    std::chrono::milliseconds deadline = 60s;
    bool proves_identity = true;
    bool announces = false;
    bool plain_text = false;
    std::string wait_note;

    /// However a conversation went: its end was written once, and nothing of it is left.
    void teardown() override {
        registry.stop();
        run_until_idle(loop);
        std::size_t ended = 0;
        for (const auto& [id, of_one] : endings) {
            LONGS_EQUAL_TEXT(1, of_one.size(), "ended twice");
            ++ended;
        }
        UNSIGNED_LONGS_EQUAL_TEXT(begun, ended, "a conversation ended without a word");
        LONGS_EQUAL_TEXT(0, frames, "a flow is left");
        store.clear();
        run_until_idle(loop);
        CHECK_TRUE_TEXT(revoker.balanced(), "a token was leaked or ended twice");
    }

    Reply listen() {
        return [this](const Step& step) {
            heard.push_back(
                {step.serial, step.state, step.reason, step.messages,
                 step.grant != nullptr ? std::string(step.grant->ticket().view()) : std::string()});
        };
    }
    bool begin(Flow flow) {
        Registry::Begin wanted;
        wanted.claim = claim;
        wanted.places = places;
        wanted.deadline = deadline;
        wanted.proves_identity = proves_identity;
        wanted.announces = announces;
        wanted.plain_text = plain_text;
        wanted.wait_note = wait_note;
        wanted.patience = 5ms;
        wanted.flow = std::move(flow);
        wanted.ended = [this](const Ending& ending) { endings[ending.id].push_back(ending); };
        const auto accepted = registry.begin(std::move(wanted), listen());
        if (accepted) {
            ids.push_back(*accepted);
            ++begun;
        }
        run_until_idle(loop);
        return accepted.has_value();
    }
    std::optional<AnswerError> answer(std::vector<std::string> texts, std::uint64_t serial) {
        std::vector<Secret> secrets;
        for (const std::string& text : texts) {
            secrets.emplace_back(text);
        }
        const auto error = registry.answer(ids.at(0), serial, std::move(secrets), listen());
        run_until_idle(loop);
        return error;
    }
    std::uint64_t serial() const {
        return heard.back().serial;
    }
    std::uint64_t id() const {
        return ids.back();
    }
    const Ending& ending() const {
        LONGS_EQUAL(1, endings.size());
        return endings.begin()->second.at(0);
    }

    /// Asks two questions, one after the other, then refuses.
    Flow two_questions() {
        return [this](Person& person) -> Task<Verdict> {
            const Alive alive(frames);
            for (const char* text : {"Password: ", "Passcode: "}) {
                std::vector<Message> question;
                question.push_back(prompt(text));
                std::vector<Secret> got = co_await person.ask(std::move(question));
                for (const Secret& secret : got) {
                    answers.emplace_back(secret.view());
                }
            }
            co_return no();
        };
    }
    /// Works until the gate opens, then refuses.
    Flow works_at(Gate & gate) {
        return [this, &gate](Person&) -> Task<Verdict> {
            const Alive alive(frames);
            co_await gate.pass();
            co_return no("worked");
        };
    }
    /// A real grant: of a token that passed judgement, with a ticket.
    sessions::Grant grant() {
        const identity::Account account{"alice.smith", "", ""};
        auto judged = policy::judge(Proof{}.issue(revoker, clock), account, {});
        caller::Context context;
        context.caller.uid = 0;
        context.user = "alice";
        context.service = "sshd";
        return store.accept(std::get<policy::Admission>(std::move(judged)), context, account, 1001);
    }
    void check_heard(std::size_t count, State state, Reason reason) const {
        UNSIGNED_LONGS_EQUAL(count, heard.size());
        STRCMP_EQUAL(word(state).data(), word(heard.back().state).data());
        STRCMP_EQUAL(word(reason).data(), word(heard.back().reason).data());
    }
    void check_error(AnswerError wanted, std::optional<AnswerError> got) const {
        CHECK_TRUE(got.has_value());
        LONGS_EQUAL(static_cast<int>(wanted), static_cast<int>(*got));
    }
};

// --- The dialogue

TEST(Registry, carries_questions_out_and_answers_in_until_the_verdict) {
    CHECK_TRUE(begin(two_questions()));
    check_heard(1, State::Ask, Reason::None);
    STRCMP_EQUAL("Password: ", heard[0].messages.at(0).text.c_str());
    const std::uint64_t first = serial();

    CHECK_FALSE(answer({"secret"}, first).has_value());
    check_heard(2, State::Ask, Reason::None);
    STRCMP_EQUAL("Passcode: ", heard[1].messages.at(0).text.c_str());
    CHECK_TRUE(serial() != first);

    CHECK_FALSE(answer({"123456"}, serial()).has_value());
    check_heard(3, State::Denied, Reason::WrongCredentials);
    STRCMP_EQUAL("secret", answers.at(0).c_str());
    STRCMP_EQUAL("123456", answers.at(1).c_str());
    UNSIGNED_LONGS_EQUAL(0, registry.live());
    LONGS_EQUAL(0, frames);
    STRCMP_EQUAL("no", ending().why.c_str());
    CHECK_TRUE(ending().replied);
}

TEST(Registry, delivers_a_verdict_reached_without_any_question) {
    CHECK_TRUE(begin([](Person&) -> Task<Verdict> { co_return no(); }));

    check_heard(1, State::Denied, Reason::WrongCredentials);
    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

TEST(Registry, shows_a_grant_for_the_time_of_the_reply) {
    begin([this](Person&) -> Task<Verdict> { co_return Verdict::granted(grant()); });

    check_heard(1, State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(64, heard[0].ticket.size());
}

TEST(Registry, takes_a_yes_without_a_grant_for_a_no_where_somebody_is_to_be_proven) {
    const auto finished = [](Person&) -> Task<Verdict> {
        co_return Verdict::completed(Reason::Done, std::make_shared<Secret>("{}"));
    };
    CHECK_TRUE(begin(finished));
    CHECK_TRUE(heard.back().state == State::Denied);
    CHECK_TRUE(heard.back().reason == Reason::InternalFault);

    proves_identity = false; // care of something
    CHECK_TRUE(begin(finished));
    CHECK_TRUE(heard.back().state == State::Granted);
    STRCMP_EQUAL("", heard.back().ticket.c_str());
}

TEST(Registry, gives_a_flow_the_time_it_asks_for) {
    deadline = 50ms;
    CHECK_TRUE(begin([this](Person& person) -> Task<Verdict> {
        const Alive alive(frames);
        person.allow(std::chrono::hours(1), "x");
        Task<std::vector<Secret>> asking = person.ask({prompt("password")});
        const std::vector<Secret> got = co_await std::move(asking);
        co_return no();
    }));
    bool later = false;
    const Timer timer = loop.after(200ms, [&later] { later = true; });
    CHECK_TRUE(run_until(loop, [&later] { return later; }));
    CHECK_TRUE(endings.empty());
    CHECK_FALSE(answer({"x"}, heard.back().serial).has_value());
    CHECK_TRUE(heard.back().state == State::Denied);
}

TEST(Registry, tells_a_flow_that_is_destroyed_whether_the_caller_said_cancel) {
    struct Leaving {
        Person& person;
        std::vector<bool>& withdrawn;
        ~Leaving() { withdrawn.push_back(person.withdrawn()); }
    };
    std::vector<bool> withdrawn;
    const Flow waits = [&withdrawn](Person& person) -> Task<Verdict> {
        const Leaving leaving{person, withdrawn};
        std::vector<Message> question;
        question.push_back(prompt("Password: "));
        static_cast<void>(co_await person.ask(std::move(question)));
        co_return no();
    };

    begin(waits);
    registry.cancel(id());
    run_until_idle(loop);
    begin(waits);
    registry.left(id()); // the connection is lost
    run_until_idle(loop);
    begin(waits);
    registry.stop();
    run_until_idle(loop);

    UNSIGNED_LONGS_EQUAL(3, withdrawn.size());
    CHECK_TRUE(withdrawn[0]);
    CHECK_FALSE(withdrawn[1]);
    CHECK_FALSE(withdrawn[2]);
}

TEST(Registry, tells_with_the_next_question_and_with_the_verdict) {
    begin([](Person& person) -> Task<Verdict> {
        person.tell({MessageKind::Info, "first"});
        std::vector<Message> question;
        question.push_back(prompt("Password: "));
        std::vector<Secret> got = co_await person.ask(std::move(question));
        person.tell({MessageKind::Info, "second"});
        Verdict verdict = no();
        co_return std::move(verdict).telling("third");
    });
    answer({"secret"}, serial());

    STRCMP_EQUAL("first", heard[0].messages.at(0).text.c_str());
    STRCMP_EQUAL("Password: ", heard[0].messages.at(1).text.c_str());
    STRCMP_EQUAL("second", heard[1].messages.at(0).text.c_str());
    STRCMP_EQUAL("third", heard[1].messages.at(1).text.c_str());
}

TEST(Registry, wants_as_many_answers_as_there_are_questions_among_the_messages) {
    begin([this](Person& person) -> Task<Verdict> {
        std::vector<Message> question;
        question.push_back({MessageKind::Info, "Look:"});
        question.push_back(prompt("Old: "));
        question.push_back({MessageKind::Error, "Careful:"});
        question.push_back({MessageKind::Secret, "New: "});
        question.push_back({MessageKind::Text, "Name: "});
        std::vector<Secret> got = co_await person.ask(std::move(question));
        for (const Secret& secret : got) {
            answers.emplace_back(secret.view());
        }
        co_return no();
    });
    UNSIGNED_LONGS_EQUAL(5, heard[0].messages.size());

    CHECK_FALSE(answer({"a", "b", "c"}, serial()).has_value());

    UNSIGNED_LONGS_EQUAL(3, answers.size());
    STRCMP_EQUAL("c", answers[2].c_str());
}

TEST(Registry, survives_an_answer_given_from_within_the_reply) {
    begin(two_questions());
    Reply eager = [this, &eager](const Step& step) {
        heard.push_back({step.serial, step.state, step.reason, {}, ""});
        if (step.state == State::Ask) {
            std::vector<Secret> secrets;
            secrets.emplace_back("eager");
            registry.answer(id(), step.serial, std::move(secrets), eager);
        }
    };
    std::vector<Secret> first;
    first.emplace_back("first");

    CHECK_FALSE(registry.answer(id(), serial(), std::move(first), eager).has_value());
    run_until_idle(loop);

    check_heard(3, State::Denied, Reason::WrongCredentials);
    UNSIGNED_LONGS_EQUAL(2, answers.size());
}

// --- Who may answer, and what

TEST(Registry, knows_no_conversation_that_never_was_or_is_over) {
    check_error(AnswerError::Over, registry.answer(42, 1, {}, listen()));
    registry.cancel(42);
    registry.left(42);
    registry.abort(42, "nothing");

    begin(two_questions());
    answer({"a"}, serial());
    answer({"b"}, serial());

    check_error(AnswerError::Over, answer({"c"}, serial()));
    registry.cancel(id());
    UNSIGNED_LONGS_EQUAL(3, heard.size());
}

TEST(Registry, refuses_a_stale_serial_and_goes_on) {
    begin(two_questions());
    const std::uint64_t first = serial();
    answer({"secret"}, first);

    check_error(AnswerError::StaleSerial, answer({"again"}, first));
    check_error(AnswerError::StaleSerial, answer({"ahead"}, serial() + 1));

    CHECK_FALSE(answer({"123456"}, serial()).has_value());
    UNSIGNED_LONGS_EQUAL(2, answers.size());
    STRCMP_EQUAL("123456", answers[1].c_str());
}

TEST(Registry, is_busy_while_the_flow_works_and_the_first_caller_waits) {
    Gate gate;
    gate.shut();
    begin([this, &gate](Person& person) -> Task<Verdict> {
        const Alive alive(frames);
        std::vector<Message> question;
        question.push_back(prompt("Password: "));
        std::vector<Secret> got = co_await person.ask(std::move(question));
        co_await gate.pass();
        co_return no();
    });
    answer({"secret"}, serial());

    check_error(AnswerError::Busy, answer({"secret"}, serial()));
    check_heard(1, State::Ask, Reason::None);

    gate.open();
    run_until_idle(loop);
    check_heard(2, State::Denied, Reason::WrongCredentials);
}

TEST(Registry, ends_at_the_wrong_number_of_answers) {
    begin(two_questions());
    check_error(AnswerError::InvalidAnswers, answer({"a", "b"}, serial()));
    check_error(AnswerError::Over, answer({"a"}, serial()));
    STRCMP_EQUAL(word(Reason::InternalFault).data(), word(ending().reason).data());
    LONGS_EQUAL(0, frames);
}

TEST(Registry, ends_at_no_answer_at_all) {
    begin(two_questions());
    check_error(AnswerError::InvalidAnswers, answer({}, serial()));
    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

TEST(Registry, ends_when_its_caller_breaks_the_rules) {
    begin(two_questions());

    registry.abort(id(), "malformed answer");
    run_until_idle(loop);
    STRCMP_EQUAL("malformed answer", ending().why.c_str());
    CHECK_FALSE(ending().replied);

    UNSIGNED_LONGS_EQUAL(0, registry.live());
    LONGS_EQUAL(0, frames);
}

// --- Ends from outside

TEST(Registry, ends_on_cancel_without_a_word_to_the_caller) {
    begin(two_questions());

    registry.cancel(id());
    run_until_idle(loop);

    UNSIGNED_LONGS_EQUAL(1, heard.size());
    UNSIGNED_LONGS_EQUAL(0, registry.live());
    LONGS_EQUAL(0, frames);
    CHECK_TRUE(ending().reason == Reason::Cancelled);
    check_error(AnswerError::Over, answer({"x"}, serial()));
}

TEST(Registry, answers_the_waiting_call_when_it_is_cancelled_while_the_flow_works) {
    Gate gate;
    gate.shut();
    begin(works_at(gate));
    LONGS_EQUAL(1, frames);
    // The caller knows no id yet; the daemon stops.
    registry.stop();
    run_until_idle(loop);

    check_heard(1, State::Unavailable, Reason::Cancelled);
    LONGS_EQUAL(0, frames);
    UNSIGNED_LONGS_EQUAL(0, gate.waiting());
}

TEST(Registry, ends_with_its_caller_while_the_person_is_asked) {
    begin(two_questions());

    registry.left(id());
    run_until_idle(loop);

    UNSIGNED_LONGS_EQUAL(0, registry.live());
    LONGS_EQUAL(0, frames);
    UNSIGNED_LONGS_EQUAL(1, heard.size());
    CHECK_TRUE(ending().reason == Reason::Cancelled);
}

TEST(Registry, ends_with_its_caller_while_the_flow_works_and_replies_to_nobody) {
    Gate gate;
    gate.shut();
    begin(works_at(gate));

    registry.left(id());
    run_until_idle(loop);

    UNSIGNED_LONGS_EQUAL(0, heard.size());
    UNSIGNED_LONGS_EQUAL(0, gate.waiting());
    LONGS_EQUAL(0, frames);
}

TEST(Registry, ends_one_conversation_and_no_other) {
    begin(two_questions());
    begin(two_questions());

    registry.left(ids[0]);
    run_until_idle(loop);

    LONGS_EQUAL(1, frames);
    UNSIGNED_LONGS_EQUAL(1, registry.live());
    registry.left(ids[1]);
}

TEST(Registry, drops_the_answers_of_a_flow_that_is_ended) {
    Gate gate;
    gate.shut();
    begin([this, &gate](Person& person) -> Task<Verdict> {
        std::vector<Message> question;
        question.push_back(prompt("Password: "));
        std::vector<Secret> got = co_await person.ask(std::move(question));
        const Alive alive(frames); // as long as the secrets
        co_await gate.pass();
        co_return no();
    });
    answer({"secret"}, serial());
    LONGS_EQUAL(1, frames);

    registry.left(id());
    run_until_idle(loop);

    LONGS_EQUAL(0, frames);
}

TEST(Registry, says_nothing_outside_ascii_where_the_terminal_is_not_known) {
    plain_text = true;
    begin([](Person& person) -> Task<Verdict> {
        std::vector<Message> question;
        question.push_back({MessageKind::Text, "Zu kurz f\xc3\xbcr \xe2\x96\x88: "});
        Message drawing{MessageKind::Secret, {}};
        drawing.secret_text = std::make_shared<const Secret>("\xe2\x96\x88"); // was asked for
        question.push_back(std::move(drawing));
        static_cast<void>(co_await person.ask(std::move(question)));
        co_return no();
    });
    STRCMP_EQUAL("Zu kurz f?r ?: ", heard.at(0).messages.at(0).text.c_str());
    STRCMP_EQUAL("\xe2\x96\x88", heard.at(0).messages.at(1).secret_text->c_str());
    registry.cancel(id());
}

// --- A flow that takes its time

TEST(Registry, tells_a_caller_once_to_wait_and_goes_on_when_it_calls_again) {
    wait_note = "It takes its time.";
    Gate gate;
    gate.shut();
    begin([&](Person& person) -> Task<Verdict> {
        const Alive alive(frames);
        co_await gate.pass();
        std::vector<Message> question;
        question.push_back(prompt("Passcode: "));
        static_cast<void>(co_await person.ask(std::move(question)));
        co_return Verdict::granted(grant());
    });
    CHECK_TRUE(run_until(loop, [this] { return !heard.empty(); }));
    check_heard(1, State::Ask, Reason::None);
    STRCMP_EQUAL("It takes its time.", heard[0].messages.at(0).text.c_str());
    CHECK_TRUE(heard[0].messages.at(0).kind == MessageKind::Info);
    check_error(AnswerError::StaleSerial, answer({}, serial() + 1));

    gate.open(); // while the caller shows the line
    run_until_idle(loop);
    UNSIGNED_LONGS_EQUAL(1, heard.size());
    CHECK_FALSE(answer({}, serial()).has_value());
    check_heard(2, State::Ask, Reason::None);
    STRCMP_EQUAL("Passcode: ", heard[1].messages.at(0).text.c_str());

    gate.shut();
    CHECK_FALSE(answer({"123456"}, serial()).has_value());
    check_heard(3, State::Granted, Reason::MfaProven);
}

TEST(Registry, keeps_a_verdict_for_a_caller_that_was_told_to_wait) {
    wait_note = "It takes its time.";
    Gate gate;
    gate.shut();
    begin([&](Person&) -> Task<Verdict> {
        co_await gate.pass();
        co_return Verdict::granted(grant());
    });
    CHECK_TRUE(run_until(loop, [this] { return !heard.empty(); }));
    gate.open();
    run_until_idle(loop);
    CHECK_TRUE(endings.empty());

    CHECK_FALSE(answer({}, serial()).has_value());
    check_heard(2, State::Granted, Reason::MfaProven);
    UNSIGNED_LONGS_EQUAL(64, heard.back().ticket.size());
}

TEST(Registry, says_nothing_of_waiting_twice_and_lets_go_of_who_does_not_come_back) {
    wait_note = "It takes its time.";
    Gate gate;
    gate.shut();
    begin(works_at(gate));
    CHECK_TRUE(run_until(loop, [this] { return !heard.empty(); }));
    CHECK_FALSE(answer({}, serial()).has_value());
    bool later = false;
    const Timer timer = loop.after(30ms, [&later] { later = true; });
    CHECK_TRUE(run_until(loop, [&later] { return later; }));
    UNSIGNED_LONGS_EQUAL(1, heard.size());
    registry.cancel(id());
    run_until_idle(loop);
    LONGS_EQUAL(0, frames);

    begin(works_at(gate));
    const std::size_t before = heard.size();
    CHECK_TRUE(run_until(loop, [&] { return heard.size() > before; }));
    gate.open();
    run_until_idle(loop);
    registry.left(id()); // with the flow done, and its verdict not fetched
    run_until_idle(loop);
    LONGS_EQUAL(0, frames);
}

TEST(Registry, announces_what_it_asks_where_the_caller_may_replace_prompts) {
    announces = true;
    begin([this](Person& person) -> Task<Verdict> {
        std::vector<Message> question;
        question.push_back({MessageKind::Secret, "A code was sent.\nPasscode: "});
        const std::vector<Secret> got = co_await person.ask(std::move(question));
        answers.emplace_back(got.at(0).view());
        co_return no();
    });
    UNSIGNED_LONGS_EQUAL(2, heard.at(0).messages.size());
    STRCMP_EQUAL("A code was sent.", heard[0].messages[0].text.c_str());
    CHECK_FALSE(answer({"123456"}, serial()).has_value());
    STRCMP_EQUAL("123456", answers.at(0).c_str());
}

// --- The deadline

TEST(Registry, ends_a_question_that_nobody_answers_in_time_and_gives_its_place_back) {
    deadline = 5ms;
    places = 1;
    begin(two_questions());
    CHECK_FALSE(begin(two_questions()));
    CHECK_TRUE(run_until(loop, [this] { return !endings.empty(); }));
    UNSIGNED_LONGS_EQUAL(0, registry.live()); // at once
    run_until_idle(loop);
    CHECK_TRUE(ending().reason == Reason::Deadline);
    CHECK_FALSE(ending().replied); // nobody waited: the channel tells it
    CHECK_TRUE(ending().messages.at(0).text.find("time for this is over") != std::string::npos);
    STRCMP_EQUAL("sign_in.deadline", ending().why.c_str());
    LONGS_EQUAL(0, frames); // the flow is gone at once, its secrets with it
    UNSIGNED_LONGS_EQUAL(1, heard.size());

    check_error(AnswerError::Over, answer({"late"}, serial()));
    UNSIGNED_LONGS_EQUAL(0, answers.size());
}

TEST(Registry, answers_the_waiting_call_when_time_runs_out_while_the_flow_works) {
    deadline = 5ms;
    Gate gate;
    gate.shut();
    begin(works_at(gate));

    CHECK_TRUE(run_until(loop, [this] { return !heard.empty(); }));
    run_until_idle(loop);

    check_heard(1, State::Unavailable, Reason::Deadline);
    LONGS_EQUAL(0, frames);
    UNSIGNED_LONGS_EQUAL(0, gate.waiting());
    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

TEST(Registry, counts_the_deadline_over_the_whole_conversation) {
    deadline = 200ms;
    begin(two_questions());
    bool half_over = false;
    const Timer half = loop.after(100ms, [&] { half_over = true; });
    CHECK_TRUE(run_until(loop, [&] { return half_over; }));
    answer({"secret"}, serial());

    // Counted from the answer it would have 50 ms to go by then.
    bool enough = false;
    const Timer waited = loop.after(150ms, [&] { enough = true; });
    CHECK_TRUE(run_until(loop, [&] { return enough; }));
    run_until_idle(loop);

    CHECK_TRUE(ending().reason == Reason::Deadline);
}

TEST(Registry, gives_no_grant_to_a_caller_whose_time_ran_out_in_the_same_turn) {
    Gate gate;
    gate.shut();
    begin([this, &gate](Person&) -> Task<Verdict> {
        co_await gate.pass();
        co_return Verdict::granted(grant());
    });

    registry.stop(); // it is over, but its frame lives until the next turn
    gate.open();     // and the answer comes in this one
    run_until_idle(loop);

    check_heard(1, State::Unavailable, Reason::Cancelled);
    STRCMP_EQUAL("", heard[0].ticket.c_str());
    CHECK_TRUE(ending().state == State::Unavailable);
}

// --- Faults

TEST(Registry, turns_an_exception_of_the_flow_into_unavailable) {
    begin([](Person&) -> Task<Verdict> {
        throw std::runtime_error("the disk is on fire");
        co_return no();
    });
    check_heard(1, State::Unavailable, Reason::InternalFault);
    STRCMP_EQUAL("the disk is on fire", ending().why.c_str());
    for (const Message& message : heard[0].messages) {
        CHECK_TRUE(message.text.find("fire") == std::string::npos); // not for the person
    }
}

TEST(Registry, turns_an_exception_after_a_question_into_unavailable) {
    begin([this](Person& person) -> Task<Verdict> {
        const Alive alive(frames);
        std::vector<Message> question;
        question.push_back(prompt("Password: "));
        std::vector<Secret> got = co_await person.ask(std::move(question));
        throw 42;
        co_return no();
    });
    answer({"secret"}, serial());

    check_heard(2, State::Unavailable, Reason::InternalFault);
}

TEST(Registry, turns_an_exception_before_the_first_task_into_unavailable) {
    begin([](Person&) -> Task<Verdict> { throw std::bad_alloc(); });

    check_heard(1, State::Unavailable, Reason::InternalFault);
}

// --- Bounds

TEST(Registry, refuses_the_newcomer_when_there_is_no_place_and_ends_nobody) {
    claim.standing = Standing::Known;
    claim.shares = {{"alice", 2}};
    CHECK_TRUE(begin(two_questions()));
    CHECK_TRUE(begin(two_questions()));
    const std::size_t before = heard.size();

    CHECK_FALSE(begin(two_questions()));

    UNSIGNED_LONGS_EQUAL(before, heard.size());
    UNSIGNED_LONGS_EQUAL(2, registry.live());
    LONGS_EQUAL(2, frames);
    registry.cancel(ids[0]);
    run_until_idle(loop);
    CHECK_TRUE(begin(two_questions()));
    CHECK_FALSE(begin(two_questions()));
}

TEST(Registry, gives_each_conversation_an_id_of_its_own) {
    for (int i = 0; i < 50; ++i) {
        begin(two_questions());
    }
    const std::set<std::uint64_t> distinct(ids.begin(), ids.end());
    UNSIGNED_LONGS_EQUAL(50, distinct.size());
    CHECK_TRUE(distinct.find(0) == distinct.end());
}

// --- Ends from within callbacks

TEST(Registry, may_be_told_of_the_callers_leaving_from_within_the_reply) {
    begin(two_questions());
    std::vector<Secret> first;
    first.emplace_back("first");

    registry.answer(id(), serial(), std::move(first), [this](const Step&) { registry.left(id()); });
    run_until_idle(loop);

    UNSIGNED_LONGS_EQUAL(0, registry.live());
    LONGS_EQUAL(0, frames);
}

TEST(Registry, may_be_asked_to_begin_anew_from_within_the_end) {
    Registry::Begin wanted;
    wanted.flow = [](Person&) -> Task<Verdict> { co_return no(); };
    wanted.ended = [this](const Ending& ending) {
        endings[ending.id].push_back(ending);
        if (begun < 3) {
            begin(two_questions());
        }
    };
    ++begun;

    registry.begin(std::move(wanted), listen());
    run_until_idle(loop);

    UNSIGNED_LONGS_EQUAL(1, registry.live());
    CHECK_TRUE(heard.at(0).state == State::Denied);
    check_heard(2, State::Ask, Reason::None);
}

TEST(Registry, may_be_stopped_from_within_a_flow) {
    begin([this](Person&) -> Task<Verdict> {
        registry.stop();
        co_return no();
    });

    check_heard(1, State::Unavailable, Reason::Cancelled);
    UNSIGNED_LONGS_EQUAL(0, registry.live());
}
