// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/factor_management.h"

#include "daemon/identity/rackspace/client.h"
#include "daemon/identity/revocation.h"
#include "tests/simulator/service_fixture.h"
#include "tests/support/event_pump.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scripted_server.h"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::testing;
using namespace std::chrono_literals;

namespace {

using Cause = FactorRefusal::Cause;

const char* name_of(Cause cause) {
    constexpr const char* kNames[] = {"NotAllowed", "NotFound",      "Conflict",
                                      "WrongCode",  "WrongPassword", "TokenDead",
                                      "Throttled",  "Unreachable",   "Fault"};
    return kNames[static_cast<int>(cause)];
}

std::string no(const std::string& message, const std::string& name = "badRequest") {
    return "{\"" + name + R"(":{"code":400,"message":")" + message + "\"}}";
}

std::string setup_token(const std::string& user, const std::string& token = "setup",
                        const std::string& expires = "2026-01-16T12:00:00.000Z") {
    return R"("token":{"id":")" + token + R"(","expires":")" + expires +
           R"(","RAX-AUTH:authenticatedBy":["password"]})" + (user.empty() ? "" : "," + user);
}

constexpr const char* kAlice = R"("user":{"id":"u1","name":"Alice"})";

/// The simulated service, asked by what came over the wire.
std::string answer_of(simulator::Service& service, const WireRequest& wire) {
    simulator::Request request;
    const std::size_t mark = wire.target.find('?');
    request.method = wire.method;
    request.path = wire.target.substr(0, mark);
    if (mark != std::string::npos) {
        const std::string query = wire.target.substr(mark + 1);
        const std::size_t equals = query.find('=');
        request.query.emplace_back(query.substr(0, equals), query.substr(equals + 1));
    }
    request.headers.assign(wire.headers.begin(), wire.headers.end());
    request.body = wire.body;
    const simulator::Reply reply = service.identity.answer(request).reply;
    std::string more;
    for (const auto& [name, value] : reply.headers) {
        more += name + ": " + value + "\r\n";
    }
    return ScriptedServer::reply(reply.status, reply.body, more);
}

/// The client, with a server that answers as the test says.
struct Bench : Utest {
    using Refused = std::optional<FactorRefusal>;

    Loop loop;
    FakeClock clock;
    settings::IdentitySettings settings;
    std::function<std::string(const WireRequest&)> answer;
    std::unique_ptr<ScriptedServer> server;
    std::unique_ptr<Revocations> revocations;
    std::unique_ptr<HttpTransport> transport;
    std::unique_ptr<rackspace::Client> identity;
    FactorManagement* factors = nullptr;

