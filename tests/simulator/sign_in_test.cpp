// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/service_fixture.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth::simulator;

TEST_GROUP(SignIn) {
    Service service;

    std::string challenge(const char* user) {
        return service.password(user, "Right1").session();
    }
};

TEST(SignIn, challenges_an_sms_user_with_the_documented_header_and_one_message) {
    const auto got = service.password("alice", "Right1");

    LONGS_EQUAL(401, got.status);
    STRCMP_EQUAL("unauthorized", got.fault().c_str());
    STRCMP_EQUAL("Additional authentication credentials required", got.message().c_str());
    const std::string wanted = "OS-MF sessionId='" + got.session() + "', factor='PASSCODE'";
    STRCMP_EQUAL(wanted.c_str(), got.header("WWW-Authenticate").c_str());
    LONGS_EQUAL(204, got.session().size());
    CHECK(service.last_sms().starts_with("Rackspace SMS passcodes (will expire in 10 minutes): "));
    LONGS_EQUAL(7, service.sms_code().size());
    CHECK(got.trace.sms_sent);
}

TEST(SignIn, grants_an_sms_user_the_code_of_the_message) {
    const std::string session = challenge("alice");

    const auto got = service.passcode(session, service.sms_code());

    LONGS_EQUAL(200, got.status);
    CHECK((got.proofs() == std::vector<std::string>{"PASSCODE", "PASSWORD"}));
    STRCMP_EQUAL("alice", got.body["access"]["user"]["name"].get<std::string>().c_str());
    STRCMP_EQUAL("10", got.body["access"]["token"]["tenant"]["id"].get<std::string>().c_str());
}

TEST(SignIn, sends_an_otp_user_no_message_and_takes_the_authenticators_code) {
    const auto asked = service.password("bob", "Right1");
    CHECK(asked.header("WWW-Authenticate").ends_with("factor='OTPPASSCODE'"));
    CHECK_FALSE(asked.trace.sms_sent);

    const auto got = service.passcode(asked.session(), service.otp_code());

    LONGS_EQUAL(200, got.status);
    CHECK((got.proofs() == std::vector<std::string>{"OTPPASSCODE", "PASSWORD"}));
}

TEST(SignIn, takes_a_code_of_three_steps_ago_and_one_step_ahead_but_no_more) {
    struct Row {
        int steps;
        int status;
    };
    for (const Row row : {Row{-4, 401}, Row{-3, 200}, Row{0, 200}, Row{1, 200}, Row{2, 401}}) {
        const std::string code =
            totp(Service::kSecret, service.clock.now() + std::chrono::seconds{30 * row.steps});

        LONGS_EQUAL_TEXT(row.status, service.passcode(challenge("bob"), code).status,
                         std::to_string(row.steps).c_str());
        service.change("bob", R"({"wrong_passcodes":0})");
    }
}

TEST(SignIn, takes_an_otp_twice_unless_told_to_remember) {
    const std::string code = service.otp_code();
    LONGS_EQUAL(200, service.passcode(challenge("bob"), code).status);
    LONGS_EQUAL(200, service.passcode(challenge("bob"), code).status);
    service.set(R"({"otp_replay":false})");

    LONGS_EQUAL(200, service.passcode(challenge("bob"), code).status);
    LONGS_EQUAL(401, service.passcode(challenge("bob"), code).status);
}

TEST(SignIn, takes_a_bypass_code_once_and_shows_it_as_the_configured_factor) {
    const auto first = service.passcode(challenge("bob"), "12345678");
    LONGS_EQUAL(200, first.status);
    CHECK((first.proofs() == std::vector<std::string>{"OTPPASSCODE", "PASSWORD"}));

    LONGS_EQUAL(401, service.passcode(challenge("bob"), "12345678").status);
}

TEST(SignIn, takes_an_sms_code_once_and_only_while_it_is_the_latest) {
    const std::string session = challenge("alice");
    const std::string old_code = service.sms_code();
    const std::string fresh_session = challenge("alice");
    const std::string code = service.sms_code();

    LONGS_EQUAL(401, service.passcode(session, old_code).status);
    LONGS_EQUAL(200, service.passcode(session, code).status);
    LONGS_EQUAL(401, service.passcode(fresh_session, code).status);
}

