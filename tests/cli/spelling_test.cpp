// SPDX-License-Identifier: Apache-2.0
#include "cli/spelling.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth::cli;

namespace {

const std::vector<std::string> kVerbs{"status", "sessions", "login", "logout", "mfa", "enrol"};

}

TEST_GROUP(Spelling){};

TEST(Spelling, finds_what_a_finger_missed) {
    struct Row {
        const char* typed;
        const char* meant;
    };
    for (const Row& row :
         {Row{"statsu", "status"}, Row{"staus", "status"}, Row{"enroll", "enrol"},
          Row{"mfaa", "mfa"}, Row{"longin", "login"}, Row{"session", "sessions"}}) {
        STRCMP_EQUAL_TEXT(row.meant, nearest_word(row.typed, kVerbs).c_str(), row.typed);
    }
}

TEST(Spelling, makes_no_wild_guess) {
    for (const char* typed : {"", "x", "frobnicate", "ma", "reload"}) {
        STRCMP_EQUAL_TEXT("", nearest_word(typed, {"status", "sessions", "enrol"}).c_str(), typed);
    }
    STRCMP_EQUAL("", nearest_word(std::string(100000, 'a'), kVerbs).c_str());
}
