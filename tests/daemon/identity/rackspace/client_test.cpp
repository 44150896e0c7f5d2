// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/client.h"

#include "daemon/identity/revocation.h"
#include "tests/support/event_pump.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scripted_server.h"

#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::testing;
using namespace std::chrono_literals;

namespace {

std::string access(const std::string& token, const std::string& user = "alice",
                   const std::string& expires = "2026-01-16T12:00:00.000Z",
                   const std::string& proofs = R"("PASSWORD","PASSCODE")") {
    return R"({"access":{"token":{"id":")" + token + R"(","expires":")" + expires +
           R"(","RAX-AUTH:authenticatedBy":[)" + proofs + R"(]},"user":{"id":"u1","name":")" +
           user + R"(","roles":[]}}})";
}

constexpr const char* kFault = R"({"itemNotFound":{"code":404,"message":"Token not found."}})";

} // namespace

TEST_GROUP(RackspaceClient) {
    Loop loop;
    FakeClock clock;
    settings::IdentitySettings settings;
    std::function<std::string(const WireRequest&)> answer;
    std::unique_ptr<ScriptedServer> server;
    std::unique_ptr<Revocations> revocations;
    std::unique_ptr<HttpTransport> transport;
    std::unique_ptr<rackspace::Client> identity;
    const Account alice{"alice", "", ""};

    void setup() override {
        server = std::make_unique<ScriptedServer>(
            ScriptedServer::answering([this](const WireRequest& request) {
                if (request.method == "DELETE") {
                    return ScriptedServer::reply(204, "");
                }
                return answer(request);
            }));
        settings.ca_file = server->ca_file();
        settings.url = server->url();
        settings.request_timeout = 5s;
        connect();
    }
    void teardown() override {
        identity.reset();
        transport.reset();
        revocations.reset();
        server.reset();
    }
    void connect() {
        identity.reset();
        revocations = std::make_unique<Revocations>(loop, RevocationLimits{.first_pause = 1ms});
        transport = std::make_unique<HttpTransport>(loop, settings, clock);
        identity = std::make_unique<rackspace::Client>(*transport, settings, *revocations, clock);
        revocations->use(identity.get());
    }

    template <class T>
    T wait_for(Task<T> task) {
        std::optional<T> value;
        const Job job = Job::start([](Task<T> waited, std::optional<T>& into) -> Task<void> {
            T came = co_await std::move(waited);
            into.emplace(std::move(came));
        }(std::move(task), value));
        CHECK(run_until(loop, [&] { return value.has_value(); }, 20s));
        return std::move(*value);
    }
    Answer sign_in(const std::string& reply) {
        answer = [reply](const WireRequest&) { return reply; };
        const Secret password("p");
        return wait_for(identity->authenticate(alice, CredentialKind::Password, password));
    }
    /// Every token issued so far was revoked at the server, and nothing else.
    void check_revoked(std::vector<std::string> tokens) {
        CHECK(run_until(loop, [&] { return revocations->counts().revoked == tokens.size(); }, 5s));
        std::vector<std::string> seen;
        for (const WireRequest& request : server->requests()) {
            if (request.method == "DELETE") {
                STRCMP_EQUAL("/v2.0/tokens", request.target.c_str());
                seen.push_back(request.header("x-auth-token"));
            }
        }
        CHECK(seen == tokens);
        LONGS_EQUAL(tokens.size(), revocations->counts().issued);
        LONGS_EQUAL(0, revocations->held());
    }
};