    void setup() override {
        listen(ScriptedServer::answering([this](const WireRequest& request) {
            return request.target == "/v2.0/tokens" && request.method == "DELETE"
                       ? ScriptedServer::reply(204, "")
                       : answer(request);
        }));
    }
    void teardown() override {
        identity.reset();
        transport.reset();
        revocations.reset();
        server.reset();
    }
    void listen(ScriptedServer::Script script) {
        server = std::make_unique<ScriptedServer>(std::move(script));
        settings.ca_file = server->ca_file();
        settings.url = server->url();
        settings.request_timeout = 5s;
        connect();
    }
    void connect() {
        identity.reset();
        revocations = std::make_unique<Revocations>(loop, RevocationLimits{.first_pause = 1ms});
        transport = std::make_unique<HttpTransport>(loop, settings, clock);
        identity = std::make_unique<rackspace::Client>(*transport, settings, *revocations, clock);
        revocations->use(identity.get());
        factors = identity.get();
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
    /// What `make` was given has gone when the task starts.
    template <class Make>
    auto outcome(Make make) {
        auto task = make();
        return wait_for(std::move(task));
    }
    template <class Make>
    Refused refused(Make make) {
        auto got = outcome(make);
        auto* refusal = std::get_if<FactorRefusal>(&got);
        return refusal != nullptr ? Refused(std::move(*refusal)) : std::nullopt;
    }
    template <class Make>
    auto success(Make make) {
        auto got = outcome(make);
        if (const auto* refusal = std::get_if<FactorRefusal>(&got)) {
            FAIL((std::string(name_of(refusal->cause)) + ": " + refusal->message + "; " +
                  refusal->detail)
                     .c_str());
        }
        return std::move(std::get<0>(got));
    }
    void reply_with(int status, const std::string& body) {
        answer = [status, body](const WireRequest&) { return ScriptedServer::reply(status, body); };
    }
    void check_cause(Cause cause, const Refused& refusal, const std::string& what) {
        CHECK_TEXT(refusal.has_value(), what.c_str());
        STRCMP_EQUAL_TEXT(name_of(cause), name_of(refusal->cause), what.c_str());
    }

    struct Call {
        std::string name;
        std::function<Refused()> run;
        std::string method;
        std::string target;
        std::string body;
        Cause at_400 = Cause::Conflict;
        Cause at_401 = Cause::TokenDead;
        bool done_by_status = true; ///< whatever the body of a 2xx
    };
    /// Every call, with ids that have to be escaped.
    std::vector<Call> calls() {
        const std::string user = "/v2.0/users/u%2F1/RAX-AUTH/multi-factor";
        const std::string domain = "/v2.0/RAX-AUTH/domains/d%3F1";
        return {
            {"begin_setup",
             [this] {
                 return refused([&] {
                     return factors->begin_setup(Account{"al\"ice", "12", ""}, Secret("p\"w"));
                 });
             },
             "POST", "/v2.0/tokens?include_endpoints=false",
             R"({"auth":{"RAX-AUTH:scope":"SETUP-MFA","passwordCredentials":{"username":"al\"ice","password":"p\"w"}}})",
             Cause::Conflict, Cause::WrongPassword, false},
            {"add_otp_device",
             [this] {
                 return refused([&] {
                     return factors->add_otp_device({Secret("tok"), "u/1"}, "my \"phone\"");
                 });
             },
             "POST", user + "/otp-devices", R"({"RAX-AUTH:otpDevice":{"name":"my \"phone\""}})",
             Cause::Conflict, Cause::TokenDead, false},
            {"otp_devices",
             [this] {
                 return refused([&] { return factors->otp_devices({Secret("tok"), "u/1"}); });
             },
             "GET", user + "/otp-devices", "", Cause::Conflict, Cause::TokenDead, false},
            {"verify_otp_device",
             [this] {
                 return refused([&] {
                     return factors->verify_otp_device({Secret("tok"), "u/1"}, "o 1",
                                                       Secret("662262"));
                 });
             },
             "POST", user + "/otp-devices/o%201/verify",
             R"({"RAX-AUTH:verificationCode":{"code":"662262"}})", Cause::WrongCode},
            {"remove_otp_device",
             [this] {
                 return refused(
                     [&] { return factors->remove_otp_device({Secret("tok"), "u/1"}, "o#1"); });
             },
             "DELETE", user + "/otp-devices/o%231", ""},
            {"add_phone",
             [this] {
                 return refused([&] {
                     return factors->add_phone({Secret("tok"), "u/1"}, Secret("+1 512-555-0100"));
                 });
             },
             "POST", user + "/mobile-phones",
             R"({"RAX-AUTH:mobilePhone":{"number":"+1 512-555-0100"}})", Cause::Conflict,
             Cause::TokenDead, false},
            {"phones",
             [this] { return refused([&] { return factors->phones({Secret("tok"), "u/1"}); }); },
             "GET", user + "/mobile-phones", "", Cause::Conflict, Cause::TokenDead, false},
            {"send_pin",
             [this] {
                 return refused([&] { return factors->send_pin({Secret("tok"), "u/1"}, "p1"); });
             },
             "POST", user + "/mobile-phones/p1/verificationcode", ""},
            {"verify_phone",
             [this] {
                 return refused([&] {
                     return factors->verify_phone({Secret("tok"), "u/1"}, "p1", Secret("1234"));
                 });
             },
             "POST", user + "/mobile-phones/p1/verify",
             R"({"RAX-AUTH:verificationCode":{"code":"1234"}})", Cause::WrongCode},
            {"remove_phone",
             [this] {
                 return refused(
                     [&] { return factors->remove_phone({Secret("tok"), "u/1"}, "p1"); });
             },
             "DELETE", user + "/mobile-phones/p1", ""},
            {"enable",
             [this] {
                 return refused([&] { return factors->enable({Secret("tok"), "u/1"}, {}); });
             },
             "PUT", user, R"({"RAX-AUTH:multiFactor":{"enabled":true}})"},
            {"enable with a kind",
             [this] {
                 return refused(
                     [&] { return factors->enable({Secret("tok"), "u/1"}, FactorKind::Otp); });
             },
             "PUT", user, R"({"RAX-AUTH:multiFactor":{"enabled":true,"factorType":"OTP"}})"},
            {"set_default",
             [this] {
                 return refused(
                     [&] { return factors->set_default({Secret("tok"), "u/1"}, FactorKind::Sms); });
             },
             "PUT", user, R"({"RAX-AUTH:multiFactor":{"factorType":"SMS"}})"},
            {"disable",
             [this] { return refused([&] { return factors->disable({Secret("tok"), "u/1"}); }); },
             "PUT", user, R"({"RAX-AUTH:multiFactor":{"enabled":false}})"},
            {"remove_all",
             [this] {
                 return refused([&] { return factors->remove_all({Secret("tok"), "u/1"}); });
             },
             "DELETE", user, ""},
            {"unlock",
             [this] { return refused([&] { return factors->unlock({Secret("tok"), "u/1"}); }); },
             "PUT", user, R"({"RAX-AUTH:multiFactor":{"unlock":true}})"},
            {"require",
             [this] {
                 return refused([&] {
                     return factors->require({Secret("tok"), "u/1"}, Enforcement::Required);
                 });
             },
             "PUT", user,
             R"({"RAX-AUTH:multiFactor":{"userMultiFactorEnforcementLevel":"REQUIRED"}})"},
            {"bypass_codes",
             [this] {
                 return refused([&] {
                     return factors->bypass_codes({Secret("tok"), "u/1"}, 1,
                                                  std::chrono::minutes(20));
                 });
             },
             "POST", user + "/bypass-codes",
             R"({"RAX-AUTH:bypassCodes":{"validityDuration":"PT20M","numberOfCodes":"1"}})",
             Cause::Conflict, Cause::TokenDead, false},
            {"bypass_codes without a life",
             [this] {
                 return refused(
                     [&] { return factors->bypass_codes({Secret("tok"), "u/1"}, 10, {}); });
             },
             "POST", user + "/bypass-codes", R"({"RAX-AUTH:bypassCodes":{"numberOfCodes":"10"}})",
             Cause::Conflict, Cause::TokenDead, false},
            {"state",
             [this] { return refused([&] { return factors->state(Secret("tok"), "a&b=c"); }); },
             "GET", "/v2.0/users?name=a%26b%3Dc", "", Cause::Conflict, Cause::TokenDead, false},
            {"domain_enforcement",
             [this] {
                 return refused([&] { return factors->domain_enforcement(Secret("tok"), "d?1"); });
             },
             "GET", domain, "", Cause::Conflict, Cause::TokenDead, false},
            {"set_domain_enforcement",
             [this] {
                 return refused([&] {
                     return factors->set_domain_enforcement(Secret("tok"), "d?1",
                                                            Enforcement::Optional);
                 });
             },
             "PUT", domain + "/multi-factor",
             R"({"RAX-AUTH:multiFactorDomain":{"domainMultiFactorEnforcementLevel":"OPTIONAL"}})"},
            {"change_password",
             [this] {
                 return refused([&] {
                     return factors->change_password(Account{"alice", "12", ""},
                                                     Secret("Old\\word1"), Secret("New\"word1"));
                 });
             },
             "POST", "/v2.0/users/RAX-AUTH/change-pwd",
             R"({"RAX-AUTH:changePasswordCredentials":{"username":"alice","password":"Old\\word1","newPassword":"New\"word1"}})",
             Cause::Conflict, Cause::WrongPassword},
        };
    }
    /// Every token issued so far was revoked at the server, and nothing else.
    void check_revoked(const std::vector<std::string>& tokens) {
        CHECK(run_until(loop, [&] { return revocations->counts().revoked == tokens.size(); }, 5s));
        std::vector<std::string> seen;
        for (const WireRequest& request : server->requests()) {
            if (request.method == "DELETE") {
                seen.push_back(request.header("x-auth-token"));
            }
        }
        CHECK(seen == tokens);
        LONGS_EQUAL(tokens.size(), revocations->counts().issued);
        LONGS_EQUAL(0, revocations->held());
    }
};

} // namespace

