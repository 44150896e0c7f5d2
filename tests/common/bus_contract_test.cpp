// SPDX-License-Identifier: Apache-2.0
#include "common/bus_contract.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth::contract;

TEST_GROUP(MessageKind){};

TEST(MessageKind, has_one_word_each_and_the_word_leads_back) {
    const struct {
        MessageKind kind;
        std::string_view word;
        bool asks;
    } rows[] = {
        {MessageKind::Password, "password", true}, {MessageKind::Secret, "secret", true},
        {MessageKind::Text, "text", true},         {MessageKind::Info, "info", false},
        {MessageKind::Error, "error", false},
    };
    for (const auto& row : rows) {
        CHECK_TRUE_TEXT(word(row.kind) == row.word, row.word.data());
        CHECK_TRUE_TEXT(message_kind_from_word(row.word) == row.kind, row.word.data());
        CHECK_EQUAL_TEXT(row.asks, wants_answer(row.kind), row.word.data());
    }
}

TEST(MessageKind, is_nothing_for_words_we_do_not_know) {
    for (const char* foreign : {"", "Password", "password ", "prompt", "warning"}) {
        CHECK_FALSE_TEXT(message_kind_from_word(foreign).has_value(), foreign);
    }
}