TEST(SignIn, keeps_the_session_after_a_wrong_passcode) {
    const std::string session = challenge("alice");
    const auto wrong = service.passcode(session, "0000000x");
    LONGS_EQUAL(401, wrong.status);
    STRCMP_EQUAL("Can not authenticate with credentials provided", wrong.message().c_str());
    STRCMP_EQUAL("", wrong.header("WWW-Authenticate").c_str());

    LONGS_EQUAL(200, service.passcode(session, service.sms_code()).status);
}

TEST(SignIn, locks_with_the_third_wrong_passcode_and_says_so_at_both_steps) {
    const std::string session = challenge("alice");
    const std::string code = service.sms_code();
    service.passcode(session, "x");
    service.passcode(session, "x");

    const auto third = service.passcode(session, "x");

    LONGS_EQUAL(403, third.status);
    STRCMP_EQUAL("forbidden", third.fault().c_str());
    CHECK(third.message().find("The account has been locked") != std::string::npos);
    LONGS_EQUAL(403, service.passcode(session, code).status);
    const auto first_step = service.password("alice", "Right1");
    LONGS_EQUAL(401, first_step.status);
    STRCMP_EQUAL("", first_step.header("WWW-Authenticate").c_str());
    STRCMP_EQUAL(third.message().c_str(), first_step.message().c_str());
    CHECK_FALSE(first_step.trace.sms_sent);
}

TEST(SignIn, unlocks_half_an_hour_after_the_last_wrong_passcode) {
    const std::string session = challenge("alice");
    for (int i = 0; i < 3; ++i) {
        service.passcode(session, "x");
    }
    service.clock.advance(std::chrono::seconds{1799});
    LONGS_EQUAL(0, service.password("alice", "Right1").session().size());

    service.clock.advance(std::chrono::seconds{1});

    const std::string fresh = challenge("alice");
    LONGS_EQUAL(401, service.passcode(fresh, "x").status);
    LONGS_EQUAL(200, service.passcode(fresh, service.sms_code()).status);
}

TEST(SignIn, forgets_wrong_passcodes_after_a_right_one) {
    const std::string session = challenge("alice");
    service.passcode(session, "x");
    service.passcode(session, "x");
    LONGS_EQUAL(200, service.passcode(session, service.sms_code()).status);

    LONGS_EQUAL(401, service.passcode(challenge("alice"), "x").status);
}

TEST(SignIn, keeps_the_lock_the_administrator_set_whatever_the_time) {
    service.change("alice", R"({"locked":true})");
    service.clock.advance(std::chrono::hours{48});

    LONGS_EQUAL(401, service.password("alice", "Right1").status);
    STRCMP_EQUAL("", challenge("alice").c_str());
}

TEST(SignIn, ends_the_session_after_five_minutes) {
    const std::string session = challenge("bob");
    service.clock.advance(std::chrono::seconds{300});

    const auto got = service.passcode(session, service.otp_code());

    LONGS_EQUAL(401, got.status);
    STRCMP_EQUAL("Can not authenticate with credentials provided. Session has expired.",
                 got.message().c_str());
}

TEST(SignIn, burns_the_session_with_its_success_if_told_to) {
    service.set(R"({"session_survives_success":false})");
    const std::string session = challenge("bob");
    LONGS_EQUAL(200, service.passcode(session, service.otp_code()).status);

    LONGS_EQUAL(401, service.passcode(session, service.otp_code()).status);
}

TEST(SignIn, refuses_a_token_or_garbage_as_session) {
    const std::string token = service.token_of("erin");

    LONGS_EQUAL(403, service.passcode(token, "123456").status);
    LONGS_EQUAL(401, service.passcode("garbage", "123456").status);
}