TEST_GROUP_BASE(FactorManagement, Bench){};

TEST(FactorManagement, each_call_is_one_request_of_the_documented_form) {
    reply_with(404, no("not there", "itemNotFound"));
    for (const Call& call : calls()) {
        const std::size_t before = server->requests().size();

        const Refused refusal = call.run();

        check_cause(Cause::NotFound, refusal, call.name);
        STRCMP_EQUAL("not there", refusal->message.c_str());
        LONGS_EQUAL(404, refusal->status);
        const auto requests = server->requests();
        LONGS_EQUAL_TEXT(before + 1, requests.size(), call.name.c_str());
        const WireRequest& request = requests.back();
        STRCMP_EQUAL_TEXT(call.method.c_str(), request.method.c_str(), call.name.c_str());
        STRCMP_EQUAL_TEXT(call.target.c_str(), request.target.c_str(), call.name.c_str());
        STRCMP_EQUAL_TEXT(call.body.c_str(), request.body.c_str(), call.name.c_str());
        STRCMP_EQUAL("application/json", request.header("accept").c_str());
        STRCMP_EQUAL_TEXT(call.method == "POST" || call.method == "PUT" ? "application/json" : "",
                          request.header("content-type").c_str(), call.name.c_str());
        const bool by_password = call.at_401 == Cause::WrongPassword;
        STRCMP_EQUAL_TEXT(by_password ? "" : "tok", request.header("x-auth-token").c_str(),
                          call.name.c_str());
    }
}

TEST(FactorManagement, every_2xx_is_done_and_nothing_else_is) {
    for (const Call& call : calls()) {
        for (const int status : {200, 201, 202, 204, 299}) {
            reply_with(status, "");
            const Refused refusal = call.run();
            const std::string what = call.name + " " + std::to_string(status);
            if (call.done_by_status) {
                CHECK_FALSE_TEXT(refusal.has_value(), what.c_str());
            } else {
                check_cause(Cause::Fault, refusal, what);
            }
        }
        for (const char* body : {"{}", "[]", "null"}) {
            reply_with(200, body);
            const Refused refusal = call.run();
            CHECK_EQUAL_TEXT(call.done_by_status, !refusal.has_value(), call.name.c_str());
        }
        for (const char* body : {"<html>", "[[[[", "\xFF"}) { // nothing that Identity wrote
            reply_with(200, body);
            check_cause(Cause::Fault, call.run(), call.name);
        }
    }
}

