// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/http/http_transport.h"

#include "tests/support/event_pump.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scripted_server.h"

#include <condition_variable>
#include <cstdlib>
#include <dirent.h>
#include <dlfcn.h>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <openssl/ssl.h>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::testing;
using namespace std::chrono_literals;

namespace {

using Peer = ScriptedServer::Peer;

HttpRequest get(const std::string& url) {
    HttpRequest request;
    request.url = Secret(url);
    return request;
}

HttpRequest post(const std::string& url, std::string_view body) {
    HttpRequest request;
    request.method = HttpMethod::Post;
    request.url = Secret(url);
    request.headers.push_back({"Content-Type", Secret("application/json")});
    request.headers.push_back({"X-SessionId", Secret("session-1")});
    request.body = Secret(body);
    request.at_most_once = true;
    return request;
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    DIR* directory = opendir("/proc/self/fd");
    while (readdir(directory) != nullptr) {
        ++count;
    }
    closedir(directory);
    return count;
}

/// A name server that is slow, or has nothing: what libcurl's resolver thread meets in the look-up
/// of "identity.test" while one of these lives.
class NameServer {
  public:
    explicit NameServer(bool knows) : knows_(knows) {
        const std::lock_guard lock(mutex());
        current() = this;
    }
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;
    ~NameServer() {
        answer();
        std::unique_lock lock(mutex());
        changed_.wait(lock, [this] { return asking_ == 0; });
        current() = nullptr;
    }
    void answer() {
        const std::lock_guard lock(mutex());
        answers_ = true;
        changed_.notify_all();
    }

    static std::mutex& mutex() {
        static std::mutex one;
        return one;
    }
    static NameServer*& current() {
        static NameServer* one = nullptr;
        return one;
    }
    /// Waits for answer(). Called with `lock` held.
    bool ask(std::unique_lock<std::mutex>& lock) {
        ++asking_;
        changed_.wait(lock, [this] { return answers_; });
        const bool knows = knows_;
        --asking_;
        changed_.notify_all();
        return knows;
    }

  private:
    const bool knows_;
    bool answers_ = false;
    int asking_ = 0;
    std::condition_variable changed_;
};

} // namespace

/// In front of the C library's: libcurl calls this one.
extern "C" __attribute__((visibility("default"))) int
getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    static const auto real =
        reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
    if (node != nullptr && std::string_view(node) == "identity.test") {
        std::unique_lock lock(NameServer::mutex());
        NameServer* const server = NameServer::current();
        if (server != nullptr) {
            if (!server->ask(lock)) {
                return EAI_NONAME;
            }
            node = "127.0.0.1";
        }
    }
    return real(node, service, hints, result);
}

TEST_GROUP(HttpTransport) {
    Loop loop;
    FakeClock clock;
    settings::IdentitySettings settings;
    TransportLimits limits;
    std::unique_ptr<HttpTransport> transport;

    void setup() override {
        settings.connect_timeout = 2s;
        settings.request_timeout = 5s;
    }

    void connect_to(const ScriptedServer& server) {
        settings.url = server.url();
        settings.ca_file = server.ca_file();
        transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);
    }

    HttpResult exchange(HttpRequest request) {
        std::optional<HttpResult> result;
        const HttpTransfer transfer = transport->start(
            std::move(request), [&](HttpResult came) { result.emplace(std::move(came)); });
        CHECK_FALSE(result.has_value()); // never from inside start()
        CHECK(run_until(loop, [&] { return result.has_value(); }, 20s));
        return std::move(*result);
    }

    HttpReply reply_to(HttpRequest request) {
        HttpResult result = exchange(std::move(request));
        const auto* failure = std::get_if<HttpFailure>(&result);
        CHECK_TEXT(failure == nullptr, failure != nullptr ? failure->detail.c_str() : "");
        return std::get<HttpReply>(std::move(result));
    }

    HttpFailure failure_of(HttpRequest request) {
        HttpResult result = exchange(std::move(request));
        CHECK(std::holds_alternative<HttpFailure>(result));
        return std::get<HttpFailure>(std::move(result));
    }

    void settle() {
        static_cast<void>(run_until(loop, [] { return false; }, 20ms));
    }
};

