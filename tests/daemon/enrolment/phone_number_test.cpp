// SPDX-License-Identifier: Apache-2.0
#include "daemon/enrolment/phone_number.h"

#include <string>
#include <string_view>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::enrolment;

namespace {

struct Row {
    const char* typed;
    const char* expected;
};

std::string read(std::string_view typed) {
    const auto number = read_phone_number(Secret(typed));
    return number ? std::string(number->view()) : "(nothing)";
}

} // namespace

TEST_GROUP(PhoneNumber){};

TEST(PhoneNumber, is_taken_as_typed_without_the_blanks_around_it) {
    const Row rows[] = {
        {"+1 512-555-0100", "+1 512-555-0100"},   {"  +1 512-555-0100\t\r\n", "+1 512-555-0100"},
        {"+15125550100", "+15125550100"},         {"+1 (512) 555.0100", "+1 (512) 555.0100"},
        {"+44 20 7946 0958", "+44 20 7946 0958"}, {"+1234567", "+1234567"},
        {"+123456789012345", "+123456789012345"},
    };
    for (const Row& row : rows) {
        STRCMP_EQUAL_TEXT(row.expected, read(row.typed).c_str(), row.typed);
    }
}

TEST(PhoneNumber, is_refused_where_it_is_none) {
    const char* const rows[] = {
        "",
        "   ",
        "+",
        "512-555-0100",          // national: no country
        "001 512 555 0100",      // dialled, not written
        "+123456",               // six digits
        "+1234567890123456",     // sixteen
        "+1 512-555-0100 x12",   // an extension
        "+1 512/555/0100",       //
        "+1+512 555 0100",       //
        "tel:+15125550100",      //
        "+1 512\t555 0100",      // a tab within
        "+1 512\n555 0100",      //
        "+1 512-555-0100\x1b[A", // an arrow key
        "+1 512\"555 0100",      //
        "+\xEF\xBC\x91 512 555 0100",
        "+1                                  5125550100", // 45 characters
    };
    for (const char* const row : rows) {
        STRCMP_EQUAL_TEXT("(nothing)", read(row).c_str(), row);
    }
    STRCMP_EQUAL("(nothing)", read(std::string_view("+1 512\0 555 0100", 16)).c_str());
}

TEST(PhoneNumber, is_masked_but_for_its_last_two_digits) {
    const Row rows[] = {
        {"+1 512-555-0100", "+* ***-***-**00"},
        {"+15125550189", "+*********89"},
        {"+1 (512) 555.01 0 7", "+* (***) ***.** 0 7"},
        {"+1234567", "+*****67"},
        {"", ""},
    };
    for (const Row& row : rows) {
        STRCMP_EQUAL_TEXT(row.expected, masked(Secret(row.typed)).c_str(), row.typed);
    }
}

TEST(PhoneNumber, is_masked_whole_where_two_digits_would_tell_too_much) {
    STRCMP_EQUAL("+******", masked(Secret("+123456")).c_str());
    STRCMP_EQUAL("**", masked(Secret("42")).c_str());
}

TEST(PhoneNumber, masks_foreign_text_into_one_short_line) {
    STRCMP_EQUAL("+* ?***?***?**00", masked(Secret("+1 \x1b"
                                                   "512\n555\xC3"
                                                   "0100"))
                                         .c_str());
    const std::string mask = masked(Secret(std::string(1000, '7')));
    STRCMP_EQUAL((std::string(38, '*') + "77").c_str(), mask.c_str());
}
