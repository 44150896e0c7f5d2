// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/limiter_record.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::limits;
using namespace std::chrono_literals;
using Kind = LimiterRecord::Kind;

namespace {

const WallTime kTime{1768478400123456us};

std::string without_newline(std::string line) {
    CHECK(!line.empty() && line.back() == '\n');
    line.pop_back();
    return line;
}

} // namespace

TEST_GROUP(LimiterRecord){};

TEST(LimiterRecord, is_a_line_that_people_can_read) {
    STRCMP_EQUAL(
        "2 1768478400.123456 passcode 7 alice.smith host%20192.0.2.7 - any .\n",
        format_limiter_record({Kind::Passcode, kTime, 7, "alice.smith", "host 192.0.2.7"}).c_str());
    STRCMP_EQUAL("2 1768478400.123456 refund 7 alice - - any .\n",
                 format_limiter_record({Kind::Refund, kTime, 7, "alice", ""}).c_str());
}

TEST(LimiterRecord, is_read_as_it_was_written_whatever_the_names) {
    const std::string every_byte = [] {
        std::string bytes;
        for (int byte = 0; byte < 256; ++byte) {
            bytes += static_cast<char>(byte);
        }
        return bytes;
    }();
    for (const Kind kind : {Kind::Passcode, Kind::Challenge, Kind::Refund, Kind::Password,
                            Kind::Ban, Kind::SilentBan, Kind::BanLifted, Kind::SignedIn,
                            Kind::SignedInWithout, Kind::Unanswered, Kind::Reset, Kind::Known}) {
        for (const std::string& name :
             {std::string("a"), std::string("-"), std::string("%"), std::string("%41"),
              std::string("a b\n1 0.000000 refund 1 a - - any ."), std::string(1, '\0'),
              every_byte}) {
            const LimiterRecord record{kind, kTime, 42, name, name, true, name};
            const std::string line = without_newline(format_limiter_record(record));
            CHECK_EQUAL(std::string::npos, line.find('\n'));

            const auto read = parse_limiter_record(line);

            CHECK(read.has_value());
            CHECK(read->kind == kind);
            CHECK(read->at == kTime);
            LONGS_EQUAL(42, read->id);
            CHECK(read->account == name);
            CHECK(read->origin == name);
            CHECK(read->own_session);
            CHECK(read->service == name);
        }
    }
}

TEST(LimiterRecord, a_line_cut_off_anywhere_is_damaged) {
    const std::string line = without_newline(
        format_limiter_record({Kind::Passcode, kTime, 7, "alice", "host 192.0.2.7"}));
    CHECK(parse_limiter_record(line).has_value());

    for (std::size_t length = 0; length < line.size(); ++length) {
        CHECK_FALSE_TEXT(parse_limiter_record(line.substr(0, length)).has_value(),
                         line.substr(0, length).c_str());
    }
}

TEST(LimiterRecord, what_cannot_have_been_written_is_damaged) {
    for (const char* line :
         {"1 1768478400.123456 passcode 7 alice local - any .",
          "2 1768478400.12345 passcode 7 alice local - any .",
          "2 1768478400 passcode 7 alice local - any .",
          "2 -1.123456 passcode 7 alice local - any .",
          "2 99999999999999999999.123456 passcode 7 alice local - any .",
          "2 9999999999999.123456 passcode 7 alice local - any .",
          "2 1768478400.123456 grant 7 alice local - any .",
          "2 1768478400.123456 passcode x alice local - any .",
          "2 1768478400.123456 passcode 18446744073709551615 alice local - any .",
          "2 1768478400.123456 passcode -7 alice local - any .",
          "2 1768478400.123456 passcode 7 - local - any .",
          "2 1768478400.123456 passcode 7 al%zz local - any .",
          "2 1768478400.123456 passcode 7 al% local - any .",
          "2 1768478400.123456 passcode 7 al%4 local - any .",
          "2 1768478400.123456 passcode 7 al\"ice local - any .",
          "2 1768478400.123456 passcode 7 alice local - some .",
          "2 1768478400.123456 passcode 7 alice local - any !",
          "2 1768478400.123456 passcode 7 alice local - any . ",
          "2  1768478400.123456 passcode 7 alice local - any .",
          "",
          " ",
          "       "}) {
        CHECK_FALSE_TEXT(parse_limiter_record(line).has_value(), line);
    }
    CHECK_FALSE(parse_limiter_record("2 1768478400.123456 passcode 7 " + std::string(5000, 'a') +
                                     " local - any .")
                    .has_value());
}

TEST(LimiterRecord, some_lines_belong_to_no_account) {
    for (const Kind kind : {Kind::Rewritten, Kind::Lost}) {
        const auto read =
            parse_limiter_record(without_newline(format_limiter_record({kind, kTime})));
        CHECK(read.has_value());
        CHECK(read->kind == kind);
        CHECK(read->at == kTime);
    }
    CHECK_FALSE(parse_limiter_record("2 1768478400.123456 lost 0 alice - - any .").has_value());
}
