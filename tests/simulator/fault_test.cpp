// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/fault.h"
#include "tests/simulator/service_fixture.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth::simulator;

TEST_GROUP(FaultOfUser) {
    Service service;

    Service::Got erin_with(const std::string& fault) {
        service.change("erin", fault);
        return service.password("erin", "Right1");
    }
    std::string challenge_with(const std::string& fault) {
        service.change("alice", R"({"fault":")" + fault + "\"}");
        return service.password("alice", "Right1").header("WWW-Authenticate");
    }
    std::int64_t tokens() {
        return service.identity.with_state([](State& state) {
            std::int64_t count = 0;
            state.tokens.for_each([&](Token&) { ++count; });
            return count;
        });
    }
};

TEST(FaultOfUser, strikes_nobody_else) {
    service.change("erin", R"({"fault":"http_503"})");

    LONGS_EQUAL(200, service.password("root", "Right1").status);
    LONGS_EQUAL(503, service.password("erin", "Right1").status);
}

TEST(FaultOfUser, strikes_at_its_step_only_and_so_many_times) {
    service.change("bob", R"({"fault":"http_500","fault_step":"passcode","fault_count":1})");
    const auto first = service.password("bob", "Right1");
    LONGS_EQUAL(401, first.status);

    LONGS_EQUAL(500, service.passcode(first.session(), service.otp_code()).status);
    LONGS_EQUAL(200, service.passcode(first.session(), service.otp_code()).status);
}

TEST(FaultOfUser, named_anew_forgets_the_step_of_the_last) {
    service.change("erin", R"({"fault":"http_500","fault_step":"passcode"})");
    LONGS_EQUAL(200, service.password("erin", "Right1").status);

    service.change("erin", R"({"fault":"http_503"})");

    LONGS_EQUAL(503, service.password("erin", "Right1").status);
}

TEST(FaultOfUser, leaves_the_world_alone_unless_it_was_carried_out) {
    LONGS_EQUAL(500, erin_with(R"({"fault":"http_500"})").status);
    LONGS_EQUAL(0, tokens());

    LONGS_EQUAL(500, erin_with(R"({"fault":"http_500","fault_carried_out":true})").status);
    LONGS_EQUAL(1, tokens());
}

TEST(FaultOfUser, lies_about_the_user_and_the_proof) {
    STRCMP_EQUAL("mallory", erin_with(R"({"fault":"wrong_user"})")
                                .body["access"]["user"]["name"]
                                .get<std::string>()
                                .c_str());
    CHECK((erin_with(R"({"fault":"passcode_only"})").proofs() ==
           std::vector<std::string>{"PASSCODE"}));
    CHECK_FALSE(erin_with(R"({"fault":"no_proof"})")
                    .body["access"]["token"]
                    .contains("RAX-AUTH:authenticatedBy"));
    LONGS_EQUAL(401, erin_with(R"({"fault":"token_in_401"})").status);
}

TEST(FaultOfUser, repeats_the_access_key_with_another_user_first) {
    const auto got = erin_with(R"({"fault":"duplicate_keys"})");

    const std::size_t first = got.reply.body.find("\"access\"");
    CHECK(got.reply.body.find("\"access\"", first + 1) != std::string::npos);
    CHECK(got.reply.body.find("\"duplicate\"") < got.reply.body.find("\"erin\""));
}

TEST(FaultOfUser, rewrites_the_challenge) {
    CHECK(challenge_with("challenge_double_quotes").find("factor=\"PASSCODE\"") !=
          std::string::npos);
    CHECK(challenge_with("challenge_reordered").starts_with("OS-MF factor='PASSCODE'"));
    CHECK(challenge_with("challenge_keystone_first").starts_with("Keystone uri="));
    STRCMP_EQUAL("OS-MF sessionId='', factor='PASSCODE'",
                 challenge_with("challenge_empty_session").c_str());
    STRCMP_EQUAL("", challenge_with("challenge_missing").c_str());
    CHECK(challenge_with("challenge_huge_session").size() > 60'000);
}

TEST(FaultOfUser, takes_the_challenge_from_a_text) {
    service.change("bob", R"({"fault":"challenge_text","fault_text":"A {f}\nB {s}"})");

    const auto got = service.password("bob", "Right1");

    LONGS_EQUAL(2, got.headers.size());
    STRCMP_EQUAL("A OTPPASSCODE", got.headers[0].second.c_str());
    CHECK(got.headers[1].second.size() == 206);
}

TEST(FaultOfUser, puts_escapes_into_the_message) {
    service.change("erin", R"({"fault":"escapes"})");

    const auto got = service.password("erin", "Wrong1");

    LONGS_EQUAL(401, got.status);
    CHECK(got.message().find('\x1b') != std::string::npos);
}

TEST(FaultOfUser, for_everybody_gives_way_to_ones_own) {
    Fault fault;
    fault.name = "http_502";
    service.identity.set_fault(fault);
    service.change("erin", R"({"fault":"http_503"})");

    LONGS_EQUAL(503, service.password("erin", "Right1").status);
    LONGS_EQUAL(502, service.password("root", "Right1").status);
    LONGS_EQUAL(502, service.password("nobody", "Right1").status);
}

TEST(FaultOfUser, of_every_name_can_be_set_and_spoils_without_breaking) {
    for (const FaultKind& kind : fault_kinds()) {
        const std::string name(kind.name);
        service.change("erin", R"({"fault":")" + name + "\"}");
        service.change("alice", R"({"fault":")" + name + R"(","wrong_passcodes":0})");
        const auto granted = service.password("erin", "Right1");
        const auto asked = service.password("alice", "Right1");
        const auto wrong = service.password("erin", "Wrong1");
        service.password("erin", "Right1");

        STRCMP_EQUAL_TEXT(name.c_str(), granted.trace.fault.c_str(), name.c_str());
        STRCMP_EQUAL_TEXT(name.c_str(), asked.trace.fault.c_str(), name.c_str());
        STRCMP_EQUAL_TEXT(name.c_str(), wrong.trace.fault.c_str(), name.c_str());
    }
}

TEST(FaultOfUser, with_an_unknown_name_is_refused) {
    CHECK_THROWS(std::invalid_argument, service.change("erin", R"({"fault":"no_such"})"));
    CHECK_THROWS(std::invalid_argument, service.change("erin", R"({"fault":"http_999"})"));
    CHECK_THROWS(std::invalid_argument, service.change("erin", R"({"no_such_member":1})"));
    CHECK_THROWS(std::invalid_argument, service.change("erin", R"({"otp_secret":"not base32!"})"));
}