TEST(SignIn, wants_exactly_one_session_header) {
    const std::string body = R"({"auth":{"RAX-AUTH:passcodeCredentials":{"passcode":"1"}}})";

    const auto none = service.send("POST", "/v2.0/tokens", body);
    const auto two =
        service.send("POST", "/v2.0/tokens", body, {{"x-sessionid", "a"}, {"x-sessionid", "b"}});

    LONGS_EQUAL(400, none.status);
    STRCMP_EQUAL("Invalid X-SessionId", none.message().c_str());
    LONGS_EQUAL(400, two.status);
}

TEST(SignIn, answers_400_to_a_passcode_of_somebody_who_lost_the_second_factor) {
    const std::string session = challenge("bob");
    service.change("bob", R"({"mfa":"none"})");

    const auto got = service.passcode(session, "1");

    LONGS_EQUAL(400, got.status);
    STRCMP_EQUAL("Unknown credential type", got.message().c_str());
}

TEST(SignIn, refuses_each_kind_of_account_as_documented) {
    struct Row {
        const char* user;
        const char* password;
        const char* patch;
        int status;
        const char* fault;
        const char* message;
    };
    const Row rows[] = {
        {"alice", "Wrong1", "{}", 401, "unauthorized",
         "Error code: 'AUTH-004'; Unable to authenticate user with credentials provided."},
        {"nobody", "Right1", "{}", 401, "unauthorized",
         "Error code: 'AUTH-004'; Unable to authenticate user with credentials provided."},
        {"erin", "Right1", R"({"password_expired":true})", 401, "unauthorized",
         "Error code: 'AUTH-001'; The password for this user has expired and must be changed"},
        {"bob", "Right1", R"({"disabled":true})", 403, "userDisabled", "User 'bob' is disabled."},
        {"judy", "Right1", "{}", 403, "userDisabled", "User 'judy' is disabled."},
        {"heidi", "Right1", "{}", 403, "forbidden", "User must setup multi-factor"},
        {"alice", "", "{}", 400, "badRequest", "Expecting username and password"},
        {"ray", "Right1", "{}", 401, "unauthorized",
         "Error code: 'AUTH-004'; Unable to authenticate user with credentials provided."},
    };
    for (const Row& row : rows) {
        if (std::string(row.user) != "nobody") {
            service.change(row.user, row.patch);
        }

        const auto got = service.password(row.user, row.password);

        LONGS_EQUAL_TEXT(row.status, got.status, row.user);
        STRCMP_EQUAL_TEXT(row.fault, got.fault().c_str(), row.user);
        STRCMP_EQUAL_TEXT(row.message, got.message().c_str(), row.user);
    }
}

TEST(SignIn, hides_disabled_and_expired_behind_a_wrong_password) {
    service.change("bob", R"({"disabled":true,"password_expired":true})");

    LONGS_EQUAL(401, service.password("bob", "Wrong1").status);
}

TEST(SignIn, refuses_between_the_steps_when_disabled_meanwhile) {
    const std::string session = challenge("bob");
    service.change("bob", R"({"disabled":true})");

    const auto got = service.passcode(session, service.otp_code());

    LONGS_EQUAL(403, got.status);
    STRCMP_EQUAL("userDisabled", got.fault().c_str());
}

TEST(SignIn, closes_the_password_door_for_a_second_after_six_failures) {
    for (int i = 0; i < 6; ++i) {
        service.password("erin", "Wrong1");
    }
    LONGS_EQUAL(401, service.password("erin", "Right1").status);

    service.clock.advance(std::chrono::seconds{1});

    LONGS_EQUAL(200, service.password("erin", "Right1").status);
}

TEST(SignIn, never_challenges_an_api_key) {
    const char* body =
        R"({"auth":{"RAX-KSKEY:apiKeyCredentials":{"username":"alice","apiKey":"key"}}})";

    const auto got = service.send("POST", "/v2.0/tokens", body);

    LONGS_EQUAL(200, got.status);
    CHECK((got.proofs() == std::vector<std::string>{"APIKEY"}));
    STRCMP_EQUAL("apikey", got.trace.step.c_str());
}

