// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/service_fixture.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth::simulator;

namespace {
std::string below(const std::string& user_id, const std::string& rest = {}) {
    return "/v2.0/users/" + user_id + "/RAX-AUTH/multi-factor" + rest;
}
constexpr const char* kNumber = R"({"RAX-AUTH:mobilePhone":{"number":"+1 512-555-0199"}})";
constexpr const char* kDevice = R"({"RAX-AUTH:otpDevice":{"name":"my phone"}})";
constexpr const char* kEnable = R"({"RAX-AUTH:multiFactor":{"enabled":true}})";

std::string code_body(const std::string& code) {
    return R"({"RAX-AUTH:verificationCode":{"code":")" + code + "\"}}";
}
} // namespace

TEST_GROUP(FactorCall) {
    Service service;

    std::string setup_token() {
        return service.password("heidi", "Right1", R"(,"RAX-AUTH:scope":"SETUP-MFA")").token();
    }
    std::string add_phone(const std::string& token, const std::string& user) {
        const auto got = service.with_token("POST", below(user, "/mobile-phones"), token, kNumber);
        LONGS_EQUAL(201, got.status);
        return below(user, "/mobile-phones/") +
               got.body["RAX-AUTH:mobilePhone"]["id"].get<std::string>();
    }
    std::string sent_pin() {
        const std::string text = service.last_sms();
        return text.substr(text.find("code is ") + 8, 4);
    }
    struct Device {
        std::string path;
        std::string secret;
    };
    Device add_device(const std::string& token, const std::string& user) {
        const auto got = service.with_token("POST", below(user, "/otp-devices"), token, kDevice);
        LONGS_EQUAL(201, got.status);
        const auto& device = got.body["RAX-AUTH:otpDevice"];
        const std::string uri = device["keyUri"].get<std::string>();
        const std::size_t start = uri.find("secret=") + 7;
        return {below(user, "/otp-devices/") + device["id"].get<std::string>(),
                uri.substr(start, uri.find('&') - start)};
    }
    int verify(const std::string& token, const Device& device) {
        return service
            .with_token("POST", device.path + "/verify", token,
                        code_body(totp(device.secret, service.clock.now())))
            .status;
    }
    int put(const std::string& token, const std::string& user, const std::string& body) {
        return service.with_token("PUT", below(user), token, body).status;
    }
};

TEST(FactorCall, enrols_a_phone_with_a_setup_token_up_to_the_first_sign_in) {
    const std::string token = setup_token();
    const std::string phone = add_phone(token, "h1");
    LONGS_EQUAL(202, service.with_token("POST", phone + "/verificationcode", token).status);
    LONGS_EQUAL(400, service.with_token("POST", phone + "/verify", token, code_body("x")).status);
    LONGS_EQUAL(204,
                service.with_token("POST", phone + "/verify", token, code_body(sent_pin())).status);
    LONGS_EQUAL(204, put(token, "h1", kEnable));

    LONGS_EQUAL(401, service.with_token("DELETE", "/v2.0/tokens", token).status);
    const auto asked = service.password("heidi", "Right1");
    LONGS_EQUAL(200, service.passcode(asked.session(), service.sms_code()).status);
}

TEST(FactorCall, enrols_an_authenticator_with_a_setup_token_up_to_the_first_sign_in) {
    const std::string token = setup_token();
    const Device device = add_device(token, "h1");
    LONGS_EQUAL(32, device.secret.size());
    LONGS_EQUAL(204, verify(token, device));
    LONGS_EQUAL(204, put(token, "h1", kEnable));

    const auto asked = service.password("heidi", "Right1");
    CHECK(asked.header("WWW-Authenticate").ends_with("factor='OTPPASSCODE'"));
    LONGS_EQUAL(200,
                service.passcode(asked.session(), totp(device.secret, service.clock.now())).status);
}

TEST(FactorCall, sends_key_uri_with_escaped_ampersand_and_a_picture) {
    const auto got =
        service.with_token("POST", below("h1", "/otp-devices"), setup_token(), kDevice);

    CHECK(got.reply.body.find("\\u0026issuer=Rackspace") != std::string::npos);
    const auto& device = got.body["RAX-AUTH:otpDevice"];
    CHECK(
        device["keyUri"].get<std::string>().starts_with("otpauth://totp/Rackspace:heidi?secret="));
    CHECK(device["qrcode"].get<std::string>().starts_with("data:image/png;base64,iVBORw0KGgo"));
    CHECK(device["verified"] == false);
    const auto later = service.with_token("GET", below("h1", "/otp-devices"), setup_token());
    CHECK_FALSE(later.body["RAX-AUTH:otpDevices"][0].contains("keyUri"));
}