TEST(FactorManagement, statuses_say_what_was_wrong) {
    for (const Call& call : calls()) {
        const std::vector<std::pair<int, Cause>> rows{
            {400, call.at_400},      {401, call.at_401},     {403, Cause::NotAllowed},
            {404, Cause::NotFound},  {409, Cause::Conflict}, {413, Cause::Throttled},
            {429, Cause::Throttled}, {500, Cause::Fault},    {503, Cause::Fault},
            {302, Cause::Fault},     {418, Cause::Fault},
        };
        for (const auto& [status, cause] : rows) {
            reply_with(status, no("In \\u001b[1m words.\\n"));
            const Refused refusal = call.run();
            check_cause(cause, refusal, call.name + " " + std::to_string(status));
            LONGS_EQUAL(status, refusal->status);
            STRCMP_EQUAL("In ?[1m words.", refusal->message.c_str());

            reply_with(status, "<html>");
            const Refused foreign = call.run(); // of a filter or a portal, say
            check_cause(Cause::Fault, foreign, call.name + " " + std::to_string(status));
            STRCMP_EQUAL("", foreign->message.c_str());
            STRCMP_CONTAINS("no usable answer: HTTP ", foreign->detail.c_str());
        }
    }
}

TEST(FactorManagement, a_device_that_is_verified_already_is_no_wrong_code) {
    reply_with(400, no("Device is already verified"));

    const Refused refusal = refused(
        [&] { return factors->verify_otp_device({Secret("tok"), "u"}, "d", Secret("123456")); });

    check_cause(Cause::Conflict, refusal, "verified");
}

TEST(FactorManagement, no_secret_comes_back_in_a_refusal) {
    // The server repeats the whole request, as it came and as a JSON text.
    answer = [](const WireRequest& request) {
        std::string quoted;
        for (const char c : request.body) {
            quoted += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
        }
        return ScriptedServer::reply(400, no("You sent " + quoted));
    };
    for (const Call& call : calls()) {
        const Refused refusal = call.run();
        CHECK(refusal.has_value());
        for (const char* secret : {"662262", "1234", "+1 512-555-0100", "Old\\word1", "Oldword1",
                                   "New\"word1", "Old\\\\word1", "New\\\"word1", "tok\""}) {
            CHECK_TEXT(refusal->message.find(secret) == std::string::npos, call.name.c_str());
            CHECK_TEXT(refusal->detail.find(secret) == std::string::npos, call.name.c_str());
        }
    }
    reply_with(400, no("Wrong pin."));
    const Refused kept =
        refused([&] { return factors->verify_phone({Secret("tok"), "u"}, "p", Secret("1234")); });
    STRCMP_EQUAL("Wrong pin.", kept->message.c_str());
}

TEST(FactorManagement, a_lost_request_is_never_sent_twice) {
    int requests = 0;
    for (const Call& call : calls()) {
        if (call.method == "GET") {
            continue;
        }
        // Kept open after the first reply, and gone when the second request comes.
        listen([](ScriptedServer::Peer& peer) {
            static_cast<void>(peer.read_request());
            peer.write(ScriptedServer::reply(500, ""));
            static_cast<void>(peer.read_request());
            peer.reset();
        });
        check_cause(Cause::Fault, call.run(), call.name);
        check_cause(Cause::Unreachable, call.run(), call.name);
        LONGS_EQUAL_TEXT(2, server->requests().size(), call.name.c_str());
        ++requests;
    }
    CHECK(requests > 15);
}

TEST(FactorManagement, an_unreachable_service_is_that) {
    settings.url = "https://127.0.0.1:1/v2.0";
    connect();
    for (const Call& call : calls()) {
        const Refused refusal = call.run();
        check_cause(Cause::Unreachable, refusal, call.name);
        LONGS_EQUAL(0, refusal->status);
        STRCMP_EQUAL("", refusal->message.c_str());
        CHECK_FALSE(refusal->detail.empty());
    }
}

TEST(FactorManagement, ids_that_would_lead_elsewhere_are_not_asked_about) {
    reply_with(204, "");
    for (const std::string& id : std::vector<std::string>{
             "", ".", "..", "a\nb", "a\x7F", "a\xC2\x85", "\xFF", std::string(257, 'a')}) {
        check_cause(Cause::Fault, refused([&] { return factors->disable({Secret("tok"), id}); }),
                    id);
        check_cause(Cause::Fault,
                    refused([&] { return factors->remove_phone({Secret("tok"), "u"}, id); }), id);
        check_cause(Cause::Fault, refused([&] { return factors->phones({Secret("tok"), id}); }),
                    id);
        check_cause(Cause::Fault,
                    refused([&] { return factors->domain_enforcement(Secret("tok"), id); }), id);
        check_cause(Cause::Fault, refused([&] {
                        return factors->set_domain_enforcement(Secret("tok"), id,
                                                               Enforcement::Required);
                    }),
                    id);
    }
    check_cause(Cause::Fault, refused([&] { return factors->state(Secret("tok"), ""); }),
                "no name");
    LONGS_EQUAL(0, server->connections());
    const std::string longest(256, 'a');
    CHECK_FALSE(refused([&] { return factors->disable({Secret("tok"), longest}); }).has_value());
}