TEST(SignIn, lets_an_api_key_in_where_a_second_factor_is_mandatory) {
    const char* body =
        R"({"auth":{"RAX-KSKEY:apiKeyCredentials":{"username":"heidi","apiKey":"key"}}})";

    LONGS_EQUAL(200, service.send("POST", "/v2.0/tokens", body).status);
}

TEST(SignIn, checks_the_tenant_under_auth_on_the_second_step_only) {
    const auto first = service.password("bob", "Right1", R"(,"tenantId":"666")");
    LONGS_EQUAL(401, first.status);
    CHECK_FALSE(first.session().empty());

    const auto second =
        service.passcode(first.session(), service.otp_code(), R"(,"tenantId":"666")");
    const auto without = service.passcode(first.session(), service.otp_code());

    LONGS_EQUAL(401, second.status);
    CHECK(second.message().find("AUTH-007") != std::string::npos);
    LONGS_EQUAL(200, without.status);
}

TEST(SignIn, ignores_a_tenant_inside_the_credentials) {
    const auto got = service.send(
        "POST", "/v2.0/tokens",
        R"({"auth":{"passwordCredentials":{"username":"erin","password":"Right1","tenantId":"666"}}})");

    LONGS_EQUAL(200, got.status);
    STRCMP_EQUAL("", got.trace.tenant.c_str());
}

TEST(SignIn, refuses_another_domain_and_counts_rcn_roles_only_when_asked) {
    const auto domain = service.password("erin", "Right1", R"(,"RAX-AUTH:domainId":"99")");
    CHECK(domain.message().find("AUTH-006") != std::string::npos);

    const char* body =
        R"({"auth":{"RAX-KSKEY:apiKeyCredentials":{"username":"alice","apiKey":"key"},"tenantId":"77"}})";
    LONGS_EQUAL(401, service.send("POST", "/v2.0/tokens", body).status);
    const auto with = service.send("POST", "/v2.0/tokens", body, {}, {{"apply_rcn_roles", "true"}});
    LONGS_EQUAL(200, with.status);
    LONGS_EQUAL(2, with.body["access"]["user"]["roles"].size());
    const auto without = service.send(
        "POST", "/v2.0/tokens",
        R"({"auth":{"RAX-KSKEY:apiKeyCredentials":{"username":"alice","apiKey":"key"}}})");
    LONGS_EQUAL(1, without.body["access"]["user"]["roles"].size());
}

TEST(SignIn, answers_400_to_what_is_no_request) {
    const char* bodies[] = {
        "{",
        "[]",
        R"({"auth":{},"other":{}})",
        R"({"auth":{}})",
        R"({"auth":{"passwordCredentials":{"username":"erin","password":"Right1"},"tenantId":"1","tenantName":"1"}})",
    };
    for (const char* body : bodies) {
        const auto got = service.send("POST", "/v2.0/tokens", body);
        LONGS_EQUAL_TEXT(400, got.status, body);
        STRCMP_EQUAL_TEXT("badRequest", got.fault().c_str(), body);
    }
}

TEST(SignIn, answers_415_to_another_media_type) {
    const Request request{"POST", "/v2.0/tokens", {}, {{"content-type", "text/xml"}}, "<auth/>"};

    LONGS_EQUAL(415, service.identity.answer(request).reply.status);
}

TEST(SignIn, gives_the_catalogue_unless_told_not_to) {
    const auto full = service.password("erin", "Right1");
    CHECK(full.body["access"]["serviceCatalog"].size() == 19);
    CHECK(full.reply.body.find("https://dfw.servers.api.rackspacecloud.com/v2/10") !=
          std::string::npos);

    const auto lean =
        service.send("POST", "/v2.0/tokens",
                     R"({"auth":{"passwordCredentials":{"username":"erin","password":"Right1"}}})",
                     {}, {{"include_endpoints", "false"}});
    CHECK_FALSE(lean.body["access"].contains("serviceCatalog"));
}

