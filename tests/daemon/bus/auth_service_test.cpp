// SPDX-License-Identifier: Apache-2.0
// The daemon's service on a real bus, with a scripted Identity behind it: callers of both kinds,
// the error names, and to whom a conversation belongs. The tests run as root, as ./check does:
// only so can they also call as somebody else.
#include "common/secret_pipe.h"
#include "daemon/bus/auth_service.h"
#include "daemon/bus/bus_turns.h"
#include "tests/pam/private_bus.h"
#include "tests/support/counting_revoker.h"
#include "tests/support/event_pump.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/fake_clock.h"
#include "tests/support/proof.h"
#include "tests/support/scripted_identity.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <grp.h>
#include <memory>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;

namespace {

constexpr uid_t kNobody = 65534;

/// What a call came back with: an error's name, or a step (also CheckAccount's, without an id).
struct Outcome {
    bool arrived = false;
    std::string error;
    std::uint64_t serial = 0;
    std::string state;
    std::string reason;
    std::vector<std::string> texts;
    std::string ticket;
    std::string account;
    BusMessage message;
    std::shared_ptr<sd_bus> channel; ///< of a dialogue: the caller's end
};

/// The other end of the channel that the context being written is to name.
int offered_channel = -1;

std::shared_ptr<sd_bus> make_peer(int fd) {
    Bus bus;
    CHECK_TRUE(sd_bus_new(out(bus)) >= 0);
    CHECK_TRUE(sd_bus_set_fd(bus.get(), fd, fd) >= 0);
    CHECK_TRUE(sd_bus_start(bus.get()) >= 0);
    return {bus.release(), [](sd_bus* one) { sd_bus_close_unref(one); }};
}

void read_texts(sd_bus_message* message, Outcome& outcome) {
    CHECK_TRUE(sd_bus_message_enter_container(message, 'a', "(ss)") > 0);
    const char* kind = nullptr;
    const char* text = nullptr;
    while (sd_bus_message_read(message, "(ss)", &kind, &text) > 0) {
        outcome.texts.emplace_back(text);
    }
    CHECK_TRUE(sd_bus_message_exit_container(message) >= 0);
}

void read_step(sd_bus_message* message, Outcome& outcome) {
    const char* state = nullptr;
    const char* reason = nullptr;
    CHECK_TRUE(sd_bus_message_read(message, "tss", &outcome.serial, &state, &reason) > 0);
    outcome.state = state;
    outcome.reason = reason;
    read_texts(message, outcome);
    CHECK_TRUE(sd_bus_message_enter_container(message, 'a', "{sv}") > 0);
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
        const char* key = nullptr;
        const char* value = nullptr;
        CHECK_TRUE(sd_bus_message_read(message, "s", &key) > 0);
        CHECK_TRUE(sd_bus_message_read(message, "v", "s", &value) > 0);
        (std::strcmp(key, "ticket") == 0 ? outcome.ticket : outcome.account) = value;
        CHECK_TRUE(sd_bus_message_exit_container(message) >= 0);
    }
}

/// Somebody on the bus, as root.
class Client {
  public:
    Client(Loop& loop, const char* address) : loop_(loop) {
        CHECK_TRUE(sd_bus_new(out(bus_)) >= 0);
        CHECK_TRUE(sd_bus_set_address(bus_.get(), address) >= 0);
        CHECK_TRUE(sd_bus_set_bus_client(bus_.get(), 1) >= 0);
        CHECK_TRUE(sd_bus_negotiate_fds(bus_.get(), 1) >= 0);
        CHECK_TRUE(sd_bus_start(bus_.get()) >= 0);
        CHECK_TRUE(sd_bus_attach_event(bus_.get(), loop.event(), SD_EVENT_PRIORITY_NORMAL) >= 0);
    }