TEST(HttpTransport, sends_what_it_was_given_and_returns_what_came) {
    const ScriptedServer server(ScriptedServer::answering([](const WireRequest&) {
        return ScriptedServer::reply(401, R"({"a":1})", "X-One: 1\r\nx-one:  2 \r\n");
    }));
    connect_to(server);

    const HttpReply reply = reply_to(post(server.url() + "/tokens?q=1", "the body"));

    LONGS_EQUAL(401, reply.status);
    STRCMP_EQUAL(R"({"a":1})", reply.body.c_str());
    LONGS_EQUAL(2, reply.headers("X-ONE").size());
    CHECK(reply.headers("x-one")[1] == "2");
    CHECK(reply.round_trip > 0us);
    LONGS_EQUAL(1, server.requests().size());
    const WireRequest seen = server.requests().front();
    STRCMP_EQUAL("POST", seen.method.c_str());
    STRCMP_EQUAL("/v2.0/tokens?q=1", seen.target.c_str());
    STRCMP_EQUAL("the body", seen.body.c_str());
    STRCMP_EQUAL("session-1", seen.header("x-sessionid").c_str());
    STRCMP_EQUAL("application/json", seen.header("content-type").c_str());
    CHECK(seen.headers.find("expect") == seen.headers.end());
    CHECK(seen.headers.find("accept-encoding") == seen.headers.end());
    LONGS_EQUAL(1, seen.headers.count("content-type"));
}

TEST(HttpTransport, keeps_the_connection_for_the_next_request) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    connect_to(server);

    for (int i = 0; i < 5; ++i) {
        LONGS_EQUAL(200, reply_to(post(server.url(), "x")).status);
    }

    LONGS_EQUAL(1, server.connections());
}

TEST(HttpTransport, many_at_once_share_a_bounded_number_of_connections) {
    limits.connections = 4;
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest& request) { return ScriptedServer::reply(200, request.body); }));
    connect_to(server);
    int right = 0;
    int ended = 0;
    std::vector<HttpTransfer> transfers;
    for (int i = 0; i < 100; ++i) {
        const std::string body = std::to_string(i);
        transfers.push_back(transport->start(post(server.url(), body), [&, body](HttpResult came) {
            const auto* reply = std::get_if<HttpReply>(&came);
            right += reply != nullptr && reply->body.equals(body) ? 1 : 0;
            ++ended;
        }));
    }

    CHECK(run_until(loop, [&] { return ended == 100; }));

    LONGS_EQUAL(100, right);
    LONGS_EQUAL(4, server.connections());
}

TEST(HttpTransport, waiting_for_a_connection_counts_against_the_request_and_not_as_connecting) {
    limits.connections = 1;
    settings.connect_timeout = 100ms;
    settings.request_timeout = 700ms;
    const ScriptedServer server([](Peer& peer) {
        while (const auto request = peer.read_request()) {
            if (request->body == "stall") {
                peer.wait_until_closed();
                return;
            }
            peer.write(ScriptedServer::reply(200, "{}"));
        }
    });
    connect_to(server);
    std::optional<HttpResult> first;
    std::optional<HttpResult> second;
    const auto begun = std::chrono::steady_clock::now();
    const HttpTransfer stalled = transport->start(
        post(server.url(), "stall"), [&](HttpResult came) { first.emplace(std::move(came)); });
    const HttpTransfer waiting = transport->start(
        post(server.url(), "wait"), [&](HttpResult came) { second.emplace(std::move(came)); });

    CHECK(run_until(loop, [&] { return first && second; }));

    const auto took = std::chrono::steady_clock::now() - begun;
    CHECK(took >= 650ms && took < 3s);
    CHECK(std::get<HttpFailure>(*first).maybe_sent);
    CHECK_FALSE(std::get<HttpFailure>(*second).maybe_sent);
    LONGS_EQUAL(1, server.requests().size());
    // And the place is free again, for longer than connect_timeout after it was queued.
    LONGS_EQUAL(200, reply_to(post(server.url(), "again")).status);
}

TEST(HttpTransport, a_full_queue_refuses_the_newcomer) {
    limits.connections = 1;
    limits.waiting = 1;
    const ScriptedServer server([](Peer& peer) { peer.wait_until_closed(); });
    connect_to(server);
    const HttpTransfer active = transport->start(get(server.url()), [](HttpResult) {});
    const HttpTransfer waiting = transport->start(get(server.url()), [](HttpResult) {});

    const HttpFailure refused = failure_of(get(server.url()));

    CHECK(refused.detail.find("too many") != std::string::npos);
    CHECK(transport->reachability().reachable);
}