TEST(FactorManagement, what_is_no_text_is_refused_without_asking) {
    const std::string latin1 = "gr\xFC\xDF";
    const Account alice{"alice", "", ""};

    check_cause(Cause::WrongPassword,
                refused([&] { return factors->begin_setup(alice, Secret(latin1)); }), "setup");
    check_cause(Cause::WrongCode, refused([&] {
                    return factors->verify_phone({Secret("t"), "u"}, "p", Secret(latin1));
                }),
                "pin");
    check_cause(Cause::Conflict,
                refused([&] { return factors->add_phone({Secret("t"), "u"}, Secret(latin1)); }),
                "phone");
    check_cause(Cause::Conflict,
                refused([&] { return factors->add_otp_device({Secret("t"), "u"}, latin1); }),
                "name");
    check_cause(Cause::WrongPassword, refused([&] {
                    return factors->change_password(alice, Secret(latin1), Secret("Fresh123"));
                }),
                "present");
    check_cause(Cause::Conflict, refused([&] {
                    return factors->change_password(alice, Secret("Right1"), Secret(latin1));
                }),
                "fresh");
    LONGS_EQUAL(0, server->connections());
}

TEST(FactorManagement, a_new_device_brings_its_key) {
    reply_with(201, R"({"rax-auth:otpdevice":{"ID":"d1","name":"my\u001b phone","verified":"false",
        "keyUri":"otpauth://totp/Rackspace:gr\u00fc n?secret=ABC\u0026issuer=Rackspace",
        "qrcode":"data:image/png;base64,AAAA"}})");

    const OtpDevice device =
        success([&] { return factors->add_otp_device({Secret("tok"), "u"}, "my phone"); });

    STRCMP_EQUAL("d1", device.id.c_str());
    STRCMP_EQUAL("my? phone", device.name.c_str());
    CHECK_FALSE(device.verified);
    STRCMP_EQUAL("otpauth://totp/Rackspace:gr%C3%BC%20n?secret=ABC&issuer=Rackspace",
                 device.key_uri.c_str());
}

TEST(FactorManagement, a_new_device_without_a_usable_key_is_a_fault) {
    for (const std::string& rest : std::vector<std::string>{
             "", R"(,"keyUri":"")", R"(,"keyUri":"https://x")", R"(,"keyUri":7)",
             R"(,"keyUri":"otpauth://a\nb")", R"(,"keyUri":["otpauth://a"])",
             R"(,"keyUri":"otpauth://a","KEYURI":"otpauth://b")",
             R"(,"keyUri":"otpauth://)" + std::string(2048, 'a') + "\""}) {
        reply_with(201, R"({"RAX-AUTH:otpDevice":{"id":"d1","name":"n")" + rest + "}}");
        const Refused refusal =
            refused([&] { return factors->add_otp_device({Secret("tok"), "u"}, "n"); });
        check_cause(Cause::Fault, refusal, rest);
        CHECK_TEXT(refusal->detail.find("otpauth") == std::string::npos, rest.c_str());
        STRCMP_EQUAL("", refusal->message.c_str());
    }
}

TEST(FactorManagement, lists_come_with_their_state) {
    reply_with(202, R"({"RAX-AUTH:otpDevices":[{"id":"a","name":"one","verified":true},
                                             {"id":7,"name":null,"verified":"TRUE"},{"id":"c"}]})");
    const auto devices = success([&] { return factors->otp_devices({Secret("tok"), "u"}); });
    LONGS_EQUAL(3, devices.size());
    STRCMP_EQUAL("one", devices[0].name.c_str());
    CHECK(devices[0].verified && devices[1].verified && !devices[2].verified);
    STRCMP_EQUAL("7", devices[1].id.c_str());
    CHECK(devices[0].key_uri.empty());

    reply_with(200, R"({"RAX-AUTH:mobilePhones":[{"id":"p","number":"+1 512-555-0100",
                                                "verified":true}]})");
    const auto phones = success([&] { return factors->phones({Secret("tok"), "u"}); });
    LONGS_EQUAL(1, phones.size());
    STRCMP_EQUAL("+1 512-555-0100", phones[0].number.c_str());
    CHECK(phones[0].verified);

    reply_with(200, R"({"RAX-AUTH:mobilePhones":[]})");
    LONGS_EQUAL(0, success([&] { return factors->phones({Secret("tok"), "u"}); }).size());

    for (const char* body :
         {R"({"RAX-AUTH:mobilePhones":{}})", R"({"RAX-AUTH:mobilePhones":["p"]})",
          R"({"RAX-AUTH:mobilePhones":[{"number":"+1"}]})",
          R"({"RAX-AUTH:mobilePhones":[{"id":"p","verified":1}]})",
          R"({"RAX-AUTH:mobilePhones":[{"id":"p","verified":"maybe"}]})",
          R"({"RAX-AUTH:mobilePhones":[{"id":"..","number":"+1"}]})",
          R"({"RAX-AUTH:mobilePhones":[{"id":"a\nb","number":"+1"}]})",
          R"({"RAX-AUTH:mobilePhones":[{"id":"p","number":"+1\u001b[1m"}]})"}) {
        reply_with(200, body);
        check_cause(Cause::Fault, refused([&] { return factors->phones({Secret("tok"), "u"}); }),
                    body);
    }
}