    using Fill = std::function<void(sd_bus_message*)>;
    /// Sends and does not wait. The outcome stays where it is.
    Outcome& send(const char* member, const Fill& fill) {
        BusMessage call;
        CHECK_TRUE(sd_bus_message_new_method_call(bus_.get(), out(call), contract::kBusName,
                                                  contract::kObject, contract::kInterface,
                                                  member) >= 0);
        fill(call.get());
        outcomes_.push_back(std::make_unique<Outcome>());
        CHECK_TRUE(sd_bus_call_async(bus_.get(), nullptr, call.get(), &Client::on_reply,
                                     outcomes_.back().get(), 20'000'000) >= 0);
        return *outcomes_.back();
    }
    Outcome& call(const char* member, const Fill& fill = [](sd_bus_message*) {}) {
        Outcome& outcome = send(member, fill);
        CHECK_TRUE_TEXT(run_until(loop_, [&] { return outcome.arrived; }), member);
        run_until_idle(loop_);
        return outcome;
    }
    /// A step of a dialogue; a Begin... comes with a channel.
    Outcome& step(const char* member, const Fill& fill) {
        int ends[2];
        CHECK_TRUE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        Outcome* outcome = nullptr;
        {
            const UniqueFd other_end(ends[1]);
            offered_channel = other_end.get();
            outcome = &send(member, fill);
            offered_channel = -1;
        }
        outcome->channel = make_peer(ends[0]);
        CHECK_TRUE(sd_bus_attach_event(outcome->channel.get(), loop_.event(), 0) >= 0);
        CHECK_TRUE_TEXT(run_until(loop_, [&] { return outcome->arrived; }), member);
        run_until_idle(loop_);
        if (outcome->error.empty()) {
            read_step(outcome->message.get(), *outcome);
        }
        return *outcome;
    }
    /// Says something on the channel of `asked`, and does not wait.
    Outcome& say(const Outcome& asked, const char* member, const Fill& fill) {
        BusMessage call;
        CHECK_TRUE(sd_bus_message_new_method_call(asked.channel.get(), out(call), nullptr,
                                                  contract::kConversationObject,
                                                  contract::kConversationInterface, member) >= 0);
        fill(call.get());
        outcomes_.push_back(std::make_unique<Outcome>());
        outcomes_.back()->channel = asked.channel;
        CHECK_TRUE(sd_bus_call_async(asked.channel.get(), nullptr, call.get(), &Client::on_reply,
                                     outcomes_.back().get(), 20'000'000) >= 0);
        return *outcomes_.back();
    }
    Outcome& send_answer(const Outcome& asked, const std::vector<std::string>& texts) {
        return say(asked, "Answer", [&](sd_bus_message* call) {
            CHECK_TRUE(sd_bus_message_append(call, "t", asked.serial) >= 0);
            CHECK_TRUE(sd_bus_message_open_container(call, 'a', "ay") >= 0);
            for (const std::string& text : texts) {
                CHECK_TRUE(sd_bus_message_append_array(call, 'y', text.data(), text.size()) >= 0);
            }
            CHECK_TRUE(sd_bus_message_close_container(call) >= 0);
        });
    }
    Outcome& wait_for(Outcome& outcome) {
        CHECK_TRUE(run_until(loop_, [&] { return outcome.arrived; }));
        run_until_idle(loop_);
        if (outcome.error.empty()) {
            read_step(outcome.message.get(), outcome);
        }
        return outcome;
    }
    sd_bus* bus() const noexcept { return bus_.get(); }

  private:
    static int on_reply(sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
        auto& outcome = *static_cast<Outcome*>(userdata);
        outcome.arrived = true;
        if (sd_bus_message_is_method_error(reply, nullptr) != 0) {
            outcome.error = sd_bus_message_get_error(reply)->name;
        }
        outcome.message.reset(sd_bus_message_ref(reply));
        return 0;
    }

    Loop& loop_;
    std::vector<std::unique_ptr<Outcome>> outcomes_;
    Bus bus_; ///< goes first: no reply comes any more
};

} // namespace