TEST(HttpTransport, never_sends_twice_what_counts_when_a_kept_connection_dies) {
    // curl by itself repeats a request, a POST too, that met its end on a kept connection.
    const ScriptedServer server([](Peer& peer) {
        static_cast<void>(peer.read_request());
        peer.write(ScriptedServer::reply(200, "{}"));
        static_cast<void>(peer.read_request()); // taken, counted, and no answer
    });
    connect_to(server);
    static_cast<void>(reply_to(get(server.url())));

    const HttpFailure failure = failure_of(post(server.url(), "passcode"));

    CHECK(failure.maybe_sent);
    CHECK_FALSE(failure.nonsense);
    settle();
    LONGS_EQUAL(2, server.requests().size());
}

TEST(HttpTransport, repeats_what_may_be_repeated_when_a_kept_connection_dies) {
    const ScriptedServer server([](Peer& peer) {
        static_cast<void>(peer.read_request());
        peer.write(ScriptedServer::reply(200, "{}"));
        static_cast<void>(peer.read_request());
    });
    connect_to(server);
    static_cast<void>(reply_to(get(server.url())));

    LONGS_EQUAL(200, reply_to(get(server.url())).status);

    LONGS_EQUAL(2, server.connections());
}

TEST(HttpTransport, a_kept_connection_that_the_server_has_left_costs_nothing) {
    // With a TLS farewell in the socket curl takes the connection for alive.
    const ScriptedServer server([](Peer& peer) {
        while (peer.read_request()) {
            peer.write(ScriptedServer::reply(200, "{}"));
            peer.farewell();
        }
    });
    connect_to(server);
    for (int i = 0; i < 3; ++i) {
        LONGS_EQUAL(200, reply_to(post(server.url(), "password")).status);
        settle();
    }

    LONGS_EQUAL(3, server.requests().size());
    LONGS_EQUAL(3, server.connections());
}

TEST(HttpTransport, a_reset_a_cut_off_reply_and_silence_are_failures_that_may_have_been_sent) {
    const ScriptedServer server([](Peer& peer) {
        const auto request = peer.read_request();
        if (!request) {
            return;
        }
        if (request->body == "reset") {
            peer.reset();
        } else if (request->body == "cut") {
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"acc");
        } else if (request->body == "head") {
            peer.write("HTTP/1.1 200 OK\r\nContent-Le");
        }
    });
    connect_to(server);

    for (const char* how : {"reset", "cut", "head", "nothing"}) {
        const HttpFailure failure = failure_of(post(server.url(), how));
        CHECK_TEXT(failure.maybe_sent, how);
        CHECK_FALSE_TEXT(failure.nonsense, how);
        CHECK_FALSE_TEXT(failure.detail.empty(), how);
        CHECK_FALSE(transport->reachability().reachable);
    }
    LONGS_EQUAL(4, server.requests().size());
}

TEST(HttpTransport, a_stalled_server_ends_in_time_and_holds_nobody_else) {
    settings.request_timeout = 400ms;
    const ScriptedServer server([](Peer& peer) {
        while (const auto request = peer.read_request()) {
            if (request->body == "stall") {
                peer.wait_until_closed();
                return;
            }
            peer.write(ScriptedServer::reply(200, "{}"));
        }
    });
    connect_to(server);
    std::optional<HttpResult> stalled;
    const auto begun = std::chrono::steady_clock::now();
    const HttpTransfer transfer = transport->start(
        post(server.url(), "stall"), [&](HttpResult came) { stalled.emplace(std::move(came)); });

    LONGS_EQUAL(200, reply_to(post(server.url(), "other")).status);
    CHECK_FALSE(stalled.has_value());
    CHECK(run_until(loop, [&] { return stalled.has_value(); }));

    const auto took = std::chrono::steady_clock::now() - begun;
    CHECK(took >= 400ms);
    CHECK(took < 2s);
    CHECK(std::get<HttpFailure>(*stalled).maybe_sent);
}

