// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/times.h"

#include <clocale>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace std::chrono_literals;

namespace {

WallTime at(std::int64_t milliseconds) {
    return WallTime(std::chrono::milliseconds(milliseconds));
}

} // namespace

TEST_GROUP(IdentityTimes){void setup() override{setenv("TZ", "Asia/Kathmandu", 1);
tzset();
}
void teardown() override {
    unsetenv("TZ");
    tzset();
}
}
;

TEST(IdentityTimes, reads_both_forms_identity_writes) {
    const std::vector<std::pair<const char*, std::int64_t>> rows{
        {"2015-06-05T16:24:57.637Z", 1433521497637},
        {"2015-06-05T16:24:57Z", 1433521497000},
        {"2014-01-09T15:08:53.645-06:00", 1389301733645},
        {"2014-01-09T15:08:53-06:00", 1389301733000},
        {"2014-01-09T15:08:53+05:30", 1389260333000},
        {"2014-01-09T15:08:53-0600", 1389301733000},
        {"2014-01-09T15:08:53.6451234567Z", 1389280133645},
        {"2014-01-09T15:08:53", 1389280133000},
        {"2014-01-09 15:08:53Z", 1389280133000},
        {"2016-02-29T00:00:00Z", 1456704000000},
        {"2016-12-31T23:59:60Z", 1483228800000},
    };
    for (const auto& [text, milliseconds] : rows) {
        const auto time = parse_iso8601(text);
        CHECK_TEXT(time.has_value(), text);
        CHECK_TEXT(std::chrono::floor<std::chrono::milliseconds>(*time) == at(milliseconds), text);
    }
}

TEST(IdentityTimes, refuses_what_is_no_time) {
    for (const char* text : {"",
                             "tomorrow",
                             "2015-06-05",
                             "2015-06-05T",
                             "2015-06-05T16:24",
                             "2015-13-05T16:24:57Z",
                             "2015-02-29T16:24:57Z",
                             "2015-00-05T16:24:57Z",
                             "2015-06-05T24:00:00Z",
                             "2015-06-05T16:60:57Z",
                             "2015-06-05T16:24:61Z",
                             "2015-06-05T16:24:57.Z",
                             "2015-06-05T16:24:57ZZ",
                             "2015-06-05T16:24:57+",
                             "2015-06-05T16:24:57+6",
                             "2015-06-05T16:24:57+24:00",
                             "2015-06-05T16:24:57 UTC",
                             "15-06-05T16:24:57Z",
                             "99999-06-05T16:24:57Z",
                             "9999-06-05T16:24:57Z",
                             "1433521497",
                             "-015-06-05T16:24:57Z"}) {
        CHECK_FALSE_TEXT(parse_iso8601(text).has_value(), text);
    }
}

TEST(IdentityTimes, reads_retry_after_as_seconds_or_date) {
    const WallTime now = at(1445412480000); // Wed, 21 Oct 2015 07:28:00 GMT

    CHECK(parse_retry_after("120", now) == 120s);
    CHECK(parse_retry_after("0", now) == 0s);
    CHECK(parse_retry_after("Wed, 21 Oct 2015 07:30:00 GMT", now) == 120s);
    CHECK(parse_retry_after("Wed, 21 Oct 2015 07:00:00 GMT", now) == 0s);
    CHECK(parse_retry_after("-5", now) == 0s);
    CHECK(parse_retry_after("999999999", now) == 24h);
    CHECK(parse_retry_after("99999999999999999999999", now) == 24h);
    CHECK_FALSE(parse_retry_after("", now).has_value());
    CHECK_FALSE(parse_retry_after("soon", now).has_value());
    CHECK_FALSE(parse_retry_after(std::string(100'000, 'x'), now).has_value());
}