TEST_GROUP(AuthService) {
    PrivateBus bus;
    TemporaryDirectory directory;
    Loop loop;
    FakeClock clock;
    CountingRevoker revoker;
    identity::Revocations revocations{loop};
    std::unique_ptr<limits::Limiter> limiter;
    FakeAccounts accounts;
    sessions::SessionStore sessions{loop, clock};
    flows::PendingEnrolments enrolments{loop, [] { return nullptr; }};
    conversation::Registry registry{loop};
    journal::History history{clock};
    ConfigurationInForce in_force;
    ScriptedIdentity* identity = nullptr;
    int reloads = 0;
    std::optional<bus::AuthService> service;
    std::optional<Client> client;

    void setup() override {
        LONGS_EQUAL_TEXT(0, ::geteuid(), "these tests need root");
        accounts.add("alice", 1001);
        accounts.add("nobody", kNobody);
        configure([](settings::Settings&) {});
        limiter = std::make_unique<limits::Limiter>(
            clock, in_force.configuration->settings.limits, directory.path("."),
            [this](std::function<void()> callback) { loop.post(std::move(callback)); });
        service.emplace(bus::Rooms{loop, clock, *limiter, accounts, sessions, registry, history,
                                   revocations, enrolments, [this] { return in_force; },
                                   [this] { ++reloads; }},
                        bus.address());
        client.emplace(loop, bus.address());
    }
    void teardown() override {
        registry.stop();
        run_until_idle(loop);
        client.reset();
        service.reset();
        sessions.clear();
        run_until_idle(loop);
        UNSIGNED_LONGS_EQUAL_TEXT(0, registry.live(), "a conversation is left");
        CHECK_TRUE_TEXT(revoker.balanced(), "a token was leaked or ended twice");
    }

    void configure(const std::function<void(settings::Settings&)>& change) {
        auto fresh = std::make_shared<Configuration>();
        fresh->settings.access.any_domain = true;
        fresh->settings.accounts.maximum_uid = kNobody; // the one user that every machine has
        fresh->settings.accounts.map["alice"] = "alice.smith";
        change(fresh->settings);
        auto scripted = std::make_unique<ScriptedIdentity>();
        identity = scripted.get();
        fresh->identity = std::move(scripted);
        in_force.configuration = std::move(fresh);
    }
    void script_a_good_sign_in() {
        identity->challenges("session-1").at_step_2([this] {
            return Proof{}.issue(revoker, clock);
        });
    }

    static Client::Fill context(const char* user, const Client::Fill& more = {}) {
        return [user, more](sd_bus_message* call) {
            CHECK_TRUE(sd_bus_message_open_container(call, 'a', "{sv}") >= 0);
            CHECK_TRUE(sd_bus_message_append(call, "{sv}", "user", "s", user) >= 0);
            CHECK_TRUE(sd_bus_message_append(call, "{sv}", "service", "s", "sshd") >= 0);
            CHECK_TRUE(sd_bus_message_append(call, "{sv}", "remote-host", "s", "192.0.2.7") >= 0);
            if (offered_channel >= 0) {
                CHECK_TRUE(sd_bus_message_append(call, "{sv}", "channel", "h", offered_channel) >=
                           0);
            }
            if (more) {
                more(call);
            }
            CHECK_TRUE(sd_bus_message_close_container(call) >= 0);
        };
    }
    Outcome& begin(const char* user = "alice") {
        return client->step("BeginSignIn", context(user));
    }
    Outcome& answer(const Outcome& asked, const std::vector<std::string>& texts) {
        return client->wait_for(client->send_answer(asked, texts));
    }
    /// The caller of `asked` is gone.
    void leave(Outcome & asked) {
        sd_bus_detach_event(asked.channel.get());
        sd_bus_close(asked.channel.get());
        asked.channel.reset();
    }
    static void check_step(const Outcome& got, const char* state, const char* reason) {
        STRCMP_EQUAL("", got.error.c_str());
        STRCMP_EQUAL(state, got.state.c_str());
        STRCMP_EQUAL(reason, got.reason.c_str());
    }
    static void check_error(const Outcome& got, const char* name) {
        STRCMP_EQUAL(name, got.error.c_str());
    }
    std::string last_reason() {
        std::string reason;
        history.each([&](const journal::PastVerdict& past) {
            reason = word(past.reason);
            return false;
        });
        return reason;
    }

    /// Runs `talk` in a process of uid nobody with a connection of its own, while the service goes
    /// on here; gives what it returns.
    std::string as_nobody(const std::function<std::string(sd_bus*)>& talk) {
        const std::string socket(std::strchr(bus.address(), '/'));
        std::filesystem::permissions(std::filesystem::path(socket).parent_path(),
                                     std::filesystem::perms{0711});
        int ends[2];
        CHECK_TRUE(::pipe2(ends, O_CLOEXEC) == 0);
        const pid_t child = ::fork();
        if (child == 0) {
            std::string said = "no connection";
            sd_bus* own = nullptr;
            if (::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
                ::setresuid(kNobody, kNobody, kNobody) == 0 && sd_bus_new(&own) >= 0 &&
                sd_bus_set_address(own, bus.address()) >= 0 && sd_bus_set_bus_client(own, 1) >= 0 &&
                sd_bus_negotiate_fds(own, 1) >= 0 && sd_bus_start(own) >= 0) {
                said = talk(own);
            }
            static_cast<void>(!::write(ends[1], said.data(), said.size()));
            ::_exit(0);
        }
        const UniqueFd reading(ends[0]);
        ::close(ends[1]);
        std::string heard;
        bool over = false;
        const IoWatch watch = loop.watch(reading.get(), EPOLLIN, [&](std::uint32_t) {
            char buffer[1024];
            const ssize_t got = ::read(reading.get(), buffer, sizeof buffer);
            over = got <= 0;
            heard.append(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
        });
        CHECK_TRUE(run_until(loop, [&] { return over; }));
        ::waitpid(child, nullptr, 0);
        return heard;
    }
    /// For use in such a process: the error's name, or the reply's first texts.
    static std::string say(sd_bus * own, const char* member, const Client::Fill& fill,
                           sd_bus_message** keep = nullptr) {
        sd_bus_message* call = nullptr;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message* reply = nullptr;
        int ends[2] = {-1, -1};
        if (std::string_view(member).starts_with("Begin") &&
            ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
            return "no pair";
        }
        offered_channel = ends[1]; // the process that this runs in does nothing else
        if (sd_bus_message_new_method_call(own, &call, contract::kBusName, contract::kObject,
                                           contract::kInterface, member) < 0) {
            return "no call";
        }
        fill(call);
        offered_channel = -1;
        if (sd_bus_call(own, call, 10'000'000, &error, &reply) < 0) {
            return error.name;
        }
        if (keep != nullptr) {
            *keep = reply;
        }
        return "done";
    }
};

// --- A sign-in

TEST(AuthService, carries_a_sign_in_from_begin_to_granted) {
    script_a_good_sign_in();

    Outcome& first = begin();
    check_step(first, "ask", "");
    CHECK_TRUE(first.texts.at(0).find("assword: ") != std::string::npos);

    Outcome& second = answer(first, {"secret"});
    check_step(second, "ask", "");
    CHECK_TRUE(second.texts.at(0).find("asscode: ") != std::string::npos);
    CHECK_TRUE(first.serial != second.serial);

    Outcome& verdict = answer(second, {"1411594"});
    check_step(verdict, "granted", "mfa-proven");
    UNSIGNED_LONGS_EQUAL(64, verdict.ticket.size());
    STRCMP_EQUAL("alice.smith", verdict.account.c_str());
    UNSIGNED_LONGS_EQUAL(0, registry.live());
    STRCMP_EQUAL("mfa-proven", last_reason().c_str());
}

TEST(AuthService, asks_nss_only_where_root_does_not_tell_what_that_said) {
    accounts.broken = true;
    const auto begin_with = [&](std::uint32_t uid) -> Outcome& {
        return client->step(
            "BeginSignIn", context("alice", [uid](sd_bus_message* call) {
                CHECK_TRUE(sd_bus_message_append(call, "{sv}", "account-uid", "u", uid) >= 0);
            }));
    };

    check_step(begin_with(1001), "ask", "");
    check_step(begin_with(2), "ignored", "exempt");
    // A name that NSS does not know takes no longer than one that it knows.
    check_step(begin_with(contract::kUnsetId), "ask", "");
    check_step(begin(), "denied", "lookup-failed");
}

TEST(AuthService, takes_the_password_from_the_context_through_a_pipe) {
    script_a_good_sign_in();

    const UniqueFd pipe = send_through_pipe("secret");
    Outcome& first = client->step(
        "BeginSignIn", context("alice", [&](sd_bus_message* call) {
            CHECK_TRUE(sd_bus_message_append(call, "{sv}", "password", "h", pipe.get()) >= 0);
        }));

    check_step(first, "ask", "");
    CHECK_TRUE(first.texts.at(0).find("asscode: ") != std::string::npos);
    STRCMP_EQUAL("secret", identity->calls.at(0).credential.c_str());
}

TEST(AuthService, opens_and_closes_a_session_with_the_ticket) {
    script_a_good_sign_in();
    Outcome& first = begin();
    Outcome& second = answer(first, {"secret"});
    const std::string ticket = answer(second, {"1411594"}).ticket;
    const Client::Fill session = context("alice", [&](sd_bus_message* call) {
        CHECK_TRUE(sd_bus_message_append(call, "{sv}", "ticket", "s", ticket.c_str()) >= 0);
        CHECK_TRUE(sd_bus_message_append(call, "{sv}", "audit-session", "u", 11U) >= 0);
        CHECK_TRUE(sd_bus_message_append(call, "{sv}", "login-uid", "u", 1001U) >= 0);
    });

    Outcome& opened = client->call("OpenSession", session);
    const char* handle = nullptr;
    CHECK_TRUE(sd_bus_message_read(opened.message.get(), "s", &handle) > 0);
    UNSIGNED_LONGS_EQUAL(64, std::strlen(handle));
    UNSIGNED_LONGS_EQUAL(1, sessions.size());

    Outcome& again = client->call("OpenSession", session);
    const char* none = nullptr;
    CHECK_TRUE(sd_bus_message_read(again.message.get(), "s", &none) > 0);
    STRCMP_EQUAL("", none);
    UNSIGNED_LONGS_EQUAL(1, sessions.size());

    Outcome& closed = client->call("CloseSession", [&](sd_bus_message* call) {
        CHECK_TRUE(sd_bus_message_append(call, "s", handle) >= 0);
    });
    STRCMP_EQUAL("", closed.error.c_str());
    UNSIGNED_LONGS_EQUAL(0, sessions.size());
    UNSIGNED_LONGS_EQUAL(0, revoker.live());
}

TEST(AuthService, believes_of_sessions_that_are_gone_the_owner_of_loginds_name_alone) {
    script_a_good_sign_in();
    Outcome& first = begin();
    const std::string ticket = answer(answer(first, {"secret"}), {"1411594"}).ticket;
    client->call(
        "OpenSession", context("alice", [&](sd_bus_message* call) {
            CHECK_TRUE(sd_bus_message_append(call, "{sv}", "ticket", "s", ticket.c_str()) >= 0);
            CHECK_TRUE(sd_bus_message_append(call, "{sv}", "session", "s", "c999999999") >= 0);
            CHECK_TRUE(sd_bus_message_append(call, "{sv}", "audit-session", "u", 11U) >= 0);
            CHECK_TRUE(sd_bus_message_append(call, "{sv}", "login-uid", "u", 1001U) >= 0);
        }));
    UNSIGNED_LONGS_EQUAL(1, sessions.size());
    const auto say_removed = [this](Client& from) {
        const char* service_name = nullptr;
        CHECK_TRUE(sd_bus_get_unique_name(service->bus(), &service_name) >= 0);
        BusMessage signal;
        CHECK_TRUE(sd_bus_message_new_signal(from.bus(), out(signal), "/org/freedesktop/login1",
                                             "org.freedesktop.login1.Manager",
                                             "SessionRemoved") >= 0);
        CHECK_TRUE(sd_bus_message_set_destination(signal.get(), service_name) >= 0);
        CHECK_TRUE(sd_bus_message_append(signal.get(), "so", "c999999999", "/x") >= 0);
        CHECK_TRUE(sd_bus_send(from.bus(), signal.get(), nullptr) >= 0);
        from.call("GetStatus"); // what was sent before it has arrived
    };

    say_removed(*client);
    UNSIGNED_LONGS_EQUAL(1, sessions.size());

    Client logind(loop, bus.address());
    CHECK_TRUE(sd_bus_request_name(logind.bus(), "org.freedesktop.login1", 0) >= 0);
    say_removed(*client);
    UNSIGNED_LONGS_EQUAL(1, sessions.size());
    say_removed(logind);
    UNSIGNED_LONGS_EQUAL(0, sessions.size());
}

TEST(AuthService, lets_others_have_their_turn_while_messages_come_without_end) {
    constexpr unsigned kMessages = 500;
    for (unsigned i = 0; i < kMessages; ++i) { // all are there before the service looks
        BusMessage ping;
        CHECK_TRUE(sd_bus_message_new_method_call(client->bus(), out(ping), contract::kBusName,
                                                  contract::kObject, "org.freedesktop.DBus.Peer",
                                                  "Ping") >= 0);
        CHECK_TRUE(sd_bus_message_set_expect_reply(ping.get(), 0) >= 0);
        CHECK_TRUE(sd_bus_send(client->bus(), ping.get(), nullptr) >= 0);
    }
    CHECK_TRUE(sd_bus_flush(client->bus()) >= 0);
    struct Seen {
        unsigned all = 0;
        unsigned in_a_row = 0;
        unsigned most = 0;
    } seen;
    BusSlot counter;
    CHECK_TRUE(sd_bus_add_filter(
                   service->bus(), out(counter),
                   [](sd_bus_message*, void* userdata, sd_bus_error*) {
                       auto& so_far = *static_cast<Seen*>(userdata);
                       ++so_far.all;
                       so_far.most = std::max(so_far.most, ++so_far.in_a_row);
                       return 0;
                   },
                   &seen) >= 0);
    Deferred turn;
    turn = loop.deferred([&] {
        seen.in_a_row = 0;
        turn.arm();
    });
    turn.arm();

    CHECK_TRUE(run_until(loop, [&] { return seen.all >= kMessages; }));

    CHECK_TRUE_TEXT(seen.most <= 2 * bus::BusTurns::kMostInARow, std::to_string(seen.most).c_str());
}

TEST(AuthService, shows_what_is_wrong_with_the_configuration_to_root_alone) {
    in_force.trouble = "raxauth.toml:3: access.domians: \"s3cret\"";
    const auto shown = [](sd_bus_message* reply) {
        const char* key = nullptr;
        std::string value = "nothing";
        static_cast<void>(sd_bus_message_enter_container(reply, 'a', "{sv}"));
        while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
            const char* text = nullptr;
            static_cast<void>(sd_bus_message_read(reply, "s", &key));
            if (std::string_view(key) == "configuration") {
                static_cast<void>(sd_bus_message_read(reply, "v", "s", &text));
                value = text;
            } else {
                static_cast<void>(sd_bus_message_skip(reply, "v"));
            }
            static_cast<void>(sd_bus_message_exit_container(reply));
        }
        return value;
    };
    STRCMP_EQUAL(in_force.trouble.c_str(), shown(client->call("GetStatus").message.get()).c_str());

    const std::string said = as_nobody([&](sd_bus* own) {
        sd_bus_message* reply = nullptr;
        const std::string result = say(own, "GetStatus", [](sd_bus_message*) {}, &reply);
        return reply != nullptr ? shown(reply) : result;
    });
    CHECK_TRUE_TEXT(said.find("s3cret") == std::string::npos, said.c_str());
    CHECK_TRUE_TEXT(said.starts_with("has errors"), said.c_str());
}