TEST(HttpTransport, an_endless_trickle_ends_in_time) {
    settings.request_timeout = 300ms;
    const ScriptedServer server([](Peer& peer) {
        static_cast<void>(peer.read_request());
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n");
        peer.wait_until_closed();
    });
    connect_to(server);
    const auto begun = std::chrono::steady_clock::now();

    CHECK(failure_of(post(server.url(), "x")).maybe_sent);

    CHECK(std::chrono::steady_clock::now() - begun < 2s);
}

TEST(HttpTransport, nothing_was_sent_where_nobody_listens_or_nobody_answers_tls) {
    const ScriptedServer mute([](Peer&) {}, {.mute = true});
    connect_to(mute);
    settings.connect_timeout = 200ms;
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);

    const HttpFailure silent = failure_of(post(mute.url(), "x"));
    const HttpFailure refused = failure_of(post("https://127.0.0.1:1/v2.0", "x"));

    CHECK_FALSE(silent.maybe_sent);
    CHECK_FALSE(refused.maybe_sent);
    CHECK_FALSE(transport->reachability().reachable);
}

TEST(HttpTransport, trusts_only_the_named_authority_and_the_right_name) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    const ScriptedServer other([](Peer&) {});
    connect_to(server);
    limits.resolve = {"wrong.test:" + std::to_string(server.port()) + ":127.0.0.1"};

    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);
    const HttpFailure wrong_name = failure_of(post(server.url("wrong.test"), "x"));
    settings.ca_file = other.ca_file();
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);
    const HttpFailure wrong_authority = failure_of(post(server.url(), "x"));
    settings.ca_file.clear(); // the system's
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);
    const HttpFailure unknown_authority = failure_of(post(server.url(), "x"));

    CHECK_FALSE(wrong_name.maybe_sent);
    CHECK_FALSE(wrong_authority.maybe_sent);
    CHECK_FALSE(unknown_authority.maybe_sent);
    LONGS_EQUAL(0, server.requests().size());
}

TEST(HttpTransport, a_pinned_key_must_be_the_servers) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    const ScriptedServer other([](Peer&) {});
    settings.pinned_public_key = other.pin();
    connect_to(server);
    const HttpFailure wrong = failure_of(post(server.url(), "x"));
    CHECK_FALSE(wrong.maybe_sent);

    settings.pinned_public_key = other.pin() + ";" + server.pin();
    connect_to(server);

    LONGS_EQUAL(200, reply_to(post(server.url(), "x")).status);
}

TEST(HttpTransport, refuses_tls_below_1_2) {
    const ScriptedServer server(ScriptedServer::answering([](const WireRequest&) {
                                    return ScriptedServer::reply(200, "{}");
                                }),
                                {.newest_tls = TLS1_1_VERSION});
    connect_to(server);

    CHECK_FALSE(failure_of(post(server.url(), "x")).maybe_sent);
    LONGS_EQUAL(0, server.requests().size());
}

TEST(HttpTransport, plain_http_is_for_loopback_alone) {
    const ScriptedServer server(ScriptedServer::answering([](const WireRequest&) {
                                    return ScriptedServer::reply(200, "{}");
                                }),
                                {.tls = false});
    connect_to(server);
    LONGS_EQUAL(200, reply_to(get(server.url())).status);

    limits.resolve = {"identity.test:" + std::to_string(server.port()) + ":127.0.0.1"};
    settings.url = server.url("identity.test");
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);

    CHECK(failure_of(get(settings.url)).nonsense);
    LONGS_EQUAL(1, server.requests().size());
}

TEST(HttpTransport, takes_no_proxy_from_the_environment) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    for (const char* name :
         {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"}) {
        setenv(name, "http://127.0.0.1:1", 1);
    }
    connect_to(server);

    const HttpResult result = exchange(post(server.url(), "x"));

    for (const char* name :
         {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"}) {
        unsetenv(name);
    }
    CHECK(std::holds_alternative<HttpReply>(result));
}

TEST(HttpTransport, goes_through_the_proxy_of_the_settings_whatever_no_proxy_says) {
    std::string asked;
    ScriptedServer proxy(
        [&](Peer& peer) {
            if (const auto request = peer.read_request()) {
                asked = request->method + " " + request->target;
                peer.write(ScriptedServer::reply(403, ""));
            }
        },
        {.tls = false});
    setenv("no_proxy", "*", 1);
    settings.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
    settings.url = "https://identity.test/v2.0";
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);

    const HttpFailure failure = failure_of(post(settings.url, "secret"));

    unsetenv("no_proxy");
    CHECK_FALSE(failure.maybe_sent);
    STRCMP_EQUAL("CONNECT identity.test:443", asked.c_str());
}