TEST(RackspaceClient, signs_in_with_two_steps_and_two_requests) {
    answer = [](const WireRequest& request) {
        if (request.header("x-sessionid").empty()) {
            return ScriptedServer::reply(
                401, R"({"unauthorized":{"code":401,"message":"x"}})",
                "WWW-Authenticate: OS-MF sessionId='s-1', factor='OTPPASSCODE'\r\n");
        }
        return ScriptedServer::reply(200, access("tok"));
    };
    const Account account{"ALICE", "12", ""};
    const Secret password("p\"w");
    const Secret passcode("123456");

    Answer first = wait_for(identity->authenticate(account, CredentialKind::Password, password));
    CHECK(std::holds_alternative<PasscodeRequired>(first));
    const Challenge& challenge = std::get<PasscodeRequired>(first).challenge;
    CHECK(challenge.continuation.equals("s-1"));
    CHECK(challenge.factor == Factor::OtpDevice);
    {
        Answer second = wait_for(identity->submit_passcode(account, challenge, passcode));
        CHECK(std::holds_alternative<TokenIssued>(second));
        const auto& issued = std::get<TokenIssued>(second);
        CHECK(issued.token.held());
        CHECK(issued.token.text().equals("tok"));
        CHECK(issued.token.expires() == clock.wall() + 24h);
        CHECK(issued.proven.password && issued.proven.second_factor);
        STRCMP_EQUAL("u1", issued.user.id.c_str());
        LONGS_EQUAL(1, revocations->held());
    }

    const auto requests = server->requests();
    LONGS_EQUAL(2, requests.size());
    for (const WireRequest& request : requests) {
        STRCMP_EQUAL("POST", request.method.c_str());
        STRCMP_EQUAL("/v2.0/tokens?include_endpoints=false", request.target.c_str());
        STRCMP_EQUAL("application/json", request.header("content-type").c_str());
        STRCMP_EQUAL("application/json", request.header("accept").c_str());
        LONGS_EQUAL(0, request.headers.count("x-auth-token"));
    }
    STRCMP_EQUAL(
        R"({"auth":{"passwordCredentials":{"username":"ALICE","password":"p\"w"},"tenantId":"12"}})",
        requests[0].body.c_str());
    STRCMP_EQUAL(
        R"({"auth":{"RAX-AUTH:passcodeCredentials":{"passcode":"123456"},"tenantId":"12"}})",
        requests[1].body.c_str());
    STRCMP_EQUAL("s-1", requests[1].header("x-sessionid").c_str());
    LONGS_EQUAL(1, requests[1].headers.count("x-sessionid"));
    check_revoked({"tok"}); // its owner has gone
}

TEST(RackspaceClient, api_keys_and_rcn_roles_are_sent_when_asked_for) {
    settings.rackspace.apply_rcn_roles = true;
    connect();
    answer = [](const WireRequest&) { return ScriptedServer::reply(401, kFault); };
    const Secret key("k");

    const Answer no = wait_for(identity->authenticate(alice, CredentialKind::ApiKey, key));

    CHECK(std::get<Rejected>(no).cause == Rejected::Cause::WrongCredentials);
    STRCMP_EQUAL("/v2.0/tokens?include_endpoints=false&apply_rcn_roles=true",
                 server->requests()[0].target.c_str());
    STRCMP_EQUAL(R"({"auth":{"RAX-KSKEY:apiKeyCredentials":{"username":"alice","apiKey":"k"}}})",
                 server->requests()[0].body.c_str());
}

TEST(RackspaceClient, what_is_no_text_is_refused_without_asking) {
    const Secret latin1("gr\xFC\xDF");
    const Challenge challenge{Secret("s"), Factor::Passcode};

    const Answer first = wait_for(identity->authenticate(alice, CredentialKind::Password, latin1));
    const Answer second = wait_for(identity->submit_passcode(alice, challenge, latin1));

    CHECK(std::get<Rejected>(first).cause == Rejected::Cause::WrongCredentials);
    CHECK(std::get<Rejected>(second).cause == Rejected::Cause::WrongPasscode);
    LONGS_EQUAL(0, server->connections());
}

TEST(RackspaceClient, a_success_that_does_not_hold_is_a_fault_and_its_token_is_revoked) {
    const std::vector<std::pair<int, std::string>> rows{
        {200, access("t0", "mallory")},
        {200, access("t1", "alice", "2026-01-15T11:59:59Z")},
        {200, access("t2", "alice", "2026-01-15T12:00:00Z")},
        {200, access("t3", "alice", "never")},
        {200, access("t4", "alice2")},
        {201, access("t5")},
        {203, access("t6")},
        {200, access("t7", "alice", "2026-01-16T12:00:00Z",
                     R"("PASSWORD"],"rax-auth:authenticatedby":["PASSCODE")")},
    };
    std::vector<std::string> tokens;
    for (const auto& [status, body] : rows) {
        const Answer answered = sign_in(ScriptedServer::reply(status, body));
        CHECK_TEXT(std::holds_alternative<Fault>(answered), body.c_str());
        tokens.push_back("t" + std::to_string(tokens.size()));
        check_revoked(tokens);
    }
}

TEST(RackspaceClient, a_control_character_in_a_text_is_a_fault_and_the_token_is_revoked) {
    unsigned number = 0;
    for (const char* member : {"name", "id", "RAX-AUTH:defaultRegion", "RAX-AUTH:domainId"}) {
        for (const char* bad : {R"(DFW\u0000X)", R"(DFW\nX)", R"(DFW\u0085X)"}) {
            nlohmann::json whole =
                nlohmann::json::parse(access("token-" + std::to_string(++number)));
            whole["access"]["user"][member] = nlohmann::json::parse(std::string("\"") + bad + "\"");
            const Answer came = sign_in(ScriptedServer::reply(200, whole.dump()));
            CHECK_TEXT(std::holds_alternative<Fault>(came), member);
            STRCMP_CONTAINS("control character", std::get<Fault>(came).detail.c_str());
        }
    }
    CHECK(run_until(loop, [&] { return revocations->counts().revoked == number; }, 5s));
}