TEST(AuthService, lets_nobody_wash_out_what_roots_programs_were_told) {
    client->call("CheckAccount", context("alice"));
    const std::string said = as_nobody([](sd_bus* own) {
        std::string last;
        for (int i = 0; i < 150; ++i) {
            last = say(own, "CheckAccount", context("nobody"));
        }
        return last;
    });
    STRCMP_EQUAL("done", said.c_str());
    for (std::size_t i = 0; i < journal::History::kMost; ++i) {
        journal::VerdictLine line;
        line.hook = "account";
        line.user = "nobody";
        line.asked_by_root = false;
        history.record(line);
    }

    std::size_t all = 0;
    std::string oldest;
    history.each([&](const journal::PastVerdict& past) {
        ++all;
        oldest = past.user;
        return true;
    });
    STRCMP_EQUAL("alice", oldest.c_str());
    UNSIGNED_LONGS_EQUAL(journal::History::kMost + 1, all);
}

TEST(AuthService, keeps_a_callers_share_until_the_reply) {
    configure([](settings::Settings& settings) { // so that each check asks NSS for groups as well
        settings.accounts.exempt_groups = {"wheel"};
    });
    Gate groups;
    groups.shut();
    accounts.group_gate = &groups;
    const std::string said = as_nobody([this](sd_bus* own) {
        // More connections than one uid may have waiting at once.
        std::vector<sd_bus*> more;
        unsigned refused = 0;
        for (int i = 0; i < 3; ++i) {
            sd_bus* one = nullptr;
            if (sd_bus_new(&one) < 0 || sd_bus_set_address(one, bus.address()) < 0 ||
                sd_bus_set_bus_client(one, 1) < 0 || sd_bus_start(one) < 0) {
                return std::string("no connection");
            }
            more.push_back(one);
        }
        static_cast<void>(own);
        for (sd_bus* one : more) {
            for (int i = 0; i < 7; ++i) {
                sd_bus_message* call = nullptr;
                static_cast<void>(sd_bus_message_new_method_call(
                    one, &call, contract::kBusName, contract::kObject, contract::kInterface,
                    "CheckAccount"));
                context("nobody")(call);
                static_cast<void>(sd_bus_call_async(
                    one, nullptr, call,
                    [](sd_bus_message* reply, void* userdata, sd_bus_error*) {
                        *static_cast<unsigned*>(userdata) +=
                            sd_bus_message_is_method_error(reply, contract::error::kLimitExceeded) >
                                    0
                                ? 1U
                                : 0U;
                        return 0;
                    },
                    &refused, 5'000'000));
            }
            static_cast<void>(sd_bus_flush(one));
        }
        for (int turn = 0; turn < 200 && refused < 5; ++turn) {
            for (sd_bus* one : more) {
                while (sd_bus_process(one, nullptr) > 0) {
                }
                static_cast<void>(sd_bus_wait(one, 5000));
            }
        }
        return std::to_string(refused);
    });
    accounts.group_gate = nullptr;
    groups.open();
    STRCMP_EQUAL("5", said.c_str()); // of 21 calls, 16 wait
}

