// SPDX-License-Identifier: Apache-2.0
#include "pam/conversation.h"

#include "scripted_conversation.h"

#include <CppUTest/TestHarness.h>

#include <new>
#include <string_view>

using namespace raxauth;
using namespace raxauth::pam;
using raxauth::testing::ScriptedConversation;
using Kind = contract::MessageKind;
using Lines = std::vector<std::string>;

TEST_GROUP(Conversation) {
    ScriptedConversation script;
    std::vector<Secret> answers;
    const std::vector<Message> batch = {{Kind::Info, "Code sent."},
                                        {Kind::Secret, "Passcode: "},
                                        {Kind::Error, "Careful."},
                                        {Kind::Text, "Name: "},
                                        {Kind::Password, "Password: "}};

    bool exchange(const std::vector<Message>& messages, bool silent = false) {
        return Conversation(script.conv(), silent).exchange(messages, answers);
    }
};

TEST(Conversation, shows_all_in_one_call_and_in_order) {
    script.answers = {"1", "2", "3"};

    CHECK_TRUE(exchange(batch));

    CHECK_EQUAL(1, script.calls);
    CHECK_TRUE((script.lines() ==
                Lines{"iCode sent.", "?Passcode: ", "eCareful.", "!Name: ", "?Password: "}));
    CHECK_EQUAL(3U, answers.size());
    STRCMP_EQUAL("1", answers[0].c_str());
    STRCMP_EQUAL("2", answers[1].c_str());
    STRCMP_EQUAL("3", answers[2].c_str());
}

TEST(Conversation, when_silent_shows_what_belongs_to_a_question) {
    script.answers = {"123456"};

    CHECK_TRUE(exchange({{Kind::Info, "A code was sent."}, {Kind::Secret, "Passcode: "}},
                        /*silent=*/true));

    CHECK_TRUE((script.lines() == Lines{"iA code was sent.", "?Passcode: "}));
}

TEST(Conversation, when_silent_shows_the_errors_of_a_verdict_alone) {
    const std::vector<Message> words{{Kind::Info, "2 devices."}, {Kind::Error, "Locked."}};
    Conversation(script.conv(), /*silent=*/true).show_verdict(words);
    CHECK_TRUE((script.lines() == Lines{"eLocked."}));

    Conversation(script.conv(), /*silent=*/false).show_verdict(words);
    CHECK_TRUE((script.lines() == Lines{"eLocked.", "i2 devices.", "eLocked."}));
}

TEST(Conversation, does_not_call_for_nothing) {
    CHECK_TRUE(exchange({}));
    Conversation(script.conv(), /*silent=*/true).show_verdict({{Kind::Info, "hello"}});
    CHECK_EQUAL(0, script.calls);
}

TEST(Conversation, takes_an_empty_answer_for_an_answer) {
    script.answers = {""};

    CHECK_TRUE(exchange({{Kind::Secret, "Passcode: "}}));

    CHECK_EQUAL(1U, answers.size());
    CHECK_TRUE(answers[0].empty());
}

TEST(Conversation, takes_a_missing_answer_for_a_cancel) {
    script.answers = {"1", std::nullopt, "3"};

    CHECK_FALSE(exchange(batch));

    CHECK_TRUE(answers.empty());
}

TEST(Conversation, takes_a_missing_array_for_a_cancel) {
    script.answers = {"1"};
    script.gives_no_array = true;

    CHECK_FALSE(exchange({{Kind::Secret, "Passcode: "}}));
    CHECK_TRUE(answers.empty());
    CHECK_TRUE(exchange({{Kind::Info, "no answer wanted"}}));
}

TEST(Conversation, forgets_older_answers_when_it_fails) {
    answers.emplace_back(std::string_view("old"));
    script.fail_from_call = 1;

    CHECK_FALSE(exchange(batch));

    CHECK_TRUE(answers.empty());
}

TEST(Conversation, cannot_ask_where_there_is_no_function) {
    Conversation without(nullptr, false);
    const pam_conv empty{nullptr, nullptr};
    Conversation with_empty(&empty, false);

    CHECK_FALSE(without.is_interactive());
    CHECK_FALSE(with_empty.is_interactive());
    CHECK_FALSE(without.exchange(batch, answers));
    CHECK_FALSE(with_empty.exchange(batch, answers));
    CHECK_TRUE(Conversation(script.conv(), false).is_interactive());
}

TEST_GROUP(Message){};

TEST(Message, is_wiped_when_it_goes) {
    alignas(Message) unsigned char room[sizeof(Message)];
    auto* const message = new (room) Message(Kind::Info, "short secret"); // lies within the string
    const auto holds = [&] {
        const std::string_view bytes(reinterpret_cast<const char*>(room), sizeof room);
        return bytes.find("secret") != std::string_view::npos;
    };
    CHECK_TRUE(holds());

    message->~Message();

    CHECK_FALSE(holds());
}