TEST(SignIn, signs_rackers_in_by_their_own_domain_and_refuses_them_a_scope) {
    const std::string domain = R"(,"RAX-AUTH:domain":{"name":"Rackspace"})";

    LONGS_EQUAL(200, service.password("ray", "Right1", domain).status);
    LONGS_EQUAL(401, service.password("erin", "Right1", domain).status);
    LONGS_EQUAL(
        403, service.password("ray", "Right1", domain + R"(,"RAX-AUTH:scope":"SETUP-MFA")").status);
}

TEST(SignIn, gives_a_setup_token_only_where_a_second_factor_is_mandatory_and_missing) {
    const std::string scope = R"(,"RAX-AUTH:scope":"SETUP-MFA")";

    const auto allowed = service.password("heidi", "Right1", scope);
    LONGS_EQUAL(200, allowed.status);
    CHECK_FALSE(allowed.body["access"].contains("serviceCatalog"));
    CHECK((allowed.proofs() == std::vector<std::string>{"PASSWORD"}));

    for (const char* user : {"alice", "erin"}) {
        const auto refused = service.password(user, "Right1", scope);
        LONGS_EQUAL_TEXT(403, refused.status, user);
        STRCMP_EQUAL("SETUP-MFA SCOPE not supported", refused.message().c_str());
    }
    service.change("heidi", R"({"enforcement":"OPTIONAL"})");
    LONGS_EQUAL(403, service.password("heidi", "Right1", scope).status);
}

TEST(SignIn, shows_a_setup_token_bare_and_in_lower_case_by_switch) {
    service.set(R"({"setup_wrapped":false,"setup_lower_case_password":true})");

    const auto got = service.password("heidi", "Right1", R"(,"RAX-AUTH:scope":"SETUP-MFA")");

    STRCMP_EQUAL("password",
                 got.body["token"]["RAX-AUTH:authenticatedBy"][0].get<std::string>().c_str());
    CHECK_FALSE(got.body.contains("access"));
}

TEST(SignIn, throttles_by_switch_in_both_ways) {
    service.set(R"({"throttle":true,"throttle_retry_after_header":true,"throttle_seconds":7})");
    const auto old = service.password("erin", "Right1");
    LONGS_EQUAL(413, old.status);
    STRCMP_EQUAL("overLimit", old.fault().c_str());
    STRCMP_EQUAL("7", old.header("Retry-After").c_str());
    CHECK(old.body["overLimit"].contains("retryAfter"));

    service.set(R"({"throttle_status":429})");
    LONGS_EQUAL(429, service.password("erin", "Right1").status);
}

TEST(SignIn, follows_the_switches_on_words_times_and_tokens) {
    service.set(R"({"factor_word":"PASSCODE","fault_codes":false,"challenge_full_stop":true,
                    "date_format":"offset_ms","token_length":32,"token_lifetime_entropy":false,
                    "authenticated_by_order":"reversed","lower_case_attributes":true})");

    const auto asked = service.password("bob", "Right1");
    CHECK(asked.header("WWW-Authenticate").ends_with("factor='PASSCODE'"));
    CHECK(asked.message().ends_with("required."));
    STRCMP_EQUAL("Unable to authenticate user with credentials provided.",
                 service.password("bob", "Wrong1").message().c_str());
    const auto got = service.passcode(asked.session(), service.otp_code());
    LONGS_EQUAL(32, got.token().size());
    STRCMP_EQUAL("2023-11-15T16:13:20.000-06:00",
                 got.body["access"]["token"]["expires"].get<std::string>().c_str());
    STRCMP_EQUAL(R"(["PASSWORD","OTPPASSCODE"])",
                 got.body["access"]["token"]["rax-auth:authenticatedBy"].dump().c_str());
}

TEST(SignIn, refuses_a_switch_it_does_not_know_and_changes_nothing) {
    CHECK_THROWS(std::invalid_argument, service.set(R"({"lock_after":9,"no_such":1})"));
    CHECK_THROWS(std::invalid_argument, service.set(R"({"lock_after":"nine"})"));
    LONGS_EQUAL(
        3, service.identity.with_state([](State& state) { return state.switches.lock_after; }));
}
