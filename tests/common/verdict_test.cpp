// SPDX-License-Identifier: Apache-2.0
#include "common/verdict.h"

#include <CppUTest/TestHarness.h>

#include <set>
#include <string>

using namespace raxauth;

TEST_GROUP(VerdictWords){};

TEST(VerdictWords, are_the_states_of_the_contract) {
    const struct {
        State state;
        std::string_view word;
    } rows[] = {
        {State::Ask, "ask"},
        {State::Granted, "granted"},
        {State::Ignored, "ignored"},
        {State::Denied, "denied"},
        {State::MaxTries, "max-tries"},
        {State::Unavailable, "unavailable"},
        {State::UnknownUser, "unknown-user"},
        {State::Expired, "expired"},
    };
    for (const auto& row : rows) {
        CHECK_TRUE_TEXT(word(row.state) == row.word, row.word.data());
        CHECK_TRUE_TEXT(state_from_word(row.word) == row.state, row.word.data());
    }
}

TEST(VerdictWords, lead_from_every_reason_to_a_word_of_its_own_and_back) {
    std::set<std::string> seen;
    for (int i = 0; i <= static_cast<int>(Reason::NotSupported); ++i) {
        const auto reason = static_cast<Reason>(i);
        const std::string text(word(reason));

        CHECK_TRUE_TEXT(seen.insert(text).second, text.c_str());
        CHECK_TRUE_TEXT(reason_from_word(text) == reason, text.c_str());
    }
}

TEST(VerdictWords, are_nothing_when_they_are_not_ours) {
    for (const char* foreign : {"success", "Granted", "granted ", "GRANTED", "grant", "ok"}) {
        CHECK_FALSE_TEXT(state_from_word(foreign).has_value(), foreign);
        CHECK_FALSE_TEXT(reason_from_word(foreign).has_value(), foreign);
    }
    CHECK_FALSE(state_from_word("").has_value());
}