TEST(AuthService, checks_an_account) {
    Outcome& checked = client->call("CheckAccount", context("alice"));

    const char* state = nullptr;
    const char* reason = nullptr;
    CHECK_TRUE(sd_bus_message_read(checked.message.get(), "ss", &state, &reason) > 0);
    STRCMP_EQUAL("denied", state);
    STRCMP_EQUAL("no-sign-in", reason);
    STRCMP_EQUAL("no-sign-in", last_reason().c_str());
}

// --- A conversation and its channel

TEST(AuthService, goes_on_after_its_caller_has_left_the_bus) {
    script_a_good_sign_in();
    Outcome& first = begin();
    sd_bus_close(client->bus());

    Outcome& second = answer(first, {"secret"});

    check_step(second, "ask", "");
    check_step(answer(second, {"1411594"}), "granted", "mfa-proven");
}

TEST(AuthService, ends_a_conversation_when_its_caller_hangs_up) {
    Outcome& first = begin();
    check_step(first, "ask", "");
    UNSIGNED_LONGS_EQUAL(1, registry.live());

    leave(first);

    CHECK_TRUE(run_until(loop, [this] { return registry.live() == 0; }));
    STRCMP_EQUAL("", last_reason().c_str()); // nothing was decided
}

TEST(AuthService, ends_a_conversation_when_its_caller_hangs_up_while_identity_is_asked) {
    script_a_good_sign_in();
    Outcome& first = begin();
    identity->gate->shut();
    client->send_answer(first, {"secret"});
    CHECK_TRUE(run_until(loop, [this] { return identity->under_way() == 1; }));

    sd_bus_detach_event(first.channel.get());
    sd_bus_close(first.channel.get());

    CHECK_TRUE(run_until(loop, [this] { return registry.live() == 0; }));
    run_until_idle(loop);
    UNSIGNED_LONGS_EQUAL(0, identity->under_way());
}