TEST(FactorManagement, bypass_codes_are_read_as_texts_or_numbers) {
    const auto codes = [&] { return factors->bypass_codes({Secret("tok"), "u"}, 2, {}); };
    reply_with(200, R"({"RAX-AUTH:bypassCodes":{"codes":["012345678",87654321]}})");
    const auto two = success(codes);
    LONGS_EQUAL(2, two.size());
    STRCMP_EQUAL("012345678", two[0].c_str());
    STRCMP_EQUAL("87654321", two[1].c_str());

    for (const char* body :
         {R"({"RAX-AUTH:bypassCodes":{}})", R"({"RAX-AUTH:bypassCodes":{"codes":[]}})",
          R"({"RAX-AUTH:bypassCodes":{"codes":[""]}})",
          R"({"RAX-AUTH:bypassCodes":{"codes":["1\n2"]}})",
          R"({"RAX-AUTH:bypassCodes":{"codes":[true]}})"}) {
        reply_with(200, body);
        check_cause(Cause::Fault, refused(codes), body);
    }
}

TEST(FactorManagement, the_state_is_of_the_user_asked_about) {
    const auto state = [&] { return factors->state(Secret("tok"), "alice"); };
    reply_with(200, R"({"user":{"id":"u1","username":"Alice","rax-auth:domainId":12,
        "RAX-AUTH:multiFactorEnabled":"true","RAX-AUTH:multiFactorState":"locked",
        "RAX-AUTH:factorType":"sms","RAX-AUTH:userMultiFactorEnforcementLevel":"required"}})");
    const FactorState full = success(state);
    STRCMP_EQUAL("u1", full.user_id.c_str());
    STRCMP_EQUAL("12", full.domain_id.c_str());
    CHECK(full.enabled && full.locked);
    CHECK(full.factor == FactorKind::Sms);
    CHECK(full.enforcement == Enforcement::Required);

    reply_with(200,
               R"({"user":{"id":"u1","username":"alice","RAX-AUTH:multiFactorEnabled":false}})");
    const FactorState bare = success(state);
    CHECK(!bare.enabled && !bare.locked && !bare.factor && bare.domain_id.empty());
    CHECK(bare.enforcement == Enforcement::Default);

    for (const char* body :
         {R"({"user":{"id":"u1","username":"mallory"}})", R"({"user":{"id":"u1"}})",
          R"({"user":{"username":"alice"}})", R"({"user":{"id":"../x\u0000","username":"alice"}})",
          R"({"user":{"id":"u1","id":"u2","username":"alice"}})",
          R"({"user":{"id":"u1","username":"alice","RAX-AUTH:multiFactorEnabled":"yes"}})",
          R"({"user":{"id":"u1","username":"alice",
                      "RAX-AUTH:userMultiFactorEnforcementLevel":"SOMETIMES"}})",
          R"({"users":[{"id":"u1","username":"alice"}]})"}) {
        reply_with(200, body);
        check_cause(Cause::Fault, refused(state), body);
    }
}

TEST(FactorManagement, a_domain_has_one_of_the_known_levels) {
    const auto level = [&] { return factors->domain_enforcement(Secret("tok"), "12"); };
    const std::vector<std::pair<const char*, Enforcement>> rows{
        {R"("OPTIONAL")", Enforcement::Optional},
        {R"("required")", Enforcement::Required},
        {R"("RACKSPACE_MANDATED")", Enforcement::Mandated},
        {R"("DEFAULT")", Enforcement::Default},
        {"null", Enforcement::Default}};
    for (const auto& [word, wanted] : rows) {
        reply_with(200, std::string(R"({"RAX-AUTH:domain":{"id":"12",)") +
                            R"("domainMultiFactorEnforcementLevel":)" + word + "}}");
        CHECK_TEXT(success(level) == wanted, word);
    }
    reply_with(200, R"({"RAX-AUTH:domain":{"domainMultiFactorEnforcementLevel":"X"}})");
    check_cause(Cause::Fault, refused(level), "X");
}

TEST(FactorManagement, begins_with_a_token_of_either_shape_and_revokes_it_in_the_end) {
    const auto begin = [&] {
        return factors->begin_setup(Account{"alice", "", ""}, Secret("Right1"));
    };
    const std::vector<std::pair<std::string, std::string>> rows{
        {R"({"access":{)" + setup_token(kAlice, "s0") + "}}", "u1"},
        {"{" + setup_token(kAlice, "s1") + "}", "u1"},
        {"{" + setup_token("", "s2") + "}", ""},
        {R"({"access":{)" + setup_token("", "s3") + "}}", ""},
    };
    std::vector<std::string> tokens;
    for (const auto& [body, user_id] : rows) {
        reply_with(200, body);
        {
            const SetupSession session = success(begin);
            STRCMP_EQUAL(user_id.c_str(), session.user_id.c_str());
            CHECK(session.token.held());
            CHECK(session.token.expires() == clock.wall() + 24h);
            tokens.push_back("s" + std::to_string(tokens.size()));
            STRCMP_EQUAL(tokens.back().c_str(), session.token.text().c_str());
            LONGS_EQUAL(1, revocations->held());
        }
        check_revoked(tokens);
    }
}

