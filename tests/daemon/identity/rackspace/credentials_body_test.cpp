// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/credentials_body.h"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::identity::rackspace;

namespace {

const Account kAlice{"alice", "", ""};

} // namespace

TEST_GROUP(CredentialsBody){};

TEST(CredentialsBody, has_the_documented_forms) {
    STRCMP_EQUAL(R"({"auth":{"passwordCredentials":{"username":"alice","password":"p"}}})",
                 password_body(kAlice, Secret("p"))->c_str());
    STRCMP_EQUAL(
        R"({"auth":{"RAX-AUTH:scope":"SETUP-MFA","passwordCredentials":{"username":"alice","password":"p"}}})",
        password_body(kAlice, Secret("p"), TokenScope::SetupMfa)->c_str());
    STRCMP_EQUAL(R"({"auth":{"RAX-KSKEY:apiKeyCredentials":{"username":"alice","apiKey":"k"}}})",
                 api_key_body(kAlice, Secret("k"))->c_str());
    STRCMP_EQUAL(R"({"auth":{"RAX-AUTH:passcodeCredentials":{"passcode":"123456"}}})",
                 passcode_body(kAlice, Secret("123456"))->c_str());
}

TEST(CredentialsBody, names_the_tenant_under_auth_on_both_steps) {
    const Account by_id{"alice", "12", ""};
    const Account by_name{"alice", "", "team \"x\""};

    STRCMP_EQUAL(
        R"({"auth":{"passwordCredentials":{"username":"alice","password":"p"},"tenantId":"12"}})",
        password_body(by_id, Secret("p"))->c_str());
    STRCMP_EQUAL(
        R"({"auth":{"RAX-AUTH:passcodeCredentials":{"passcode":"1"},"tenantName":"team \"x\""}})",
        passcode_body(by_name, Secret("1"))->c_str());
}

TEST(CredentialsBody, every_byte_that_can_be_text_comes_out_as_it_went_in) {
    std::string all;
    for (int c = 0; c < 0x80; ++c) {
        all.push_back(static_cast<char>(c));
    }
    all += "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF";
    const Account account{all, "", ""};

    const auto body = password_body(account, Secret(all));

    CHECK(body.has_value());
    const auto parsed = nlohmann::json::parse(body->view());
    const auto& credentials = parsed.at("auth").at("passwordCredentials");
    CHECK(credentials.at("username").get<std::string>() == all);
    CHECK(credentials.at("password").get<std::string>() == all);
    LONGS_EQUAL(1, parsed.size());
    LONGS_EQUAL(1, parsed.at("auth").size());
}

TEST(CredentialsBody, what_looks_like_json_stays_text) {
    const auto body = passcode_body(kAlice, Secret(R"(1"},"tenantId":"9)"));

    const auto parsed = nlohmann::json::parse(body->view());
    LONGS_EQUAL(1, parsed.at("auth").size());
}

TEST(CredentialsBody, refuses_bytes_that_are_no_text) {
    const std::vector<std::pair<const char*, std::string>> rows{
        {"Latin-1", "gr\xFC\xDF"},
        {"lone continuation", "\x80"},
        {"overlong slash", "\xC0\xAF"},
        {"overlong in three", "\xE0\x80\xAF"},
        {"overlong in four", "\xF0\x80\x80\xAF"},
        {"surrogate", "\xED\xA0\x80"},
        {"above U+10FFFF", "\xF4\x90\x80\x80"},
        {"five bytes", "\xF8\x88\x80\x80\x80"},
        {"cut off in two", "\xC3"},
        {"cut off in three", "\xE2\x82"},
        {"cut off in four", "\xF0\x9F\x98"},
        {"bad third byte", "\xE2\x82\x28"},
    };
    for (const auto& [name, bytes] : rows) {
        CHECK_FALSE_TEXT(password_body(kAlice, Secret(bytes)).has_value(), name);
        CHECK_FALSE_TEXT(api_key_body(kAlice, Secret(bytes)).has_value(), name);
        CHECK_FALSE_TEXT(passcode_body(kAlice, Secret(bytes)).has_value(), name);
        CHECK_FALSE_TEXT(password_body({bytes, "", ""}, Secret("p")).has_value(), name);
        CHECK_FALSE_TEXT(passcode_body({"a", bytes, ""}, Secret("1")).has_value(), name);
    }
}
