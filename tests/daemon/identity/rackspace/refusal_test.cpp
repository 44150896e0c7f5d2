// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/refusal.h"

#include "tests/support/fake_clock.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::identity::rackspace;
using namespace std::chrono_literals;

namespace {

constexpr const char* kLock = "Can not authenticate with credentials provided. The account has "
                              "been locked due to excessive invalid attempts. Please contact an "
                              "administrator";

HttpReply reply_of(int status, const std::string& body, const std::string& headers = "") {
    HttpReply reply;
    reply.status = status;
    reply.body = Secret(body);
    reply.header_lines = Secret(headers);
    return reply;
}

std::string fault(const std::string& name, int code, const std::string& message) {
    return "{\"" + name + "\":{\"code\":" + std::to_string(code) + ",\"message\":\"" + message +
           "\"}}";
}

/// One word for each answer, so that tables can be read.
std::string word_of(const Answer& answer) {
    struct Namer {
        std::string operator()(const TokenIssued&) const { return "issued"; }
        std::string operator()(const PasscodeRequired& asked) const {
            return std::string("passcode ") + asked.challenge.continuation.c_str();
        }
        std::string operator()(const Rejected& no) const {
            switch (no.cause) {
            case Rejected::Cause::WrongCredentials:
                return "wrong credentials";
            case Rejected::Cause::WrongPasscode:
                return "wrong passcode";
            case Rejected::Cause::SessionExpired:
                return "session expired";
            case Rejected::Cause::AccessRefused:
                return "access refused";
            }
            return "?";
        }
        std::string operator()(const Locked&) const { return "locked"; }
        std::string operator()(const Disabled&) const { return "disabled"; }
        std::string operator()(const SetupRequired&) const { return "setup"; }
        std::string operator()(const PasswordExpired&) const { return "password expired"; }
        std::string operator()(const Throttled& wait) const {
            return wait.retry_after ? "throttled " + std::to_string(wait.retry_after->count())
                                    : "throttled";
        }
        std::string operator()(const Unreachable&) const { return "unreachable"; }
        std::string operator()(const Fault&) const { return "fault"; }
    };
    return std::visit(Namer{}, answer);
}

struct Row {
    const char* name;
    HttpReply reply;
    const char* at_step_1;
    const char* at_step_2;
};

std::vector<Row> rows() {
    const std::string challenge = "WWW-Authenticate: OS-MF sessionId='s1', factor='PASSCODE'\n";
    std::vector<Row> all;
    const auto add = [&](const char* name, HttpReply reply, const char* one, const char* two) {
        all.push_back({name, std::move(reply), one, two});
    };
    add("challenge",
        reply_of(401, fault("unauthorized", 401, "Additional authentication credentials required."),
                 challenge),
        "passcode s1", "wrong passcode");
    add("challenge with no body", reply_of(401, "", challenge), "passcode s1", "fault");
    add("challenge beside a foreign one",
        reply_of(401, "", "WWW-Authenticate: Keystone uri=x\n" + challenge), "passcode s1",
        "fault");
    add("challenge under a 403", reply_of(403, "", challenge), "fault", "fault");
    add("challenge under a 400", reply_of(400, "", challenge), "fault", "fault");
    add("challenge without a session id",
        reply_of(401, "", "WWW-Authenticate: OS-MF factor='PASSCODE'\n"), "fault", "fault");
    add("challenge in words only",
        reply_of(401, fault("unauthorized", 401, "Additional authentication credentials required")),
        "fault", "wrong passcode");
    add("401 and nothing", reply_of(401, ""), "fault", "fault");
    add("401 in HTML", reply_of(401, "<html>account has been locked</html>"), "fault", "fault");
    add("401 in JSON of somebody else", reply_of(401, R"({"error":"blocked by policy"})"), "fault",
        "fault");
    add("403 in HTML", reply_of(403, "<html>access denied by filter</html>"), "fault", "fault");
    add("429 in HTML", reply_of(429, "<html>slow down</html>"), "fault", "fault");
    add("429 in HTML that says for how long",
        reply_of(429, "<html>slow down</html>", "Retry-After: 3\n"), "throttled 3", "throttled 3");
    add("wrong password",
        reply_of(401, fault("unauthorized", 401,
                            "Error code: 'AUTH-004'; Unable to authenticate user with credentials "
                            "provided.")),
        "wrong credentials", "wrong passcode");
    add("wrong password, no code",
        reply_of(401, fault("unauthorized", 401,
                            "Unable to authenticate user with credentials provided.")),
        "wrong credentials", "wrong passcode");
    add("wrong API key",
        reply_of(401, fault("unauthorized", 401, "AUTH-008 Username or api key is invalid.")),
        "wrong credentials", "wrong passcode");
    add("password expired",
        reply_of(401, fault("unauthorized", 401,
                            "Error code: 'AUTH-001'; The password for this user has expired and "
                            "must be changed")),
        "password expired", "password expired");
    add("password expired, no code",
        reply_of(401, fault("unauthorized", 401,
                            "The password for this user has expired and must be changed")),
        "password expired", "password expired");
    add("domain refused",
        reply_of(401, fault("unauthorized", 401, "Error code: 'AUTH-006'; whatever")),
        "access refused", "access refused");
    add("tenant refused",
        reply_of(401, fault("unauthorized", 401, "Error code: 'AUTH-007'; whatever")),
        "access refused", "access refused");
    add("tenant refused, no code",
        reply_of(401, fault("unauthorized", 401,
                            "Tenant with Name/Id: '12' is not valid for User 'alice' (id: '3').")),
        "access refused", "access refused");
    add("domain refused, no code",
        reply_of(401, fault("unauthorized", 401, "Domain '12' is not valid for User 'alice'.")),
        "access refused", "access refused");
    add("locked with 401", reply_of(401, fault("unauthorized", 401, kLock)), "locked", "locked");
    add("locked with 403", reply_of(403, fault("forbidden", 403, kLock)), "locked", "locked");
    add("wrong passcode",
        reply_of(401, fault("unauthorized", 401, "Can not authenticate with credentials provided")),
        "wrong credentials", "wrong passcode");
    add("session expired",
        reply_of(401, fault("unauthorized", 401,
                            "Can not authenticate with credentials provided. Session has "
                            "expired.")),
        "wrong credentials", "session expired");
    add("another kind of session",
        reply_of(403, fault("forbidden", 403, "Can not authenticate with credentials provided")),
        "access refused", "access refused");
    add("disabled", reply_of(403, fault("userDisabled", 403, "User 'alice' is disabled.")),
        "disabled", "disabled");
    add("disabled, by name alone", reply_of(403, fault("userDisabled", 403, "")), "disabled",
        "disabled");
    add("disabled, by words alone",
        reply_of(403, fault("forbidden", 403, "User 'alice' is disabled.")), "disabled",
        "disabled");
    add("must set up", reply_of(403, fault("forbidden", 403, "User must setup multi-factor")),
        "setup", "setup");
    add("403 and nothing", reply_of(403, ""), "fault", "fault");
    add("400", reply_of(400, fault("badRequest", 400, "Invalid json request body")), "fault",
        "fault");
    add("bad session header", reply_of(400, fault("badRequest", 400, "Invalid X-SessionId")),
        "fault", "fault");
    add("404", reply_of(404, fault("itemNotFound", 404, "x")), "fault", "fault");
    add("302", reply_of(302, ""), "fault", "fault");
    add("415", reply_of(415, ""), "fault", "fault");
    add("500", reply_of(500, fault("identityFault", 500, "")), "fault", "fault");
    add("502 in HTML", reply_of(502, "<html>Bad gateway: locked</html>"), "fault", "fault");
    add("503", reply_of(503, fault("identityFault", 503, "The account has been locked")), "fault",
        "fault");
    add("throttled", reply_of(413, ""), "throttled", "throttled");
    add("throttled, seconds", reply_of(429, "", "Retry-After: 17\n"), "throttled 17",
        "throttled 17");
    add("throttled, date", reply_of(413, "", "Retry-After: Thu, 15 Jan 2026 12:01:00 GMT\n"),
        "throttled 60", "throttled 60");
    add("throttled, body",
        reply_of(413, R"({"overLimit":{"code":413,"message":"OverLimit Retry...",)"
                      R"("retryAfter":"2026-01-15T12:00:30Z"}})"),
        "throttled 30", "throttled 30");
    add("throttled, header wins over body",
        reply_of(413, R"({"overLimit":{"code":413,"retryAfter":"2026-01-15T12:00:30Z"}})",
                 "Retry-After: 5\n"),
        "throttled 5", "throttled 5");
    add("throttled until long ago",
        reply_of(413, R"({"overLimit":{"code":413,"retryAfter":"2020-01-15T12:00:30Z"}})"),
        "throttled 0", "throttled 0");
    return all;
}

} // namespace

