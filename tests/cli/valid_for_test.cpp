// SPDX-License-Identifier: Apache-2.0
#include "cli/valid_for.h"

#include "cli/failure.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth::cli;

TEST_GROUP(ValidFor){
    static long long minutes(std::string_view text){return parse_valid_for(text).count();
}
}
;

TEST(ValidFor, is_minutes_and_hours) {
    CHECK_EQUAL(1, minutes("1m"));
    CHECK_EQUAL(20, minutes("20m"));
    CHECK_EQUAL(60, minutes("1h"));
    CHECK_EQUAL(90, minutes("1h30m"));
    CHECK_EQUAL(180, minutes("3h"));
    CHECK_EQUAL(180, minutes("180m"));
}

TEST(ValidFor, is_nothing_else) {
    for (const char* text : {"", "0m", "20", "m", "h", "181m", "3h1m", "4h", "20s", "-20m", "+20m",
                             " 20m", "20m ", "20 m", "1.5h", "99999999999999999999m", "20M"}) {
        try {
            minutes(text);
            FAIL(text);
        } catch (const Failure& failure) {
            CHECK_TRUE_TEXT(failure.status() == ExitStatus::Usage, text);
        }
    }
}