TEST(HttpTransport, follows_no_redirect) {
    const ScriptedServer elsewhere(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    const ScriptedServer server(ScriptedServer::answering([&](const WireRequest&) {
        return ScriptedServer::reply(307, "", "Location: " + elsewhere.url() + "\r\n");
    }));
    connect_to(server);

    LONGS_EQUAL(307, reply_to(post(server.url(), "password")).status);
    settle();

    LONGS_EQUAL(0, elsewhere.connections());
}

TEST(HttpTransport, a_huge_body_or_endless_headers_are_nonsense) {
    limits.body_bytes = 100'000;
    const ScriptedServer server([](Peer& peer) {
        const auto request = peer.read_request();
        if (request && request->body == "body") {
            peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for (int i = 0; i < 100; ++i) {
                peer.write("1000\r\n" + std::string(4096, 'x') + "\r\n");
            }
        } else if (request && request->body == "lines") {
            peer.write("HTTP/1.1 200 OK\r\n");
            for (int i = 0; i < 1000; ++i) {
                peer.write("X-Line: 1\r\n");
            }
            peer.write("\r\n");
        } else if (request) {
            peer.write("HTTP/1.1 200 OK\r\nX-Long: " + std::string(80'000, 'x') + "\r\n\r\n");
        }
        peer.wait_until_closed();
    });
    connect_to(server);

    for (const char* how : {"body", "lines", "long"}) {
        const HttpFailure failure = failure_of(post(server.url(), how));
        CHECK_TEXT(failure.nonsense, how);
        CHECK_TEXT(failure.maybe_sent, how);
    }
}

TEST(HttpTransport, reads_a_folded_header_as_one) {
    const ScriptedServer server(ScriptedServer::answering([](const WireRequest&) {
        return ScriptedServer::reply(401, "", "WWW-Authenticate: OS-MF\r\n sessionId='abc'\r\n");
    }));
    connect_to(server);

    const HttpReply reply = reply_to(get(server.url()));

    LONGS_EQUAL(1, reply.headers("WWW-Authenticate").size());
    CHECK(reply.headers("WWW-Authenticate")[0] == "OS-MF sessionId='abc'");
}

TEST(HttpTransport, headers_of_an_interim_reply_are_not_the_replys) {
    const ScriptedServer server([](Peer& peer) {
        static_cast<void>(peer.read_request());
        peer.write("HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n");
        peer.write(ScriptedServer::reply(200, "{}", "X-Late: 1\r\n"));
        peer.wait_until_closed();
    });
    connect_to(server);

    const HttpReply reply = reply_to(get(server.url()));

    LONGS_EQUAL(200, reply.status);
    LONGS_EQUAL(0, reply.headers("X-Early").size());
    LONGS_EQUAL(1, reply.headers("X-Late").size());
}

TEST(HttpTransport, tries_the_next_address_also_when_tls_fails_at_one) {
    const ScriptedServer good(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    const ScriptedServer bad([](Peer&) {}, {.address = "127.0.0.3", .port = good.port()});
    connect_to(good);
    const std::string port = std::to_string(good.port());
    limits.resolve = {"identity.test:" + port + ":127.0.0.2,127.0.0.3,127.0.0.1"};
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);

    // 127.0.0.2 refuses TCP, 127.0.0.3 has a wrong certificate.
    LONGS_EQUAL(200, reply_to(post(good.url("identity.test"), "x")).status);

    LONGS_EQUAL(1, good.requests().size());
    LONGS_EQUAL(1, bad.connections());
}

TEST(HttpTransport, tries_the_next_address_when_one_is_mute_in_tls) {
    const ScriptedServer good(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    const ScriptedServer mute([](Peer&) {},
                              {.address = "127.0.0.3", .port = good.port(), .mute = true});
    settings.connect_timeout = 200ms;
    connect_to(good);
    limits.resolve = {"identity.test:" + std::to_string(good.port()) + ":127.0.0.3,127.0.0.1"};
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);

    LONGS_EQUAL(200, reply_to(post(good.url("identity.test"), "x")).status);
}

TEST(HttpTransport, an_address_that_said_nothing_is_passed_over_for_some_minutes) {
    const ScriptedServer good([](Peer& peer) {
        static_cast<void>(peer.read_request());
        peer.write(ScriptedServer::reply(200, "{}", "Connection: close\r\n"));
    });
    const ScriptedServer mute([](Peer&) {},
                              {.address = "127.0.0.3", .port = good.port(), .mute = true});
    settings.connect_timeout = 300ms;
    connect_to(good);
    limits.resolve = {"identity.test:" + std::to_string(good.port()) + ":127.0.0.3,127.0.0.1"};
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);
    LONGS_EQUAL(200, reply_to(post(good.url("identity.test"), "x")).status);
    LONGS_EQUAL(1, mute.connections());

    LONGS_EQUAL(200, reply_to(post(good.url("identity.test"), "x")).status);

    LONGS_EQUAL_TEXT(1, mute.connections(), "it was waited for again");
    LONGS_EQUAL(2, good.connections());
}

TEST(HttpTransport, where_every_address_failed_before_they_are_tried_again) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    const ScriptedServer other([](Peer&) {});
    const std::string bundle = "/tmp/raxauth-test-" + std::to_string(getpid()) + ".pem";
    std::ofstream(bundle) << std::ifstream(other.ca_file()).rdbuf();
    settings.url = server.url();
    settings.ca_file = bundle;
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);
    const HttpFailure failure = failure_of(post(server.url(), "x"));
    CHECK_TEXT(failure.detail.find("certificate") != std::string::npos, failure.detail.c_str());
    LONGS_EQUAL(1, server.connections());

    std::ofstream(bundle) << std::ifstream(server.ca_file()).rdbuf();

    LONGS_EQUAL(200, reply_to(post(server.url(), "x")).status);
    LONGS_EQUAL(2, server.connections());
    static_cast<void>(unlink(bundle.c_str()));
}