TEST_GROUP(Refusal) {
    raxauth::testing::FakeClock clock; // 2026-01-15T12:00:00Z
};

TEST(Refusal, every_row_of_the_table_at_both_steps) {
    for (const Row& row : rows()) {
        const Answer one = read_refusal(Step::Credentials, row.reply, clock.wall());
        const Answer two = read_refusal(Step::Passcode, row.reply, clock.wall());

        STRCMP_EQUAL_TEXT(row.at_step_1, word_of(one).c_str(), row.name);
        STRCMP_EQUAL_TEXT(row.at_step_2, word_of(two).c_str(), row.name);
    }
}

TEST(Refusal, no_status_that_is_not_a_success_ever_becomes_a_token) {
    const std::string body =
        R"({"access":{"token":{"id":"T","expires":"2030-01-01T00:00:00Z"},"user":{"id":"1","name":"a"}}})";
    for (int status = 100; status < 1000; ++status) {
        for (const Step step : {Step::Credentials, Step::Passcode}) {
            const Answer answer = read_refusal(step, reply_of(status, body), clock.wall());
            CHECK_FALSE(std::holds_alternative<TokenIssued>(answer));
            CHECK_FALSE(std::holds_alternative<PasscodeRequired>(answer));
        }
    }
}

TEST(Refusal, the_detail_of_a_fault_is_clean) {
    const Answer answer =
        read_refusal(Step::Credentials,
                     reply_of(500, fault("identityFault", 500, "a\\u001b[2J\\nb")), clock.wall());

    STRCMP_EQUAL("HTTP 500: a?[2J b", std::get<Fault>(answer).detail.c_str());
}

TEST(Refusal, of_somebody_else_names_status_and_content_type) {
    const Answer answer = read_refusal(
        Step::Credentials,
        reply_of(403, "<html>blocked</html>", "Content-Type: text/html; charset=UTF-8\n"),
        clock.wall());

    STRCMP_EQUAL("no usable answer: HTTP 403, text/html; charset=UTF-8",
                 std::get<Fault>(answer).detail.c_str());
}
