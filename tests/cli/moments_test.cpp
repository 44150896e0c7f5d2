// SPDX-License-Identifier: Apache-2.0
#include "cli/moments.h"

#include <CppUTest/TestHarness.h>
#include <cstdlib>

using namespace raxauth::cli;
using namespace std::chrono_literals;

namespace {

constexpr std::time_t kNoon = 1714564800; // 2024-05-01 12:00:00 UTC

} // namespace

TEST_GROUP(Moments){void setup() override{zone("UTC0");
}
void teardown() override {
    ::unsetenv("TZ");
    ::tzset();
}
static void zone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
}
}
;

TEST(Moments, durations_have_two_units_at_most) {
    struct Row {
        std::chrono::seconds duration;
        const char* text;
    };
    for (const Row& row :
         {Row{0s, "0 s"}, Row{-5s, "0 s"}, Row{59s, "59 s"}, Row{60s, "1 min"},
          Row{3599s, "59 min"}, Row{3600s, "1 h 00 min"}, Row{3h + 5min + 59s, "3 h 05 min"},
          Row{24h, "1 d 0 h"}, Row{100h, "4 d 4 h"}}) {
        STRCMP_EQUAL(row.text, format_duration(row.duration).c_str());
    }
}

TEST(Moments, whole_milliseconds_claim_no_more_than_is_known) {
    STRCMP_EQUAL("< 1 ms", format_whole_milliseconds(0).c_str());
    STRCMP_EQUAL("1 ms", format_whole_milliseconds(1).c_str());
    STRCMP_EQUAL("1.4 s", format_whole_milliseconds(1430).c_str());
}

TEST(Moments, round_trips_have_the_unit_that_reads_well) {
    struct Row {
        std::chrono::microseconds duration;
        const char* text;
    };
    for (const Row& row : {Row{0us, "< 0.1 ms"}, Row{49us, "< 0.1 ms"}, Row{50us, "0.1 ms"},
                           Row{840us, "0.8 ms"}, Row{38400us, "38 ms"}, Row{999400us, "999 ms"},
                           Row{999600us, "1.0 s"}, Row{1430ms, "1.4 s"}}) {
        STRCMP_EQUAL(row.text, format_round_trip(row.duration).c_str());
    }
}

TEST(Moments, another_day_is_named) {
    STRCMP_EQUAL("12:00", format_time(kNoon, kNoon + 60).c_str());
    STRCMP_EQUAL("2024-05-01 12:00", format_time(kNoon, kNoon + 86400).c_str());
    STRCMP_EQUAL("2024-05-01 12:00", format_time(kNoon, kNoon + 366L * 86400).c_str());
}

TEST(Moments, times_are_local) {
    zone("TEST-2");
    STRCMP_EQUAL("14:00", format_time(kNoon, kNoon).c_str());
}

TEST(Moments, a_moment_says_how_far_away_it_is) {
    STRCMP_EQUAL("12:00 (25 min ago)", format_moment(kNoon, kNoon + 1500).c_str());
    STRCMP_EQUAL("12:00 (in 25 min)", format_moment(kNoon, kNoon - 1500).c_str());
    STRCMP_EQUAL("12:00 (0 s ago)", format_moment(kNoon, kNoon).c_str());
}