TEST(RackspaceClient, a_success_without_a_token_is_a_fault) {
    for (const char* body :
         {"", "{}", "<html>", R"({"access":{}})", R"({"access":{"token":{"id":""}}})",
          R"({"access":{"user":{"id":"1","name":"alice"}}})", "[[[[[[", "\xFF"}) {
        const Answer answered = sign_in(ScriptedServer::reply(200, body));
        CHECK_TEXT(std::holds_alternative<Fault>(answered), body);
    }
    const Answer empty = sign_in(ScriptedServer::reply(204, ""));
    CHECK(std::holds_alternative<Fault>(empty));
    LONGS_EQUAL(0, revocations->counts().issued);
}

TEST(RackspaceClient, a_token_with_a_challenge_beside_it_proves_what_it_says_and_no_more) {
    const Answer answered = sign_in(
        ScriptedServer::reply(200, access("t", "alice", "2026-01-16T12:00:00Z", R"("PASSWORD")"),
                              "WWW-Authenticate: OS-MF sessionId='s'\r\n"));

    CHECK(std::get<TokenIssued>(answered).proven.password);
    CHECK_FALSE(std::get<TokenIssued>(answered).proven.second_factor);
}

TEST(RackspaceClient, no_answer_says_whether_it_may_have_been_judged) {
    server = std::make_unique<ScriptedServer>(
        [](ScriptedServer::Peer& peer) { static_cast<void>(peer.read_request()); });
    settings.url = server->url();
    settings.ca_file = server->ca_file();
    connect();
    const Secret password("p");
    const Answer cut = wait_for(identity->authenticate(alice, CredentialKind::Password, password));
    settings.url = "https://127.0.0.1:1/v2.0";
    connect();
    const Answer refused =
        wait_for(identity->authenticate(alice, CredentialKind::Password, password));

    CHECK(std::get<Unreachable>(cut).maybe_judged);
    CHECK_FALSE(std::get<Unreachable>(refused).maybe_judged);
    LONGS_EQUAL(1, server->requests().size());
    CHECK_FALSE(identity->reachability().reachable);
}

TEST(RackspaceClient, a_reply_nobody_waits_for_has_its_token_revoked) {
    std::mutex gate;
    gate.lock();
    answer = [&](const WireRequest&) {
        const std::lock_guard opened(gate);
        return ScriptedServer::reply(200, access("orphan"));
    };
    const Secret password("p");
    {
        const Job job = Job::start(
            [](rackspace::Client& at, const Account& who, const Secret& with) -> Task<void> {
                const Answer came = co_await at.authenticate(who, CredentialKind::Password, with);
                FAIL("came back");
            }(*identity, alice, password));
        CHECK(run_until(loop, [&] { return server->requests().size() == 1; }, 5s));
    }
    LONGS_EQUAL(1, identity->orphans());
    bool stopped_waiting = false;
    const Job stop = Job::start([](Revocations& of, bool& over) -> Task<void> {
        co_await of.replies(10s);
        over = true;
    }(*revocations, stopped_waiting));
    static_cast<void>(run_until_idle(loop));
    CHECK_FALSE(stopped_waiting);

    gate.unlock();
    CHECK(run_until(loop, [&] { return stopped_waiting; }, 5s));
    LONGS_EQUAL(1, revocations->counts().issued); // it has an owner's end to come

    check_revoked({"orphan"});
    LONGS_EQUAL(0, identity->orphans());
}

TEST(RackspaceClient, a_reply_nobody_waits_for_may_be_anything) {
    for (const std::string& body : std::vector<std::string>{
             "", "<html>", "{}", R"({"access":{"token":{"id":"a","id":"b"}}})"}) {
        std::mutex gate;
        gate.lock();
        answer = [&](const WireRequest&) {
            const std::lock_guard opened(gate);
            return ScriptedServer::reply(200, body);
        };
        const std::size_t before = server->requests().size();
        const Secret password("p");
        {
            const Job job = Job::start([](rackspace::Client& at, const Account& who,
                                          const Secret& with) -> Task<void> {
                const Answer came = co_await at.authenticate(who, CredentialKind::Password, with);
                FAIL("came back");
            }(*identity, alice, password));
            CHECK(run_until(loop, [&] { return server->requests().size() > before; }, 5s));
        }
        gate.unlock();
        CHECK(run_until(loop, [&] { return identity->orphans() == 0; }, 5s));
    }
    LONGS_EQUAL(0, revocations->counts().issued);
}