TEST(FactorManagement, a_beginning_that_does_not_hold_is_a_fault_and_its_token_is_revoked) {
    const std::vector<std::string> bodies{
        setup_token(R"("user":{"id":"u1","name":"mallory"})", "s0"),
        setup_token(R"("user":{"id":"a\nb","name":"alice"})", "s1"),
        setup_token(R"("user":{"name":"alice"})", "s2"),
        setup_token(R"("user":null)", "s3"),
        setup_token(R"("user":{"id":"u1","name":"alice"},"USER":{"id":"u2","name":"alice"})", "s4"),
        setup_token(kAlice, "s5", "2026-01-15T12:00:00Z"),
        setup_token("", "s6", "never"),
    };
    std::vector<std::string> tokens;
    for (const std::string& body : bodies) {
        reply_with(200, R"({"access":{)" + body + "}}");
        const Refused refusal = refused(
            [&] { return factors->begin_setup(Account{"alice", "", ""}, Secret("Right1")); });
        check_cause(Cause::Fault, refusal, body);
        CHECK_FALSE(refusal->detail.empty());
        tokens.push_back("s" + std::to_string(tokens.size()));
        check_revoked(tokens);
    }
}

TEST(FactorManagement, a_challenge_in_place_of_a_setup_token_says_that_mfa_is_on) {
    answer = [](const WireRequest&) {
        return ScriptedServer::reply(
            401, no("Additional authentication credentials required"),
            "WWW-Authenticate: OS-MF sessionId='s', factor='PASSCODE'\r\n");
    };
    check_cause(Cause::Conflict, refused([&] {
                    return factors->begin_setup(Account{"alice", "", ""}, Secret("Right1"));
                }),
                "challenge");
}

TEST(FactorManagement, an_expired_password_keeps_its_code_in_the_message) {
    reply_with(401, no("Error code: 'AUTH-001'; The password for this user has expired"));
    const Refused refusal =
        refused([&] { return factors->begin_setup(Account{"alice", "", ""}, Secret("Right1")); });
    check_cause(Cause::WrongPassword, refusal, "expired");
    STRCMP_CONTAINS("AUTH-001", refusal->message.c_str());
}

TEST(FactorManagement, a_setup_token_nobody_waits_for_is_revoked) {
    std::mutex gate;
    gate.lock();
    answer = [&](const WireRequest&) {
        const std::lock_guard opened(gate);
        return ScriptedServer::reply(200, "{" + setup_token("", "late") + "}");
    };
    {
        const Job job = Job::start([](FactorManagement& at) -> Task<void> {
            const Account alice{"alice", "", ""};
            const Secret password("Right1");
            const FactorAnswer<SetupSession> came = co_await at.begin_setup(alice, password);
            FAIL("came back");
        }(*factors));
        CHECK(run_until(loop, [&] { return server->requests().size() == 1; }, 5s));
    }
    LONGS_EQUAL(1, identity->orphans());

    gate.unlock();

    check_revoked({"late"});
    LONGS_EQUAL(0, identity->orphans());
}

/// The same calls against the simulated service, which follows the documents by itself.
TEST_GROUP_BASE(FactorManagementAtService, Bench) {
    simulator::Service service;

    void setup() override {
        Bench::setup();
        listen(ScriptedServer::answering(
            [this](const WireRequest& request) { return answer_of(service, request); }));
        const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(clock.wall());
        service.clock.advance(now - service.clock.now());
    }
    Secret token_of(const char* user) {
        return Secret(service.token_of(user));
    }
    std::string sent_pin() {
        const std::string text = service.last_sms();
        return text.substr(text.find("code is ") + 8, 4);
    }
    std::string code_for(const OtpDevice& device) {
        const std::string_view uri = device.key_uri.view();
        const std::size_t start = uri.find("secret=") + 7;
        return simulator::totp(std::string(uri.substr(start, uri.find('&') - start)),
                               service.clock.now());
    }
};

TEST(FactorManagementAtService, enrols_an_authenticator_from_a_password_alone) {
    const SetupSession session =
        success([&] { return factors->begin_setup(Account{"heidi", "", ""}, Secret("Right1")); });
    STRCMP_EQUAL("h1", session.user_id.c_str());
    const Acting self{session.token.text(), session.user_id};

    const OtpDevice device = success([&] { return factors->add_otp_device(self, "my phone"); });
    const OtpDevice spare = success([&] { return factors->add_otp_device(self, "spare"); });
    check_cause(Cause::WrongCode, refused([&] {
                    return factors->verify_otp_device(self, device.id, Secret("000000x"));
                }),
                "wrong code");
    success([&] { return factors->verify_otp_device(self, device.id, Secret(code_for(device))); });
    check_cause(Cause::Conflict, refused([&] {
                    return factors->verify_otp_device(self, device.id, Secret(code_for(device)));
                }),
                "twice");
    success([&] { return factors->remove_otp_device(self, spare.id); });
    const auto devices = success([&] { return factors->otp_devices(self); });
    LONGS_EQUAL(1, devices.size());
    CHECK(devices[0].verified);
    STRCMP_EQUAL("my phone", devices[0].name.c_str());
    success([&] { return factors->enable(self, FactorKind::Otp); });

    check_cause(Cause::TokenDead, refused([&] { return factors->otp_devices(self); }), "dead");
    CHECK_FALSE(service.password("heidi", "Right1").session().empty());
    check_cause(Cause::NotAllowed, refused([&] {
                    return factors->begin_setup(Account{"heidi", "", ""}, Secret("Right1"));
                }),
                "again");
}

