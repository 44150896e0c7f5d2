// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/service_fixture.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth::simulator;

TEST_GROUP(TokenCall) {
    Service service;

    int validate(const std::string& caller, const std::string& subject) {
        return service.with_token("GET", "/v2.0/tokens/" + subject, caller).status;
    }
};

TEST(TokenCall, shows_a_token_to_itself_without_catalogue) {
    const std::string token = service.token_of_alice();

    const auto got = service.with_token("GET", "/v2.0/tokens/" + token, token);

    LONGS_EQUAL(200, got.status);
    STRCMP_EQUAL("alice", got.body["access"]["user"]["name"].get<std::string>().c_str());
    CHECK((got.proofs() == std::vector<std::string>{"PASSCODE", "PASSWORD"}));
    CHECK_FALSE(got.body["access"].contains("serviceCatalog"));
}

TEST(TokenCall, shows_others_to_identity_admins_only) {
    const std::string alice = service.token_of_alice();
    const std::string erin = service.token_of("erin");
    const std::string root = service.token_of("root");

    LONGS_EQUAL(403, validate(alice, erin));
    LONGS_EQUAL(200, validate(root, erin));
    LONGS_EQUAL(404, validate(root, "unknown"));
}

TEST(TokenCall, checks_belongs_to) {
    const std::string token = service.token_of("erin");
    const auto ask = [&](const char* tenant) {
        return service
            .with_token("GET", "/v2.0/tokens/" + token, token, "", {{"belongsTo", tenant}})
            .status;
    };

    LONGS_EQUAL(200, ask("10"));
    LONGS_EQUAL(404, ask("11"));
}

TEST(TokenCall, revokes_itself_once_and_is_dead_then) {
    const std::string token = service.token_of("erin");

    const auto first = service.with_token("DELETE", "/v2.0/tokens", token);
    LONGS_EQUAL(204, first.status);
    CHECK(first.reply.body.empty());

    LONGS_EQUAL(401, service.with_token("DELETE", "/v2.0/tokens", token).status);
    const auto dead = service.with_token("GET", "/v2.0/tokens/" + token, token);
    LONGS_EQUAL(401, dead.status);
    CHECK(dead.message().starts_with("No valid token provided"));
}

TEST(TokenCall, revokes_others_for_administrators_of_the_domain) {
    const std::string alice = service.token_of_alice();
    const std::string erin = service.token_of("erin");
    const std::string root = service.token_of("root");

    LONGS_EQUAL(403, service.with_token("DELETE", "/v2.0/tokens/" + alice, erin).status);
    LONGS_EQUAL(403, service.with_token("DELETE", "/v2.0/tokens/" + root, alice).status);
    LONGS_EQUAL(204, service.with_token("DELETE", "/v2.0/tokens/" + erin, alice).status);
    LONGS_EQUAL(404, service.with_token("DELETE", "/v2.0/tokens/" + erin, alice).status);
}

TEST(TokenCall, refuses_tokens_that_ended) {
    service.set(R"({"token_lifetime_entropy":false})");
    const std::string token = service.token_of("erin");
    service.clock.advance(std::chrono::hours{24} - std::chrono::milliseconds{1});
    LONGS_EQUAL(200, validate(token, token));

    service.clock.advance(std::chrono::milliseconds{1});

    LONGS_EQUAL(401, validate(token, token));
    LONGS_EQUAL(404, validate(service.token_of("root"), token));
}

TEST(TokenCall, refuses_a_session_id_everything) {
    const std::string session = service.password("alice", "Right1").session();

    LONGS_EQUAL(403, validate(session, session));
    LONGS_EQUAL(403, service.with_token("DELETE", "/v2.0/tokens", session).status);
}

TEST(TokenCall, lets_a_setup_token_revoke_itself_but_neither_validate_nor_be_validated) {
    const std::string setup =
        service.password("heidi", "Right1", R"(,"RAX-AUTH:scope":"SETUP-MFA")").token();

    LONGS_EQUAL(403, validate(setup, setup));
    LONGS_EQUAL(404, validate(service.token_of("root"), setup));
    LONGS_EQUAL(204, service.with_token("DELETE", "/v2.0/tokens", setup).status);
}

TEST(TokenCall, lists_endpoints_of_its_own) {
    const std::string token = service.token_of("erin");

    const auto got = service.with_token("GET", "/v2.0/tokens/" + token + "/endpoints", token);

    LONGS_EQUAL(200, got.status);
    CHECK(got.body["endpoints"].size() > 50);
    CHECK(got.body["endpoints_links"].is_array());
}

TEST(TokenCall, signs_in_again_with_token_and_tenant) {
    const std::string token = service.token_of("erin");
    const auto ask = [&](const std::string& id, const char* beside) {
        return service.send("POST", "/v2.0/tokens",
                            R"({"auth":{"token":{"id":")" + id + "\"}" + beside + "}}");
    };

    LONGS_EQUAL(200, ask(token, R"(,"tenantId":"10")").status);
    LONGS_EQUAL(400, ask(token, "").status);
    LONGS_EQUAL(401, ask(token, R"(,"tenantId":"11")").status);
    const auto bad = ask("bad", R"(,"tenantId":"10")");
    LONGS_EQUAL(401, bad.status);
    CHECK(bad.message().find("AUTH-005") != std::string::npos);
}

TEST(TokenCall, counts_what_is_left_over) {
    const std::string one = service.token_of("erin");
    service.token_of("erin");
    service.with_token("DELETE", "/v2.0/tokens", one);

    const auto live = service.identity.with_state([](State& state) {
        int count = 0;
        state.tokens.for_each(
            [&](Token& token) { count += state.tokens.is_live(token, state.now()) ? 1 : 0; });
        return count;
    });

    LONGS_EQUAL(1, live);
}
