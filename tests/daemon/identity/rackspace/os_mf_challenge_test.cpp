// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/os_mf_challenge.h"

#include <optional>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::identity::rackspace;

namespace {

struct Row {
    const char* name;
    std::vector<std::string> headers;
    std::optional<std::string> session_id; ///< nullopt: no usable challenge
    Factor factor = Factor::Passcode;
};

std::optional<Challenge> find(const std::vector<std::string>& headers) {
    return find_os_mf_challenge({headers.begin(), headers.end()});
}

const std::string kLongest(4096, 'x');

const std::vector<Row> kRows{
    {"as the server writes it", {"OS-MF sessionId='abc_-9', factor='PASSCODE'"}, "abc_-9"},
    {"OTP factor", {"OS-MF sessionId='a', factor='OTPPASSCODE'"}, "a", Factor::OtpDevice},
    {"unknown factor", {"OS-MF sessionId='a', factor='PUSH'"}, "a"},
    {"no factor", {"OS-MF sessionId='a'"}, "a"},
    {"double quotes", {R"(OS-MF sessionId="abc", factor="OTPPASSCODE")"}, "abc", Factor::OtpDevice},
    {"no quotes", {"OS-MF sessionId=abc, factor=OTPPASSCODE"}, "abc", Factor::OtpDevice},
    {"mixed quotes", {R"(OS-MF sessionId="abc", factor='PASSCODE')"}, "abc"},
    {"other order", {"OS-MF factor='OTPPASSCODE', sessionId='abc'"}, "abc", Factor::OtpDevice},
    {"any case", {"os-mf SESSIONID='aBc', Factor='otpPasscode'"}, "aBc", Factor::OtpDevice},
    {"no blanks", {"OS-MF sessionId='abc',factor='OTPPASSCODE'"}, "abc", Factor::OtpDevice},
    {"many blanks", {"  OS-MF \t sessionId = 'abc' ,\t factor = 'PASSCODE'  "}, "abc"},
    {"empty list items", {",, OS-MF ,sessionId='abc',, factor='PASSCODE',"}, "abc"},
    {"unknown parameters", {"OS-MF realm='x, y', sessionId='abc', more=1"}, "abc"},
    {"foreign challenge first",
     {"Keystone uri=https://identity/v3?a=b, OS-MF sessionId='abc'"},
     "abc"},
    {"foreign challenge with quoted comma",
     {R"(Basic realm="a, OS-MF sessionId='no'", OS-MF sessionId='abc')"},
     "abc"},
    {"foreign challenge with escaped quote",
     {R"(Basic realm="a\", OS-MF sessionId=no", OS-MF sessionId='abc')"},
     "abc"},
    {"foreign token68", {"Negotiate YWJj==, OS-MF sessionId='abc'"}, "abc"},
    {"foreign bare scheme", {"Negotiate, OS-MF sessionId='abc'"}, "abc"},
    {"foreign challenge after", {"OS-MF sessionId='abc', Basic realm='x', sessionId='no'"}, "abc"},
    {"foreign header before", {"Keystone uri='https://x'", "OS-MF sessionId='abc'"}, "abc"},
    {"foreign header after", {"OS-MF sessionId='abc'", "Basic realm=x"}, "abc"},
    {"the first of two headers", {"OS-MF sessionId='one'", "OS-MF sessionId='two'"}, "one"},
    {"the first of two challenges",
     {"OS-MF sessionId='one', factor='OTPPASSCODE', OS-MF sessionId='two', factor='PASSCODE'"},
     "one",
     Factor::OtpDevice},
    {"an unusable one before a usable one", {"OS-MF factor='X'", "OS-MF sessionId='two'"}, "two"},
    {"an unusable challenge before a usable one",
     {"OS-MF sessionId='', factor='OTPPASSCODE', OS-MF sessionId='two'"},
     "two"},
    {"the first of two session ids", {"OS-MF sessionId='one', sessionId='two'"}, "one"},
    {"padding in a bare value", {"OS-MF sessionId=abc==, factor=PASSCODE"}, "abc=="},
    {"the longest", {"OS-MF sessionId='" + kLongest + "'"}, kLongest},
    {"too long", {"OS-MF sessionId='" + kLongest + "x'"}, std::nullopt},
    {"empty session id", {"OS-MF sessionId='', factor='PASSCODE'"}, std::nullopt},
    {"no session id", {"OS-MF factor='PASSCODE'"}, std::nullopt},
    {"scheme alone", {"OS-MF"}, std::nullopt},
    {"quote that never closes", {"OS-MF sessionId='abc"}, std::nullopt},
    {"blank in the session id", {"OS-MF sessionId='a b'"}, std::nullopt},
    {"line break in the session id", {"OS-MF sessionId='a\r\nX-Evil: 1'"}, std::nullopt},
    {"control character", {std::string("OS-MF sessionId='a\0b'", 21)}, std::nullopt},
    {"not ASCII", {"OS-MF sessionId='\xC3\xA4'"}, std::nullopt},
    {"session id of another scheme", {"Basic sessionId='abc'"}, std::nullopt},
    {"a scheme that only begins alike", {"OS-MFA sessionId='abc'"}, std::nullopt},
    {"parameters without a scheme", {"sessionId='abc', factor='PASSCODE'"}, std::nullopt},
    {"inside somebody's quotes", {R"(Basic realm="OS-MF sessionId='abc'")"}, std::nullopt},
    {"parameters do not cross headers", {"OS-MF", "sessionId='abc'"}, std::nullopt},
    {"nothing", {}, std::nullopt},
    {"empty header", {""}, std::nullopt},
    {"only separators", {" , = , ' "}, std::nullopt},
};

} // namespace

TEST_GROUP(OsMfChallenge){};

TEST(OsMfChallenge, is_found_in_every_form_and_nowhere_else) {
    for (const Row& row : kRows) {
        const auto challenge = find(row.headers);

        CHECK_EQUAL_TEXT(row.session_id.has_value(), challenge.has_value(), row.name);
        if (challenge) {
            CHECK_TEXT(challenge->continuation.equals(*row.session_id), row.name);
            CHECK_TEXT(challenge->factor == row.factor, row.name);
        }
    }
}

TEST(OsMfChallenge, an_unusable_one_is_still_noticed) {
    CHECK(mentions_os_mf({"OS-MF factor='PASSCODE'"}));
    CHECK(mentions_os_mf({"Basic realm=x", "Keystone uri=y, os-mf"}));
    CHECK(mentions_os_mf({"OS-MF sessionId='abc', Basic realm=x"}));
    CHECK_FALSE(mentions_os_mf({"Basic realm=\"OS-MF\"", "Keystone uri=OS-MF"}));
    CHECK_FALSE(mentions_os_mf({}));
}