TEST(HttpTransport, a_ca_file_replaced_in_place_is_seen_and_what_was_taken_out_is_not_believed) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    const ScriptedServer other([](Peer&) {});
    const std::string bundle = "/tmp/raxauth-test-" + std::to_string(getpid()) + ".pem";
    std::ofstream(bundle) << std::ifstream(server.ca_file()).rdbuf();
    settings.url = server.url();
    settings.ca_file = bundle;
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);
    LONGS_EQUAL(200, reply_to(post(server.url(), "x")).status);
    LONGS_EQUAL(200, reply_to(post(server.url(), "x")).status);
    LONGS_EQUAL(1, server.connections()); // kept

    std::ofstream(bundle) << std::ifstream(other.ca_file()).rdbuf();
    const HttpFailure failure = failure_of(post(server.url(), "secret"));

    CHECK_TEXT(failure.detail.find("certificate") != std::string::npos, failure.detail.c_str());
    CHECK_FALSE(failure.maybe_sent);
    LONGS_EQUAL_TEXT(2, server.requests().size(), "a kept connection was believed");

    std::ofstream(bundle) << std::ifstream(server.ca_file()).rdbuf();
    LONGS_EQUAL(200, reply_to(post(server.url(), "x")).status);
    static_cast<void>(unlink(bundle.c_str()));
}

TEST(HttpTransport, says_the_hosts_time_where_a_certificate_is_refused_for_its_dates) {
    const ScriptedServer expired([](Peer&) {}, {.valid_for = -60});
    connect_to(expired);

    const HttpFailure failure = failure_of(post(expired.url(), "x"));

    CHECK_TEXT(failure.detail.find("expired; this host's clock says 2026-01-15 12:00 UTC") !=
                   std::string::npos,
               failure.detail.c_str());
}

