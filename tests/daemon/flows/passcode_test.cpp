// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/passcode.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::flows;

namespace {

void check_passcode(const char* typed, const char* wanted) {
    const std::optional<Secret> passcode = passcode_from(typed);
    if (wanted == nullptr) {
        CHECK_FALSE_TEXT(passcode.has_value(), typed);
    } else {
        CHECK_TRUE_TEXT(passcode.has_value(), typed);
        STRCMP_EQUAL_TEXT(wanted, passcode->c_str(), typed);
    }
}

void check_split(const char* line, const char* password, const char* passcode) {
    const SingleLine parts = split_single_line(Secret(line));
    STRCMP_EQUAL_TEXT(password, parts.password.c_str(), line);
    LONGS_EQUAL_TEXT(passcode != nullptr, parts.passcode.has_value(), line);
    if (passcode != nullptr) {
        STRCMP_EQUAL_TEXT(passcode, parts.passcode->c_str(), line);
    }
}

} // namespace

TEST_GROUP(Passcode){};

TEST(Passcode, is_any_run_of_one_to_32_digits) {
    check_passcode("1", "1");
    check_passcode("1411594", "1411594");
    check_passcode("12345678901234567890123456789012", "12345678901234567890123456789012");
    check_passcode("123456789012345678901234567890123", nullptr);
    check_passcode("", nullptr);
}

TEST(Passcode, loses_blanks_and_dashes) {
    check_passcode("141 159", "141159");
    check_passcode(" 141-15\t94 ", "1411594");
    check_passcode(" - ", nullptr);
}

TEST(Passcode, has_nothing_but_digits_in_it) {
    for (const char* typed : {"12a4", "r", "123456,", "+123456", "12.34", "\xd9\xa1\xd9\xa2",
                              "0x12", "1234\n", "123456\x7f"}) {
        check_passcode(typed, nullptr);
    }
    check_passcode(std::string("12\0", 3).c_str(), "12");
    CHECK_FALSE(passcode_from(std::string_view("12\0", 3)).has_value());
}

TEST(Passcode, splits_a_single_line_at_the_last_comma_before_4_to_32_digits) {
    check_split("secret,123456", "secret", "123456");
    check_split("se,cret,123456", "se,cret", "123456");
    check_split("se,1234,123456", "se,1234", "123456");
    check_split("secret,1234", "secret", "1234");
    check_split("secret,12345678901234567890123456789012", "secret",
                "12345678901234567890123456789012");
    check_split(",123456", "", "123456");
}

TEST(Passcode, leaves_a_single_line_whole_when_no_code_follows_the_comma) {
    check_split("secret", "secret", nullptr);
    check_split("secret,123", "secret,123", nullptr);
    check_split("secret,123456789012345678901234567890123",
                "secret,123456789012345678901234567890123", nullptr);
    check_split("secret,12a456", "secret,12a456", nullptr);
    check_split("secret,123 456", "secret,123 456", nullptr);
    check_split("secret, 123456", "secret, 123456", nullptr);
    check_split("", "", nullptr);
}

TEST(Passcode, takes_a_single_line_with_a_bare_comma_at_its_end_as_the_password_before_it) {
    check_split("secret,", "secret", nullptr);
    check_split("secret,1234,", "secret,1234", nullptr);
    check_split("secret,,", "secret,", nullptr);
    check_split(",", "", nullptr);
}

TEST(Passcode, knows_what_sshd_says_for_users_it_has_refused) {
    CHECK_TRUE(is_sshd_junk("\b\n\r\177INCORRECT"));
    CHECK_TRUE(is_sshd_junk("\b\n\r\177INCORRECT\b\n\r\177INC"));
    CHECK_FALSE(is_sshd_junk("INCORRECT"));
    CHECK_FALSE(is_sshd_junk(""));
    CHECK_FALSE(is_sshd_junk("\b\n\r\177"));
}