TEST(FactorCall, keeps_a_setup_token_to_its_own_users_second_factor) {
    const std::string token = setup_token();

    LONGS_EQUAL(403, service.with_token("GET", below("e1", "/otp-devices"), token).status);
    LONGS_EQUAL(403, service.with_token("GET", "/v2.0/users/h1", token).status);
    LONGS_EQUAL(403, service.with_token("GET", "/v2.0/RAX-AUTH/domains/20", token).status);
    service.set(R"({"enabling_revokes_tokens":false})");
    const Device device = add_device(token, "h1");
    verify(token, device);
    LONGS_EQUAL(204, put(token, "h1", kEnable));
    LONGS_EQUAL(403, service.with_token("GET", below("h1", "/otp-devices"), token).status);
}

TEST(FactorCall, switches_on_by_verifying_if_told_so) {
    service.set(R"({"verify_enables":"setup_scope"})");
    const std::string token = setup_token();

    LONGS_EQUAL(204, verify(token, add_device(token, "h1")));

    CHECK_FALSE(service.password("heidi", "Right1").session().empty());
}

TEST(FactorCall, answers_the_disputed_statuses_by_switch) {
    service.set(R"({"status_phone_added":200,"status_pin_sent":201,"status_verified":202})");
    const std::string token = setup_token();

    const auto added = service.with_token("POST", below("h1", "/mobile-phones"), token, kNumber);
    LONGS_EQUAL(200, added.status);
    const std::string phone = below("h1", "/mobile-phones/") +
                              added.body["RAX-AUTH:mobilePhone"]["id"].get<std::string>();
    LONGS_EQUAL(201, service.with_token("POST", phone + "/verificationcode", token).status);
    LONGS_EQUAL(202,
                service.with_token("POST", phone + "/verify", token, code_body(sent_pin())).status);
}

TEST(FactorCall, refuses_bad_numbers_a_second_phone_and_a_phone_beside_sms) {
    const std::string token = setup_token();
    for (const char* number : {"", "512-555-0100", "+1 512 CALL NOW", "+1", "+12345678901234567"}) {
        const auto got = service.with_token("POST", below("h1", "/mobile-phones"), token,
                                            std::string(R"({"RAX-AUTH:mobilePhone":{"number":")") +
                                                number + "\"}}");
        LONGS_EQUAL_TEXT(400, got.status, number);
    }
    add_phone(token, "h1");
    LONGS_EQUAL(400,
                service.with_token("POST", below("h1", "/mobile-phones"), token, kNumber).status);
    LONGS_EQUAL(
        400,
        service.with_token("POST", below("a1", "/mobile-phones"), service.token_of_alice(), kNumber)
            .status);
}

TEST(FactorCall, ends_a_pin_after_ten_minutes_and_sends_ten_a_day) {
    const std::string token = setup_token();
    const std::string phone = add_phone(token, "h1");
    service.with_token("POST", phone + "/verificationcode", token);
    service.clock.advance(std::chrono::minutes{10});
    const auto late = service.with_token("POST", phone + "/verify", token, code_body(sent_pin()));
    LONGS_EQUAL(400, late.status);
    STRCMP_EQUAL("The provided pin is either invalid or expired.", late.message().c_str());

    for (int i = 0; i < 9; ++i) {
        service.with_token("POST", phone + "/verificationcode", token);
    }
    LONGS_EQUAL(413, service.with_token("POST", phone + "/verificationcode", token).status);
}

TEST(FactorCall, refuses_a_sixth_device_and_a_nameless_one) {
    const std::string token = setup_token();
    for (int i = 0; i < 5; ++i) {
        add_device(token, "h1");
    }
    LONGS_EQUAL(400,
                service.with_token("POST", below("h1", "/otp-devices"), token, kDevice).status);
    LONGS_EQUAL(400, service
                         .with_token("POST", below("h1", "/otp-devices"), token,
                                     R"({"RAX-AUTH:otpDevice":{"name":"  "}})")
                         .status);
}

TEST(FactorCall, keeps_the_last_verified_device_of_an_otp_user) {
    const std::string session = service.password("bob", "Right1").session();
    const std::string token = service.passcode(session, service.otp_code()).token();
    const auto list = service.with_token("GET", below("b1", "/otp-devices"), token);
    const std::string last =
        below("b1", "/otp-devices/") + list.body["RAX-AUTH:otpDevices"][0]["id"].get<std::string>();

    LONGS_EQUAL(400, service.with_token("DELETE", last, token).status);
    service.set(R"({"last_otp_device_removable":true})");
    LONGS_EQUAL(204, service.with_token("DELETE", last, token).status);
    LONGS_EQUAL(404, service.with_token("GET", last, token).status);
}