TEST(FactorManagementAtService, a_bare_setup_token_does_not_tell_its_user) {
    service.set(R"({"setup_wrapped":false,"setup_lower_case_password":true})");

    const SetupSession session =
        success([&] { return factors->begin_setup(Account{"heidi", "", ""}, Secret("Right1")); });

    STRCMP_EQUAL("", session.user_id.c_str());
    check_cause(Cause::NotAllowed,
                refused([&] { return factors->state(session.token.text(), "heidi"); }), "scope");
    const Secret root = token_of("root");
    STRCMP_EQUAL("h1", success([&] { return factors->state(root, "heidi"); }).user_id.c_str());
    const Acting self{session.token.text(), "h1"};
    LONGS_EQUAL(0, success([&] { return factors->otp_devices(self); }).size());
}

TEST(FactorManagementAtService, enrols_a_phone_and_looks_after_it) {
    service.set(R"({"lower_case_attributes":true,"text_booleans":true})");
    const Secret token = token_of("erin");
    const Acting self{token, "e1"};

    check_cause(Cause::Conflict, refused([&] { return factors->add_phone(self, Secret("12")); }),
                "number");
    const Phone phone =
        success([&] { return factors->add_phone(self, Secret("+1 512-555-0199")); });
    success([&] { return factors->send_pin(self, phone.id); });
    check_cause(Cause::WrongCode,
                refused([&] { return factors->verify_phone(self, phone.id, Secret("x")); }), "pin");
    success([&] { return factors->verify_phone(self, phone.id, Secret(sent_pin())); });
    const auto phones = success([&] { return factors->phones(self); });
    LONGS_EQUAL(1, phones.size());
    CHECK(phones[0].verified);
    STRCMP_EQUAL("+1 512-555-0199", phones[0].number.c_str());
    success([&] { return factors->enable(self, {}); });

    const Secret root = token_of("root");
    const Acting admin{root, "e1"};
    const FactorState on = success([&] { return factors->state(root, "erin"); });
    CHECK(on.enabled && !on.locked);
    CHECK(on.factor == FactorKind::Sms);
    STRCMP_EQUAL("10", on.domain_id.c_str());
    check_cause(Cause::Conflict, refused([&] { return factors->remove_phone(admin, phone.id); }),
                "in use");
    success([&] { return factors->disable(admin); });
    success([&] { return factors->remove_phone(admin, phone.id); });
    check_cause(Cause::NotFound, refused([&] { return factors->send_pin(admin, phone.id); }),
                "gone");
}

TEST(FactorManagementAtService, an_administrator_helps) {
    const Secret root = token_of("root");
    const Acting for_bob{root, "b1"};
    service.change("bob", R"({"locked":true})");
    CHECK(success([&] { return factors->state(root, "bob"); }).locked);
    success([&] { return factors->unlock(for_bob); });
    CHECK_FALSE(success([&] { return factors->state(root, "bob"); }).locked);

    const auto codes =
        success([&] { return factors->bypass_codes(for_bob, 1, std::chrono::minutes(20)); });
    LONGS_EQUAL(1, codes.size());
    const std::string session = service.password("bob", "Right1").session();
    LONGS_EQUAL(200, service.passcode(session, codes[0].c_str()).status);
    check_cause(Cause::Conflict, refused([&] { return factors->bypass_codes(for_bob, 2, {}); }),
                "two for another");

    success([&] { return factors->require(for_bob, Enforcement::Optional); });
    CHECK(success([&] { return factors->state(root, "bob"); }).enforcement ==
          Enforcement::Optional);
    check_cause(Cause::Conflict,
                refused([&] { return factors->set_default(for_bob, FactorKind::Sms); }),
                "no phone");
    success([&] { return factors->set_default(for_bob, FactorKind::Otp); });

    CHECK(success([&] { return factors->domain_enforcement(root, "20"); }) ==
          Enforcement::Required);
    success([&] { return factors->set_domain_enforcement(root, "20", Enforcement::Mandated); });
    CHECK(success([&] { return factors->domain_enforcement(root, "20"); }) ==
          Enforcement::Mandated);
    check_cause(Cause::NotFound, refused([&] { return factors->domain_enforcement(root, "99"); }),
                "domain");
    check_cause(Cause::NotFound, refused([&] { return factors->state(root, "nobody"); }), "user");
}

TEST(FactorManagementAtService, changes_a_password) {
    const Account erin{"erin", "", ""};
    const auto change = [&](const char* present, const char* fresh) {
        return refused(
            [&] { return factors->change_password(erin, Secret(present), Secret(fresh)); });
    };
    check_cause(Cause::WrongPassword, change("Wrong1", "Better22x"), "wrong");
    check_cause(Cause::Conflict, change("Right1", "weakling"), "weak");
    CHECK_FALSE(change("Right1", "Better22x").has_value());
    LONGS_EQUAL(200, service.password("erin", "Better22x").status);
}
