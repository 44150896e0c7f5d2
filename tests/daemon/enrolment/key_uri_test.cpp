// SPDX-License-Identifier: Apache-2.0
#include "daemon/enrolment/key_uri.h"

#include <string>
#include <string_view>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::enrolment;

namespace {

constexpr const char* kKey = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
constexpr const char* kGrouped = "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP";

/// "LABEL|KEY", or "(nothing)".
std::string read(std::string_view uri) {
    const auto known = read_key_uri(Secret(uri));
    return known ? known->label + "|" + std::string(known->key.view()) : "(nothing)";
}

std::string with_label(const std::string& label) {
    return "otpauth://totp/" + label + "?secret=" + kKey + "&issuer=Rackspace";
}

std::string with_key(const std::string& key) {
    return "otpauth://totp/Rackspace:alice?secret=" + key + "&issuer=Rackspace";
}

std::string key_of(const std::string& key) {
    const auto known = read_key_uri(Secret(with_key(key)));
    return known ? std::string(known->key.view()) : "(nothing)";
}

} // namespace

TEST_GROUP(KeyUri){};

TEST(KeyUri, gives_label_and_key_in_fours) {
    const std::string expected = std::string("Rackspace:alice|") + kGrouped;

    STRCMP_EQUAL(expected.c_str(), read(with_label("Rackspace:alice")).c_str());
}

TEST(KeyUri, finds_the_key_wherever_it_stands) {
    const std::string expected = std::string("a|") + kGrouped;
    const std::string key = std::string("secret=") + kKey;
    for (const std::string& parameters :
         {key, "issuer=Rackspace&" + key, "issuer=Rackspace&" + key + "&digits=6&period=30",
          "&&" + key + "&", "notsecret=1&" + key, "Secret&" + key}) {
        STRCMP_EQUAL(expected.c_str(), read("otpauth://totp/a?" + parameters).c_str());
    }
}

TEST(KeyUri, decodes_and_cleans_the_label) {
    struct {
        const char* label;
        const char* expected;
    } const rows[] = {
        {"Rackspace%3Aalice%40example.com", "Rackspace:alice@example.com"},
        {"Rackspace:alice+1@example.com", "Rackspace:alice+1@example.com"},
        {"a%20%20b", "a b"},
        {"a%0Ab", "a b"},
        {"a%1B%5b31mred", "a?[31mred"},
        {"a%00b", "a?b"},
        {"a%E2%80%AEb", "a?b"},
        {"Gr%C3%B6%C3%9Fe", "Gr\xC3\xB6\xC3\x9F"
                            "e"},
        {"100%n", "(nothing)"},
        {"%25s", "%s"},
    };
    for (const auto& row : rows) {
        const auto known = read_key_uri(Secret(with_label(row.label)));
        STRCMP_EQUAL_TEXT(row.expected, known ? known->label.c_str() : "(nothing)", row.label);
    }
}

TEST(KeyUri, cuts_a_long_label) {
    const auto known = read_key_uri(Secret(with_label(std::string(500, 'a'))));

    CHECK_TRUE(known.has_value());
    UNSIGNED_LONGS_EQUAL(128, known->label.size());
}

TEST(KeyUri, gives_the_key_in_capitals_without_padding) {
    STRCMP_EQUAL(kGrouped, key_of("jbswy3dpehpk3pxpjbswy3dpehpk3pxp").c_str());
    STRCMP_EQUAL("ABCD EFGH IJKL MNOP QR", key_of("ABCDEFGHIJKLMNOPQR======").c_str());
    STRCMP_EQUAL("ABCD EFGH IJKL MNOP QR", key_of("ABCDEFGHIJKLMNOPQR%3D%3d").c_str());
    STRCMP_EQUAL("ABCD EFGH IJKL MNOP", key_of("ABCDEFGHIJKLMNOP").c_str());
    UNSIGNED_LONGS_EQUAL(128 + 31, key_of(std::string(128, 'A')).size());
}

TEST(KeyUri, refuses_a_key_that_is_no_base32) {
    const std::string rows[] = {
        "",
        "====",
        "ABCDEFGHIJKLMNO",        // 15 digits
        "ABCDEFGHIJKLMNOPQ",      // 17: no whole byte
        "ABCDEFGHIJKLMNOPQRS",    // 19
        "ABCDEFGHIJKLMNOPQRSTUV", // 22
        std::string(130, 'A'),
        "JBSWY3DPEHPK3PX0", // digit nought
        "JBSWY3DPEHPK3PX1",
        "JBSWY3DPEHPK3PX8",
        "JBSW%20Y3DPEHPK3PXP",
        "JBSW-Y3DP-EHPK-3PXP",
        "ABCDEFGH=IJKLMNOP", // padding within
        "ABCDEFGHIJKLMNO%50",
    };
    for (const std::string& row : rows) {
        STRCMP_EQUAL_TEXT("(nothing)", key_of(row).c_str(), row.c_str());
    }
}

TEST(KeyUri, refuses_what_is_no_key_uri) {
    const std::string key = std::string("secret=") + kKey;
    const std::string rows[] = {
        "",
        "otpauth://totp/",
        "otpauth://totp/alice",
        "otpauth://totp/alice?",
        "otpauth://totp/alice?issuer=Rackspace",
        "otpauth://totp/?" + key, // no label
        "otpauth://hotp/alice?" + key,
        "OTPAUTH://totp/alice?" + key,
        "otpauth:totp/alice?" + key,
        "https://totp/alice?" + key,
        " otpauth://totp/alice?" + key,
        "otpauth://totp/alice?" + key + "\n",
        "otpauth://totp/alice?" + key + "#fragment",
        "otpauth://totp/alice?" + key + "&" + key, // two
        "otpauth://totp/alice?" + key + "&issuer=%",
        "otpauth://totp/alice?" + key + "&issuer=%4",
        "otpauth://totp/al%zzce?" + key,
        "otpauth://totp/al ice?" + key,
        "otpauth://totp/al\x1b[ice?" + key,
        "otpauth://totp/al\x7Fice?" + key,
        "otpauth://totp/al\xC3\xB6ice?" + key,
        "otpauth://totp/al\"ice?" + key,
        "otpauth://totp/al<ice?" + key,
        "otpauth://totp/al\\ice?" + key,
        std::string("otpauth://totp/al\0ice?", 22) + key,
    };
    for (const std::string& row : rows) {
        STRCMP_EQUAL_TEXT("(nothing)", read(row).c_str(), row.c_str());
    }
}

TEST(KeyUri, is_at_most_1024_bytes_long) {
    const std::string uri = with_key(kKey);
    const std::string longest = uri + "&" + std::string(1023 - uri.size(), 'x');

    CHECK_TRUE(read_key_uri(Secret(longest)).has_value());
    CHECK_FALSE(read_key_uri(Secret(longest + "x")).has_value());
}