TEST(FactorCall, wants_a_factor_type_when_both_kinds_are_verified) {
    service.change("erin", R"({"phone":"+1 512-555-0105",
                               "otp_secret":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"})");
    const std::string token = service.token_of("erin");
    LONGS_EQUAL(400, put(token, "e1", kEnable));
    LONGS_EQUAL(400, put(token, "e1", R"({"RAX-AUTH:multiFactor":{"factorType":"SMS"}})"));

    LONGS_EQUAL(
        204, put(token, "e1", R"({"RAX-AUTH:multiFactor":{"enabled":true,"factorType":"SMS"}})"));

    CHECK(service.password("erin", "Right1").trace.sms_sent);
}

TEST(FactorCall, will_not_switch_on_without_a_verified_device) {
    LONGS_EQUAL(400, put(setup_token(), "h1", kEnable));
}

TEST(FactorCall, switches_off_and_drops_bypass_codes_but_not_devices) {
    const std::string token = service.token_of_alice();
    const auto codes = service.with_token(
        "POST", below("a1", "/bypass-codes"), token,
        R"({"RAX-AUTH:bypassCodes":{"validityDuration":"PT20M","numberOfCodes":"2"}})");
    LONGS_EQUAL(200, codes.status);
    LONGS_EQUAL(204, put(token, "a1", R"({"RAX-AUTH:multiFactor":{"enabled":false}})"));

    LONGS_EQUAL(200, service.password("alice", "Right1").status);
    service.identity.with_state([](State& state) {
        const Account* account = state.directory.by_name("alice");
        LONGS_EQUAL(1, account->phones.size());
        LONGS_EQUAL(0, account->bypass_codes.size());
    });
}

TEST(FactorCall, unlocks_others_but_never_oneself) {
    service.change("bob", R"({"locked":true})");
    const std::string token = service.token_of_alice();
    const char* unlock = R"({"RAX-AUTH:multiFactor":{"unlock":true}})";

    LONGS_EQUAL(403, put(token, "a1", unlock));
    LONGS_EQUAL(204, put(token, "b1", R"({"RAX-AUTH:multiFactor":{"unlock":false}})"));
    STRCMP_EQUAL("", service.password("bob", "Right1").session().c_str());
    LONGS_EQUAL(204, put(token, "b1", unlock));
    CHECK_FALSE(service.password("bob", "Right1").session().empty());
}

TEST(FactorCall, sets_a_users_level_for_administrators_alone_and_unmixed) {
    const std::string alice = service.token_of_alice();
    const std::string erin = service.token_of("erin");
    const char* level =
        R"({"RAX-AUTH:multiFactor":{"userMultiFactorEnforcementLevel":"REQUIRED"}})";

    LONGS_EQUAL(403, put(erin, "e1", level));
    LONGS_EQUAL(400, put(alice, "e1",
                         R"({"RAX-AUTH:multiFactor":{"userMultiFactorEnforcementLevel":"REQUIRED",
                             "enabled":true}})"));
    LONGS_EQUAL(204, put(alice, "e1", level));
    LONGS_EQUAL(401, service.with_token("GET", "/v2.0/users/e1", erin).status);
    LONGS_EQUAL(403, service.password("erin", "Right1").status);
}

TEST(FactorCall, sets_a_domains_level_and_ends_the_tokens_it_makes_wrong) {
    const std::string alice = service.token_of_alice();
    const std::string erin = service.token_of("erin");
    const std::string path = "/v2.0/RAX-AUTH/domains/10";
    const char* level =
        R"({"RAX-AUTH:multiFactorDomain":{"domainMultiFactorEnforcementLevel":"REQUIRED"}})";
    LONGS_EQUAL(403, service.with_token("PUT", path + "/multi-factor", erin, level).status);

    LONGS_EQUAL(204, service.with_token("PUT", path + "/multi-factor", alice, level).status);

    LONGS_EQUAL(401, service.with_token("GET", path, erin).status);
    const auto read = service.with_token("GET", path, alice);
    STRCMP_EQUAL("REQUIRED", read.body["RAX-AUTH:domain"]["domainMultiFactorEnforcementLevel"]
                                 .get<std::string>()
                                 .c_str());
    LONGS_EQUAL(
        403,
        service
            .with_token(
                "PUT", path + "/multi-factor", alice,
                R"({"RAX-AUTH:multiFactorDomain":{"domainMultiFactorEnforcementLevel":"RACKSPACE_MANDATED"}})")
            .status);
}