TEST(RackspaceClient, what_was_not_sent_yet_is_never_sent_for_somebody_who_has_gone) {
    answer = [](const WireRequest&) { return ScriptedServer::reply(200, access("t")); };
    const Secret password("p");
    {
        const Job job = Job::start(
            [](rackspace::Client& at, const Account& who, const Secret& with) -> Task<void> {
                const Answer came = co_await at.authenticate(who, CredentialKind::Password, with);
                FAIL("came back");
            }(*identity, alice, password));
    }
    LONGS_EQUAL(0, identity->orphans());

    static_cast<void>(run_until(loop, [] { return false; }, 50ms));

    LONGS_EQUAL(0, server->requests().size());
}

TEST(RackspaceClient, validates_a_token_with_itself) {
    struct Row {
        const char* name;
        std::string reply;
        TokenState state;
    };
    const std::string token = "a+b/c=";
    const std::vector<Row> rows{
        {"alive", ScriptedServer::reply(200, access(token)), TokenState::Alive},
        {"401", ScriptedServer::reply(401, kFault), TokenState::Dead},
        {"403", ScriptedServer::reply(403, kFault), TokenState::Dead},
        {"404", ScriptedServer::reply(404, kFault), TokenState::Dead},
        {"401 in HTML", ScriptedServer::reply(401, "<html>"), TokenState::Unknown},
        {"403 in HTML", ScriptedServer::reply(403, "<html>"), TokenState::Unknown},
        {"404 and nothing", ScriptedServer::reply(404, ""), TokenState::Unknown},
        {"413", ScriptedServer::reply(413, ""), TokenState::Unknown},
        {"429", ScriptedServer::reply(429, ""), TokenState::Unknown},
        {"500", ScriptedServer::reply(500, ""), TokenState::Unknown},
        {"204", ScriptedServer::reply(204, ""), TokenState::Unknown},
        {"302", ScriptedServer::reply(302, ""), TokenState::Unknown},
        {"200 and HTML", ScriptedServer::reply(200, "<html>"), TokenState::Unknown},
        {"200 of another token", ScriptedServer::reply(200, access("x")), TokenState::Unknown},
        {"200 and expired",
         ScriptedServer::reply(200, access(token, "alice", "2020-01-01T00:00:00Z")),
         TokenState::Unknown},
    };
    for (const Row& row : rows) {
        answer = [&](const WireRequest&) { return row.reply; };
        const Secret text(token);
        CHECK_TEXT(wait_for(identity->validate(text)) == row.state, row.name);
    }
    const WireRequest seen = server->requests()[0];
    STRCMP_EQUAL("GET", seen.method.c_str());
    STRCMP_EQUAL("/v2.0/tokens/a%2Bb%2Fc%3D", seen.target.c_str());
    STRCMP_EQUAL(token.c_str(), seen.header("x-auth-token").c_str());
    LONGS_EQUAL(0, revocations->counts().issued); // a check brings no token into being
}

TEST(RackspaceClient, an_unreachable_service_leaves_a_token_unknown) {
    settings.url = "https://127.0.0.1:1/v2.0";
    connect();
    const Secret token("t");

    CHECK(wait_for(identity->validate(token)) == TokenState::Unknown);
    CHECK_FALSE(wait_for(identity->revoke(token)));
}

TEST(RackspaceClient, revokes_with_the_token_itself) {
    int status = 0;
    std::string body;
    server = std::make_unique<ScriptedServer>(ScriptedServer::answering(
        [&](const WireRequest&) { return ScriptedServer::reply(status, body); }));
    settings.url = server->url();
    settings.ca_file = server->ca_file();
    connect();
    const Secret token("tok");
    const std::vector<std::pair<int, bool>> rows{{204, true},  {200, true},  {401, true},
                                                 {404, true},  {403, false}, {413, false},
                                                 {500, false}, {503, false}, {302, false}};
    for (const auto& [sent, confirmed] : rows) {
        status = sent;
        CHECK_EQUAL(confirmed, wait_for(identity->revoke(token)));
    }
    body = "<html>Welcome to the guest network</html>";
    for (const int portal : {200, 401, 404}) {
        status = portal;
        CHECK_FALSE(wait_for(identity->revoke(token)));
    }
    STRCMP_EQUAL("tok", server->requests()[0].header("x-auth-token").c_str());
}

TEST(RackspaceClient, warming_asks_for_the_base_address_only) {
    answer = [](const WireRequest&) { return ScriptedServer::reply(404, "{}"); };

    identity->warm();
    CHECK(run_until(loop, [&] { return server->requests().size() == 1; }, 5s));

    STRCMP_EQUAL("GET", server->requests()[0].method.c_str());
    STRCMP_EQUAL("/v2.0", server->requests()[0].target.c_str());
    LONGS_EQUAL(0, server->requests()[0].headers.count("x-auth-token"));
}