TEST(AuthService, ends_a_conversation_on_cancel) {
    Outcome& first = begin();

    Outcome& cancelled = client->say(first, "Cancel", [](sd_bus_message*) {});
    CHECK_TRUE(run_until(loop, [&] { return cancelled.arrived; }));

    STRCMP_EQUAL("", cancelled.error.c_str());
    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

// --- Errors

TEST(AuthService, refuses_a_stale_serial_and_goes_on) {
    script_a_good_sign_in();
    Outcome& first = begin();
    Outcome& second = answer(first, {"secret"});

    check_error(answer(first, {"secret"}), contract::error::kStaleSerial);

    check_step(answer(second, {"1411594"}), "granted", "mfa-proven");
}

TEST(AuthService, is_busy_for_a_second_call_in_flight) {
    script_a_good_sign_in();
    Outcome& first = begin();
    identity->gate->shut();
    Outcome& in_flight = client->send_answer(first, {"secret"});
    CHECK_TRUE(run_until(loop, [this] { return identity->under_way() == 1; }));

    check_error(answer(first, {"secret"}), contract::error::kBusy);
    CHECK_FALSE(in_flight.arrived);

    identity->gate->open();
    CHECK_TRUE(run_until(loop, [&] { return in_flight.arrived; }));
    STRCMP_EQUAL("", in_flight.error.c_str());
    UNSIGNED_LONGS_EQUAL(1, identity->calls.size());
}

TEST(AuthService, ends_a_conversation_at_an_answer_that_is_too_long) {
    Outcome& first = begin();

    check_error(answer(first, {std::string(contract::kMaxAnswerBytes + 1, 'x')}),
                contract::error::kInvalidContext);

    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

TEST(AuthService, ends_a_conversation_at_the_wrong_number_of_answers) {
    Outcome& first = begin();

    check_error(answer(first, {"secret", "1411594"}), contract::error::kInvalidContext);

    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

TEST(AuthService, tells_a_module_without_a_channel_that_nobody_can_sign_in_now) {
    check_error(client->call("BeginSignIn", context("alice")), contract::error::kBusy);
    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

TEST(AuthService, takes_nothing_but_an_end_of_a_socket_pair_for_a_channel) {
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    int pipes[2];
    CHECK_TRUE(::pipe2(pipes, O_CLOEXEC) == 0);
    const UniqueFd reading(pipes[0]);
    const UniqueFd writing(pipes[1]);
    for (const int fd : {null.get(), reading.get()}) {
        check_error(client->call("BeginSignIn", context("alice",
                                                        [fd](sd_bus_message* call) {
                                                            CHECK_TRUE(sd_bus_message_append(
                                                                           call, "{sv}", "channel",
                                                                           "h", fd) >= 0);
                                                        })),
                    contract::error::kInvalidContext);
    }
    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

TEST(AuthService, refuses_a_context_that_cannot_be_read_or_names_no_user) {
    for (const char* member :
         {"BeginSignIn", "BeginEnrolment", "BeginPasswordChange", "CheckAccount", "OpenSession"}) {
        check_error(client->step(member, context("",
                                                 [](sd_bus_message* call) {
                                                     CHECK_TRUE(sd_bus_message_append(call, "{sv}",
                                                                                      "user", "u",
                                                                                      7U) >= 0);
                                                 })),
                    contract::error::kInvalidContext);
        check_error(client->step(member, context("")), contract::error::kInvalidContext);
    }
}

TEST(AuthService, denies_a_name_the_grammar_refuses_without_a_conversation) {
    for (const char* name : {"-rf", "al ice", "alice:x", "../alice", "alice\n"}) {
        check_step(begin(name), "denied", "invalid-user-name");
        UNSIGNED_LONGS_EQUAL(0, registry.live());
    }
}

TEST(AuthService, is_unavailable_while_the_configuration_is_unusable) {
    in_force.configuration = nullptr;
    in_force.trouble = "raxauth.toml:1: nonsense";

    check_step(begin(), "unavailable", "misconfigured");
    Outcome& checked = client->call("CheckAccount", context("alice"));
    const char* state = nullptr;
    CHECK_TRUE(sd_bus_message_read(checked.message.get(), "s", &state) > 0);
    STRCMP_EQUAL("unavailable", state);
}

TEST(AuthService, refuses_the_newcomer_when_too_many_sign_in) {
    configure([](settings::Settings& settings) { settings.limits.conversations_per_user = 1; });
    check_step(begin(), "ask", "");

    check_error(client->step("BeginSignIn", context("alice")), contract::error::kLimitExceeded);

    UNSIGNED_LONGS_EQUAL(1, registry.live());
    STRCMP_EQUAL("too-many-conversations", last_reason().c_str());
}

TEST(AuthService, goes_on_with_the_settings_a_conversation_began_with) {
    script_a_good_sign_in();
    ScriptedIdentity* const before = identity;
    Outcome& first = begin();

    configure([](settings::Settings& settings) { settings.access = {}; }); // a reload

    Outcome& second = answer(first, {"secret"});
    check_step(answer(second, {"1411594"}), "granted", "mfa-proven");
    UNSIGNED_LONGS_EQUAL(0, identity->calls.size());
    CHECK_TRUE(before != identity);
}

TEST(AuthService, leaves_the_name_to_who_has_it) {
    CHECK_THROWS(
        std::system_error,
        bus::AuthService(bus::Rooms{loop, clock, *limiter, accounts, sessions, registry, history,
                                    revocations, enrolments, [this] { return in_force; }, [] {}},
                         bus.address()));

    check_step(begin(), "ask", ""); // and the first goes on
}

TEST(AuthService, reloads_for_root_and_says_what_is_wrong) {
    STRCMP_EQUAL("", client->call("Reload").error.c_str());
    LONGS_EQUAL(1, reloads);

    in_force.trouble = "raxauth.toml:1: nonsense";
    CHECK_FALSE(client->call("Reload").error.empty());
}

// --- Callers who are not root

TEST(AuthService, lets_others_act_for_their_own_account_alone) {
    const std::string said = as_nobody([](sd_bus* own) {
        return say(own, "BeginSignIn", context("alice")) + '\n' +
               say(own, "CheckAccount", context("alice"));
    });

    const std::string denied = contract::error::kAccessDenied;
    STRCMP_EQUAL((denied + '\n' + denied).c_str(), said.c_str());
    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

TEST(AuthService, refuses_a_user_who_calls_too_often_and_serves_the_others) {
    const std::string said = as_nobody([](sd_bus* own) {
        unsigned served = 0;
        std::string last;
        while (served < 1000) {
            last = say(own, "CheckAccount", context("nobody"));
            if (last != "done") {
                break;
            }
            ++served;
        }
        return std::to_string(served) + ' ' + last;
    });

    STRCMP_EQUAL(("200 " + std::string(contract::error::kLimitExceeded)).c_str(), said.c_str());
    check_step(begin(), "ask", "");
}

TEST(AuthService, serves_no_connection_many_calls_at_once) {
    accounts.own_gate.shut();
    std::vector<Outcome*> calls;
    for (int i = 0; i < 20; ++i) {
        calls.push_back(&client->send("CheckAccount", context("alice")));
    }
    const auto refused = [&calls] {
        return std::count_if(calls.begin(), calls.end(), [](const Outcome* call) {
            return call->error == contract::error::kLimitExceeded;
        });
    };
    CHECK_TRUE(run_until(loop, [&] { return refused() == 12; }));
    Client other(loop, bus.address());
    const Outcome& also_waits = other.send("CheckAccount", context("alice"));
    accounts.own_gate.open();
    CHECK_TRUE(run_until(loop, [&] {
        return also_waits.arrived && std::all_of(calls.begin(), calls.end(),
                                                 [](const Outcome* call) { return call->arrived; });
    }));
    LONGS_EQUAL(12, refused());
    STRCMP_EQUAL("", also_waits.error.c_str());
    // Those that were served make room for as many.
    STRCMP_EQUAL("", client->call("CheckAccount", context("alice")).error.c_str());
}

TEST(AuthService, believes_nothing_of_what_others_claim) {
    const std::string said = as_nobody([](sd_bus* own) {
        sd_bus_message* reply = nullptr;
        const Client::Fill claims = context("nobody", [](sd_bus_message* call) {
            static_cast<void>(sd_bus_message_append(call, "{sv}", "login-uid", "u", kNobody));
            static_cast<void>(
                sd_bus_message_append(call, "{sv}", "account-uid", "u", 0U)); // exempt
            static_cast<void>(sd_bus_message_append(call, "{sv}", "audit-session", "u", 11U));
            static_cast<void>(sd_bus_message_append(call, "{sv}", "signed-in", "b", 1));
        });
        std::string result = say(own, "BeginSignIn", claims, &reply);
        if (reply == nullptr) {
            return result;
        }
        Outcome step;
        read_step(reply, step);
        result = step.state + '\n' + step.texts.at(0) + '\n';
        // signed-in would let this pass where the service wants a sign-in.
        say(own, "CheckAccount", claims, &reply);
        const char* state = nullptr;
        const char* reason = nullptr;
        static_cast<void>(sd_bus_message_read(reply, "ss", &state, &reason));
        return result + state + ' ' + reason;
    });

    CHECK_TRUE_TEXT(said.starts_with("ask\n"), said.c_str());
    CHECK_TRUE_TEXT(said.find("sshd") == std::string::npos, said.c_str());
    CHECK_TRUE_TEXT(said.ends_with("granted local-rules"), said.c_str());
    std::string remote_host = "?";
    history.each([&](const journal::PastVerdict& past) {
        remote_host = past.remote_host;
        STRCMP_EQUAL("user", past.service.c_str());
        return true;
    });
    STRCMP_EQUAL("", remote_host.c_str());
}

TEST(AuthService, ends_the_conversation_of_a_process_that_dies) {
    const std::string said =
        as_nobody([](sd_bus* own) { return say(own, "BeginSignIn", context("nobody")); });

    STRCMP_EQUAL("done", said.c_str());
    CHECK_TRUE(run_until(loop, [this] { return registry.live() == 0; }));
}

TEST(AuthService, lets_root_alone_open_close_flush_and_reload) {
    const std::string said = as_nobody([](sd_bus* own) {
        const Client::Fill text = [](sd_bus_message* call) {
            static_cast<void>(sd_bus_message_append(call, "s", "nobody"));
        };
        return say(own, "OpenSession", context("nobody")) + '\n' + say(own, "CloseSession", text) +
               '\n' + say(own, "Flush", text) + '\n' + say(own, "Reload", [](sd_bus_message*) {});
    });

    const std::string denied = SD_BUS_ERROR_ACCESS_DENIED;
    STRCMP_EQUAL((denied + '\n' + denied + '\n' + denied + '\n' + denied).c_str(), said.c_str());
    LONGS_EQUAL(0, reloads);
}

TEST(AuthService, denies_a_caller_whose_uid_nss_does_not_know) {
    accounts.remove("nobody");

    const std::string said =
        as_nobody([](sd_bus* own) { return say(own, "BeginSignIn", context("nobody")); });

    STRCMP_EQUAL(contract::error::kAccessDenied, said.c_str());
}

// --- Properties

TEST(AuthService, tells_how_many_converse) {
    begin();
    BusMessage call;
    CHECK_TRUE(sd_bus_message_new_method_call(client->bus(), out(call), contract::kBusName,
                                              contract::kObject, "org.freedesktop.DBus.Properties",
                                              "Get") >= 0);
    CHECK_TRUE(sd_bus_message_append(call.get(), "ss", contract::kInterface, "LiveConversations") >=
               0);
    std::uint32_t live = 0;
    bool arrived = false;
    struct Got {
        std::uint32_t& live;
        bool& arrived;
    } got{live, arrived};
    CHECK_TRUE(sd_bus_call_async(
                   client->bus(), nullptr, call.get(),
                   [](sd_bus_message* reply, void* userdata, sd_bus_error*) {
                       auto& into = *static_cast<Got*>(userdata);
                       into.arrived = true;
                       return sd_bus_message_read(reply, "v", "u", &into.live) < 0 ? -1 : 0;
                   },
                   &got, 10'000'000) >= 0);
    CHECK_TRUE(run_until(loop, [&] { return arrived; }));

    UNSIGNED_LONGS_EQUAL(1, live);
}