TEST(HttpTransport, says_how_the_hosts_clock_stands_to_the_servers_by_its_last_reply) {
    const ScriptedServer server(ScriptedServer::answering([](const WireRequest&) {
        return ScriptedServer::reply(200, "{}", "Date: Thu, 15 Jan 2026 09:30:00 GMT\r\n");
    }));
    const ScriptedServer expired([](Peer&) {}, {.valid_for = -60});
    const std::string bundle = "/tmp/raxauth-test-" + std::to_string(getpid()) + ".pem";
    std::ofstream(bundle) << std::ifstream(server.ca_file()).rdbuf()
                          << std::ifstream(expired.ca_file()).rdbuf();
    settings.url = server.url();
    settings.ca_file = bundle;
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);
    LONGS_EQUAL(200, reply_to(post(server.url(), "x")).status);

    const HttpFailure failure = failure_of(post(expired.url(), "x"));

    static_cast<void>(unlink(bundle.c_str()));
    CHECK_TEXT(failure.detail.find("says 2026-01-15 12:00 UTC, 2 h 30 min ahead of the server's") !=
                   std::string::npos,
               failure.detail.c_str());
}

TEST(HttpTransport, a_slow_name_server_does_not_count_as_connecting) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    NameServer slow(true);
    settings.connect_timeout = 150ms;
    connect_to(server);
    const Timer late = loop.after(500ms, [&slow] { slow.answer(); });

    LONGS_EQUAL(200, reply_to(post(server.url("identity.test"), "x")).status);
}

TEST(HttpTransport, names_the_name_server_where_it_gives_nothing) {
    const ScriptedServer server([](Peer&) {});
    limits.name_lookup = 200ms;
    settings.connect_timeout = 100ms;
    connect_to(server);
    {
        NameServer silent(true);
        const HttpFailure failure = failure_of(post(server.url("identity.test"), "x"));
        CHECK_TEXT(failure.detail.starts_with("the name server did not answer in time"),
                   failure.detail.c_str());
        CHECK_FALSE(failure.maybe_sent);
    }
    NameServer ignorant(false);
    ignorant.answer();
    const HttpFailure failure = failure_of(post(server.url("identity.test"), "x"));
    CHECK_TEXT(failure.detail.starts_with("no name server gave an address"),
               failure.detail.c_str());
    LONGS_EQUAL(0, server.connections());
}

TEST(HttpTransport, says_why_when_tls_fails_at_every_address) {
    const ScriptedServer bad([](Peer&) {});
    const ScriptedServer other([](Peer&) {});
    settings.ca_file = other.ca_file();
    settings.url = bad.url();
    transport = std::make_unique<HttpTransport>(loop, settings, clock, limits);

    const HttpFailure failure = failure_of(post(bad.url(), "x"));

    CHECK_TEXT(failure.detail.find("certificate") != std::string::npos, failure.detail.c_str());
    LONGS_EQUAL(1, bad.connections());
}

TEST(HttpTransport, dropping_a_transfer_cancels_it) {
    std::promise<void> asked;
    std::promise<void> closed;
    const ScriptedServer server([&](Peer& peer) {
        static_cast<void>(peer.read_request());
        asked.set_value();
        peer.wait_until_closed();
        closed.set_value();
    });
    connect_to(server);
    bool called = false;
    {
        const HttpTransfer transfer =
            transport->start(post(server.url(), "x"), [&](HttpResult) { called = true; });
        CHECK_FALSE(transfer.maybe_sent());
        CHECK(run_until(loop, [&] { return transfer.maybe_sent(); }));
        auto seen = asked.get_future();
        CHECK(run_until(
                  loop, [&] { return seen.wait_for(0s) == std::future_status::ready; }, 5s) ||
              seen.wait_for(5s) == std::future_status::ready);
    }

    CHECK(closed.get_future().wait_for(5s) == std::future_status::ready);
    settle();
    CHECK_FALSE(called);
}

TEST(HttpTransport, a_callback_may_drop_other_transfers_and_start_new_ones) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    connect_to(server);
    int calls = 0;
    bool again = false;
    HttpTransfer one;
    HttpTransfer two;
    HttpTransfer next;
    const auto done = [&](HttpResult) {
        ++calls;
        one = HttpTransfer();
        two = HttpTransfer();
        next = transport->start(post(server.url(), "3"), [&](HttpResult) { again = true; });
    };
    one = transport->start(post(server.url(), "1"), done);
    two = transport->start(post(server.url(), "2"), done);

    CHECK(run_until(loop, [&] { return again; }));

    LONGS_EQUAL(1, calls);
}