TEST(FactorCall, makes_bypass_codes_within_the_limits) {
    const std::string alice = service.token_of_alice();
    const auto ask = [&](const char* user, const char* what) {
        return service.with_token("POST", below(user, "/bypass-codes"), alice,
                                  std::string(R"({"RAX-AUTH:bypassCodes":)") + what + "}");
    };

    const auto all = ask("a1", "{}");
    LONGS_EQUAL(10, all.body["RAX-AUTH:bypassCodes"]["codes"].size());
    LONGS_EQUAL(400, ask("a1", R"({"numberOfCodes":"11"})").status);
    LONGS_EQUAL(400, ask("a1", R"({"validityDuration":"PT4H"})").status);
    LONGS_EQUAL(400, ask("b1", R"({"numberOfCodes":"2"})").status);
    LONGS_EQUAL(400, ask("e1", R"({"numberOfCodes":"1"})").status);
    const auto one = ask("b1", R"({"numberOfCodes":"1","validityDuration":"PT20M"})");
    LONGS_EQUAL(1, one.body["RAX-AUTH:bypassCodes"]["codes"].size());
    STRCMP_EQUAL("PT20M0.000S",
                 one.body["RAX-AUTH:bypassCodes"]["validityDuration"].get<std::string>().c_str());
    const std::string code = one.body["RAX-AUTH:bypassCodes"]["codes"][0].get<std::string>();
    LONGS_EQUAL(9, code.size());
    service.clock.advance(std::chrono::minutes{20});
    LONGS_EQUAL(401, service.passcode(service.password("bob", "Right1").session(), code).status);
}

TEST(FactorCall, removes_everything) {
    const std::string token = service.token_of_alice();

    LONGS_EQUAL(204, service.with_token("DELETE", below("a1"), token).status);

    LONGS_EQUAL(200, service.password("alice", "Right1").status);
    service.identity.with_state(
        [](State& state) { LONGS_EQUAL(0, state.directory.by_name("alice")->phones.size()); });
}

TEST(FactorCall, refuses_federated_users) {
    const std::string token = service.token_of("erin");
    service.change("erin", R"({"federated":true})");

    LONGS_EQUAL(403, service.with_token("GET", below("e1", "/otp-devices"), token).status);
}

TEST_GROUP(UserCall) {
    Service service;
};

TEST(UserCall, shows_oneself_and_to_administrators_the_domain) {
    const std::string alice = service.token_of_alice();
    const std::string erin = service.token_of("erin");
    const auto find = [&](const std::string& token, const char* name) {
        return service.with_token("GET", "/v2.0/users", token, "", {{"name", name}});
    };

    const auto self = find(erin, "erin");
    STRCMP_EQUAL("erin", self.body["user"]["username"].get<std::string>().c_str());
    CHECK(self.body["user"]["RAX-AUTH:multiFactorEnabled"] == false);
    LONGS_EQUAL(403, find(erin, "bob").status);
    const auto bob = find(alice, "bob");
    STRCMP_EQUAL("ACTIVE",
                 bob.body["user"]["RAX-AUTH:multiFactorState"].get<std::string>().c_str());
    STRCMP_EQUAL("OTP", bob.body["user"]["RAX-AUTH:factorType"].get<std::string>().c_str());
    LONGS_EQUAL(404, find(alice, "nobody").status);
    LONGS_EQUAL(404, find(alice, "heidi").status);
    LONGS_EQUAL(1, service.with_token("GET", "/v2.0/users", erin).body["users"].size());
    LONGS_EQUAL(200, service.with_token("GET", "/v2.0/users/e1", erin).status);
}

TEST(UserCall, lists_global_and_effective_roles) {
    const std::string alice = service.token_of_alice();

    LONGS_EQUAL(1, service.with_token("GET", "/v2.0/users/a1/roles", alice).body["roles"].size());
    LONGS_EQUAL(
        2, service.with_token("GET", "/v2.0/users/a1/RAX-AUTH/roles", alice).body["roles"].size());
}

TEST(UserCall, changes_a_password_without_token_and_lifts_the_expiry) {
    service.change("erin", R"({"password_expired":true})");
    const auto change = [&](const char* old_one, const char* fresh) {
        return service.send(
            "POST", "/v2.0/users/RAX-AUTH/change-pwd",
            std::string(
                R"({"RAX-AUTH:changePasswordCredentials":{"username":"erin","password":")") +
                old_one + R"(","newPassword":")" + fresh + "\"}}");
    };

    LONGS_EQUAL(401, change("Wrong1", "Brandnew1").status);
    LONGS_EQUAL(400, change("Right1", "Right1").status);
    for (const char* weak : {"Short1", "nouppercase1", "NOLOWERCASE1", "NoDigitHere"}) {
        LONGS_EQUAL_TEXT(400, change("Right1", weak).status, weak);
    }
    LONGS_EQUAL(204, change("Right1", "Brandnew1").status);
    LONGS_EQUAL(200, service.password("erin", "Brandnew1").status);
}