TEST(HttpTransport, a_callback_may_destroy_the_transport) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    connect_to(server);
    int calls = 0;
    std::vector<HttpTransfer> transfers;
    for (int i = 0; i < 3; ++i) {
        transfers.push_back(transport->start(post(server.url(), "x"), [&](HttpResult) {
            ++calls;
            transport.reset();
        }));
    }

    CHECK(run_until(loop, [&] { return calls > 0; }));
    settle();

    LONGS_EQUAL(1, calls);
}

TEST(HttpTransport, leaves_no_descriptor_behind) {
    const ScriptedServer server([](Peer& peer) { static_cast<void>(peer.read_request()); });
    std::size_t before = 0;
    for (int round = 0; round < 5; ++round) {
        connect_to(server);
        static_cast<void>(failure_of(post(server.url(), "x")));
        transport.reset();
        if (round == 0) { // the loop has its own by now
            settle();
            before = open_descriptors();
        }
    }

    // The server's own ends are its threads': they close when they see ours closed.
    CHECK(run_until(loop, [&] { return open_descriptors() <= before; }, 5s));
}

TEST(HttpTransport, warming_opens_a_connection_that_the_next_request_uses) {
    const ScriptedServer server(ScriptedServer::answering(
        [](const WireRequest&) { return ScriptedServer::reply(200, "{}"); }));
    connect_to(server);

    transport->warm(server.url());
    transport->warm(server.url());
    CHECK(run_until(loop, [&] { return server.requests().size() == 2; }));
    settle();
    transport->warm(server.url()); // there is a fresh one: nothing to do
    LONGS_EQUAL(200, reply_to(post(server.url() + "/tokens", "x")).status);

    LONGS_EQUAL(3, server.requests().size());
    STRCMP_EQUAL("GET", server.requests()[0].method.c_str());
    STRCMP_EQUAL("/v2.0", server.requests()[0].target.c_str());
    LONGS_EQUAL(2, server.connections());
}

TEST(HttpTransport, warming_is_bounded) {
    const ScriptedServer server([](Peer& peer) { peer.wait_until_closed(); });
    connect_to(server);

    for (int i = 0; i < 100; ++i) {
        transport->warm(server.url());
    }
    CHECK(run_until(loop, [&] { return server.connections() >= 4; }));
    settle();

    LONGS_EQUAL(4, server.connections());
}

TEST(HttpTransport, remembers_since_when_the_service_is_reachable) {
    CHECK(transport == nullptr);
    const ScriptedServer server([](Peer& peer) {
        while (const auto request = peer.read_request()) {
            if (request->body == "cut") {
                return;
            }
            peer.write(ScriptedServer::reply(503, ""));
        }
    });
    connect_to(server);
    CHECK(transport->reachability().since == WallTime{});

    const WallTime first = clock.wall();
    static_cast<void>(reply_to(post(server.url(), "x")));
    CHECK(transport->reachability().reachable); // a 503 is an answer
    CHECK(transport->reachability().since == first);
    CHECK(transport->reachability().round_trip > 0us);
    clock.advance(1min);
    static_cast<void>(reply_to(post(server.url(), "x")));
    CHECK(transport->reachability().since == first);
    static_cast<void>(failure_of(post(server.url(), "cut")));
    CHECK_FALSE(transport->reachability().reachable);
    CHECK(transport->reachability().since == clock.wall());
    CHECK_FALSE(transport->reachability().detail.empty());
    clock.advance(1min);
    static_cast<void>(reply_to(post(server.url(), "x")));

    CHECK(transport->reachability().reachable);
    CHECK(transport->reachability().since == clock.wall());
}

TEST(HttpTransport, a_dropped_task_cancels_its_request) {
    std::promise<void> closed;
    const ScriptedServer server([&](Peer& peer) {
        static_cast<void>(peer.read_request());
        peer.wait_until_closed();
        closed.set_value();
    });
    connect_to(server);
    bool resumed = false;
    {
        const Job job =
            Job::start([](HttpTransport& over, HttpRequest request, bool& came_back) -> Task<void> {
                const HttpResult result = co_await over.send(std::move(request));
                came_back = !result.valueless_by_exception();
            }(*transport, post(server.url(), "x"), resumed));
        CHECK(run_until(loop, [&] { return server.requests().size() == 1; }, 5s));
    }

    CHECK(closed.get_future().wait_for(5s) == std::future_status::ready);
    settle();
    CHECK_FALSE(resumed);
}
