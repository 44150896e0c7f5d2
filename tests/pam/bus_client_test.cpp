// SPDX-License-Identifier: Apache-2.0
#include "pam/bus_client.h"
#include "pam/interrupt.h"

#include "common/unique_fd.h"
#include "fake_daemon.h"
#include "private_bus.h"

#include <CppUTest/TestHarness.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

using namespace raxauth;
using namespace raxauth::pam;
using namespace raxauth::testing;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

/// A socket that listens at "DIRECTORY/socket" and is no bus.
class NoBus {
  public:
    explicit NoBus(int backlog = 16) {
        address_ = "unix:path=" + directory_.path("socket");
        listening_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        CHECK_EQUAL(0, ::bind(listening_.get(), name(), sizeof name_));
        CHECK_EQUAL(0, ::listen(listening_.get(), backlog));
    }
    const char* address() const noexcept { return address_.c_str(); }
    int fd() const noexcept { return listening_.get(); }
    const sockaddr* name() {
        name_.sun_family = AF_UNIX;
        std::strncpy(name_.sun_path, address_.c_str() + std::strlen("unix:path="),
                     sizeof name_.sun_path - 1);
        return reinterpret_cast<const sockaddr*>(&name_);
    }
    std::size_t name_size() const noexcept { return sizeof name_; }

  private:
    TemporaryDirectory directory_;
    std::string address_;
    sockaddr_un name_{};
    UniqueFd listening_;
};

std::size_t open_descriptors() {
    std::size_t count = 0;
    DIR* const directory = ::opendir("/proc/self/fd");
    while (::readdir(directory) != nullptr) {
        ++count;
    }
    ::closedir(directory);
    return count;
}

Context context_of(const char* user) {
    Context context;
    context.user = user;
    context.service = "sshd";
    context.remote_host = "192.0.2.7";
    context.audit_session = 42;
    context.login_uid = 1000;
    context.real_uid = 0;
    context.account_uid = 1000;
    context.interactive = true;
    return context;
}

std::vector<Secret> secrets(std::initializer_list<const char*> texts) {
    std::vector<Secret> result;
    for (const char* text : texts) {
        result.emplace_back(std::string_view(text));
    }
    return result;
}

const Step* step_of(const Reply& reply) {
    return std::get_if<Step>(&reply);
}

Outcome failure_of(const Reply& reply) {
    const auto* failure = std::get_if<CallFailure>(&reply);
    return failure != nullptr ? failure->outcome : Outcome::Granted;
}

const char* reason_of(const Reply& reply) {
    const auto* failure = std::get_if<CallFailure>(&reply);
    return failure != nullptr ? failure->reason.c_str() : "(a step)";
}

} // namespace

TEST_GROUP(BusClient){};

TEST(BusClient, holds_a_conversation) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(),
                      {Say::ask({{"info", "Rackspace, for sshd"}, {"password", "Password: "}}),
                       Say::ask({{"secret", "Passcode\nsent: "}}, 2),
                       Say::verdict("granted", "mfa-proven", {{"info", "Welcome."}}, "aZ9-_")});
    BusClient client(bus.address(), 5s);

    const Reply first = client.begin(DialogueKind::SignIn, context_of("alice"));
    CHECK_TRUE_TEXT(step_of(first) != nullptr, reason_of(first));
    CHECK_EQUAL(1U, step_of(first)->serial);
    CHECK_TRUE(step_of(first)->state == State::Ask);
    CHECK_EQUAL(2U, step_of(first)->messages.size());
    CHECK_TRUE(step_of(first)->messages[1].kind == contract::MessageKind::Password);
    STRCMP_EQUAL("Password: ", step_of(first)->messages[1].text.c_str());

    const Reply second = client.answer(1, secrets({"hunter2", "", "three"}));
    CHECK_TRUE_TEXT(step_of(second) != nullptr, reason_of(second));
    STRCMP_EQUAL("Passcode\nsent: ", step_of(second)->messages[0].text.c_str());

    const Reply last = client.answer(2, {});
    CHECK_TRUE_TEXT(step_of(last) != nullptr, reason_of(last));
    CHECK_TRUE(step_of(last)->state == State::Granted);
    STRCMP_EQUAL("mfa-proven", step_of(last)->reason.c_str());
    STRCMP_EQUAL("aZ9-_", step_of(last)->ticket.c_str());

    const auto calls = daemon.finish();
    CHECK_EQUAL(3U, calls.size());
    STRCMP_EQUAL("BeginSignIn", calls[0].member.c_str());
    STRCMP_EQUAL(contract::kBusName, calls[0].destination.c_str());
    CHECK_TRUE((calls[1].answers == std::vector<std::string>{"hunter2", "", "three"}));
    CHECK_EQUAL(1U, calls[1].serial);
    CHECK_TRUE(calls[1].on_channel);
    CHECK_TRUE_TEXT(calls[1].alone, "a connection of the bus is held while the person types");
    CHECK_TRUE(calls[2].answers.empty());
}

TEST(BusClient, tells_what_it_knows_and_leaves_out_what_it_does_not) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::verdict("denied", "wrong-credentials")});
    BusClient client(bus.address(), 5s);

    static_cast<void>(client.begin(DialogueKind::PasswordChange, context_of("alice")));

    const auto calls = daemon.finish();
    STRCMP_EQUAL("BeginPasswordChange", calls[0].member.c_str());
    const std::map<std::string, ContextValue> expected = {
        {"user", "alice"},      {"service", "sshd"},    {"remote-host", "192.0.2.7"},
        {"audit-session", 42U}, {"login-uid", 1000U},   {"real-uid", 0U},
        {"interactive", true},  {"account-uid", 1000U},
    };
    CHECK_TRUE(calls[0].context == expected);
}

TEST(BusClient, answers_the_daemon_that_asked_and_no_other) {
    const PrivateBus bus;
    FakeDaemon first(bus.address(), {Say::ask({{"password", "Password: "}}),
                                     Say::verdict("denied", "wrong-credentials")});
    BusClient client(bus.address(), 5s);
    static_cast<void>(client.begin(DialogueKind::SignIn, context_of("alice")));
    FakeDaemon usurper(bus.address(), {Say::verdict("granted", "mfa-proven")});

    const Reply reply = client.answer(1, secrets({"hunter2"}));

    CHECK_TRUE_TEXT(step_of(reply) != nullptr, reason_of(reply));
    CHECK_TRUE(step_of(reply)->state == State::Denied);
    CHECK_TRUE(usurper.finish().empty());
    CHECK_EQUAL(2U, first.finish().size());
}

TEST(BusClient, hears_that_it_ended_while_the_person_was_typing) {
    const PrivateBus bus;
    FakeDaemon daemon(
        bus.address(),
        {Say::ask({{"password", "Password: "}}),
         Say::ask({{"secret", "Passcode: "}}, 2).and_ends("unavailable", "deadline")});
    BusClient client(bus.address(), 5s);
    static_cast<void>(client.begin(DialogueKind::SignIn, context_of("alice")));
    static_cast<void>(client.answer(1, secrets({"hunter2"})));
    static_cast<void>(daemon.finish(2)); // it has said all, and hung up

    const Reply reply = client.answer(2, secrets({"123456"}));

    CHECK_TRUE_TEXT(step_of(reply) != nullptr, reason_of(reply));
    CHECK_TRUE(step_of(reply)->state == State::Unavailable);
    STRCMP_EQUAL("deadline", step_of(reply)->reason.c_str());
}

TEST(BusClient, believes_no_end_that_is_a_yes) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(),
                      {Say::ask({{"password", "Password: "}}),
                       Say::ask({{"secret", "Passcode: "}}, 2).and_ends("granted", "mfa-proven")});
    BusClient client(bus.address(), 5s);
    static_cast<void>(client.begin(DialogueKind::SignIn, context_of("alice")));
    static_cast<void>(client.answer(1, secrets({"hunter2"})));
    static_cast<void>(daemon.finish(2));

    CHECK_TRUE(failure_of(client.answer(2, secrets({"123456"}))) == Outcome::Fault);
}

TEST(BusClient, takes_an_older_daemon_for_none) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::raw([](sd_bus_message* reply) {
                          sd_bus_message_append(reply, "ttssa(ss)a{sv}", std::uint64_t{7},
                                                std::uint64_t{1}, "ask", "", 1, "password",
                                                "Password: ", 0);
                      })});
    BusClient client(bus.address(), 5s);

    const Reply reply = client.begin(DialogueKind::SignIn, context_of("alice"));

    CHECK_TRUE(failure_of(reply) == Outcome::Unavailable);
    STRCMP_EQUAL("raxauthd is of another version", reason_of(reply));
}

TEST(BusClient, cancels_without_waiting) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::ask({{"password", "Password: "}}),
                                      Say::ask({{"secret", "Passcode: "}}, 2)});
    {
        BusClient client(bus.address(), 5s);
        static_cast<void>(client.begin(DialogueKind::SignIn, context_of("alice")));
        static_cast<void>(
            client.answer(1, secrets({"hunter2"}))); // before that, to hang up will do
        client.cancel();
    }

    const auto calls = daemon.finish(3);
    CHECK_EQUAL(3U, calls.size());
    STRCMP_EQUAL("Cancel", calls[2].member.c_str());
    CHECK_TRUE(calls[2].on_channel);
}

TEST(BusClient, cancels_nothing_where_nothing_began) {
    BusClient client("unix:path=/nonexistent/bus", 1s);

    client.cancel();

    CHECK_TRUE(failure_of(client.answer(1, {})) == Outcome::Unavailable);
}

TEST(BusClient, refuses_an_answer_that_is_too_long) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::ask({{"password", "Password: "}})});
    BusClient client(bus.address(), 5s);
    static_cast<void>(client.begin(DialogueKind::SignIn, context_of("alice")));

    const std::string endless(5000, 'x');
    const Reply reply = client.answer(1, secrets({endless.c_str()}));

    CHECK_TRUE(failure_of(reply) == Outcome::Denied);
    CHECK_EQUAL(1U, daemon.finish().size());
}

TEST(BusClient, takes_errors_for_what_they_mean) {
    const struct {
        const char* name;
        Outcome outcome;
    } rows[] = {
        {contract::error::kLimitExceeded, Outcome::Unavailable},
        {contract::error::kBusy, Outcome::Unavailable},
        {contract::error::kAccessDenied, Outcome::Unavailable},
        {contract::error::kInvalidContext, Outcome::Fault},
        {contract::error::kStaleSerial, Outcome::Fault},
        {contract::error::kNoToken, Outcome::Fault},
        {"org.raxauth.Auth1.Error.NotYetInvented", Outcome::Fault},
        {"org.freedesktop.DBus.Error.ServiceUnknown", Outcome::Unavailable},
        {"org.freedesktop.DBus.Error.NoReply", Outcome::Unavailable},
        {"org.freedesktop.DBus.Error.Spawn.ChildExited", Outcome::Unavailable},
        {"org.freedesktop.DBus.Error.TimedOut", Outcome::Unavailable},
        {"org.freedesktop.systemd1.NoSuchUnit", Outcome::Unavailable},
        {"org.freedesktop.DBus.Error.LimitsExceeded", Outcome::Unavailable},
        {"org.freedesktop.DBus.Error.AccessDenied", Outcome::Fault},
        {"org.freedesktop.DBus.Error.UnknownMethod", Outcome::Fault},
    };
    const PrivateBus bus;
    for (const auto& row : rows) {
        FakeDaemon daemon(bus.address(), {Say::error(row.name)});
        BusClient client(bus.address(), 5s);

        const Reply reply = client.begin(DialogueKind::SignIn, context_of("alice"));

        CHECK_TRUE_TEXT(failure_of(reply) == row.outcome, row.name);
    }
}

TEST(BusClient, takes_nothing_that_breaks_the_contract) {
    const struct {
        const char* name;
        Say say;
    } rows[] = {
        {"unknown state", Say::verdict("success", "mfa-proven")},
        {"capital state", Say::verdict("Granted", "mfa-proven")},
        {"empty state", Say::verdict("", "mfa-proven")},
        {"unknown kind", Say::ask({{"prompt", "Password: "}})},
        {"too many messages", Say::ask(Say::Lines(contract::kMaxMessages + 1, {"info", "x"}))},
        {"ticket with an end of line", Say::verdict("granted", "mfa-proven", {}, "a\nb=c")},
        {"ticket without end", Say::verdict("granted", "x", {}, std::string(257, 'a'))},
    };
    const PrivateBus bus;
    for (const auto& row : rows) {
        FakeDaemon daemon(bus.address(), {row.say});
        BusClient client(bus.address(), 5s);

        const Reply reply = client.begin(DialogueKind::SignIn, context_of("alice"));

        CHECK_TRUE_TEXT(failure_of(reply) == Outcome::Fault, row.name);
    }
}

TEST(BusClient, cleans_the_words_it_is_sent) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(),
                      {Say::ask({{"info", "a\x1B[2Jb\n  c"}, {"info", std::string(20000, 'x')}})});
    BusClient client(bus.address(), 5s);

    const Reply reply = client.begin(DialogueKind::SignIn, context_of("alice"));

    STRCMP_EQUAL("a?[2Jb\n  c", step_of(reply)->messages[0].text.c_str());
    CHECK_EQUAL(contract::kMaxMessageBytes, step_of(reply)->messages[1].text.size());
}

TEST(BusClient, takes_a_reply_of_another_signature_for_another_version) {
    const PrivateBus bus;
    for (const Say& say : {Say::done(), Say::account("granted", "mfa-proven")}) {
        FakeDaemon daemon(bus.address(), {say});
        BusClient client(bus.address(), 5s);

        CHECK_TRUE(failure_of(client.begin(DialogueKind::SignIn, context_of("alice"))) ==
                   Outcome::Unavailable);
    }
}

TEST(BusClient, is_not_disturbed_by_noise_on_the_bus) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::verdict("denied", "throttled").after_signals(500)});
    BusClient client(bus.address(), 5s);

    const Reply reply = client.begin(DialogueKind::SignIn, context_of("alice"));

    CHECK_TRUE_TEXT(step_of(reply) != nullptr, reason_of(reply));
}

TEST(BusClient, finds_no_daemon) {
    const PrivateBus bus;
    BusClient client(bus.address(), 5s);

    const Reply reply = client.begin(DialogueKind::SignIn, context_of("alice"));

    CHECK_TRUE(failure_of(reply) == Outcome::Unavailable);
    STRCMP_EQUAL("org.freedesktop.DBus.Error.ServiceUnknown", reason_of(reply));
}

TEST(BusClient, finds_a_daemon_that_cannot_be_started) {
    const PrivateBus bus("/bin/false");
    BusClient client(bus.address(), 5s);

    CHECK_TRUE(failure_of(client.begin(DialogueKind::SignIn, context_of("alice"))) ==
               Outcome::Unavailable);
}

TEST(BusClient, notices_that_the_daemon_left_in_the_middle) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::ask({{"password", "Password: "}}), Say::gone()});
    BusClient client(bus.address(), 5s);
    static_cast<void>(client.begin(DialogueKind::SignIn, context_of("alice")));

    const auto began = Clock::now();
    const Reply reply = client.answer(1, secrets({"hunter2"}));

    CHECK_TRUE(failure_of(reply) == Outcome::Unavailable);
    CHECK_TRUE(Clock::now() - began < 2s);
}

TEST(BusClient, goes_on_when_the_bus_went_away_in_the_middle) {
    PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::ask({{"password", "Password: "}}), Say::nothing()});
    BusClient client(bus.address(), 300ms);
    static_cast<void>(client.begin(DialogueKind::SignIn, context_of("alice")));
    static_cast<void>(daemon.finish(1));
    bus.stop();

    // The fake has stopped, and answers nothing; the channel alone would tell.
    const Reply reply = client.answer(1, secrets({"hunter2"}));

    STRCMP_EQUAL("deadline", reason_of(reply));
}

TEST(BusClient, asks_about_accounts) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(),
                      {Say::account("denied", "no-sign-in", {{"error", "Sign in first."}}),
                       Say::account("maybe", "no-sign-in")});
    BusClient client(bus.address(), 5s);
    Context context = context_of("alice");
    context.signed_in = true;

    const auto result = client.check_account(context);
    const auto odd = client.check_account(context);

    const auto* reply = std::get_if<AccountReply>(&result);
    CHECK_TRUE(reply != nullptr);
    CHECK_TRUE(reply->state == State::Denied);
    STRCMP_EQUAL("no-sign-in", reply->reason.c_str());
    STRCMP_EQUAL("Sign in first.", reply->messages[0].text.c_str());
    CHECK_TRUE(std::get_if<CallFailure>(&odd) != nullptr);
    CHECK_TRUE(std::get<bool>(daemon.finish()[0].context.at("signed-in")));
}

TEST(BusClient, opens_and_closes_sessions) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(),
                      {Say::session("handle-1", {{"RAXAUTH_SESSION", "1"},
                                                 {"OS_AUTH_URL", "https://example.org\n/"},
                                                 {"RAXAUTH_TICKET", "stolen"},
                                                 {"LD_PRELOAD", "/tmp/x.so"},
                                                 {"OS_x=y", "z"},
                                                 {"PATH", "/tmp"}}),
                       Say::done()});
    BusClient client(bus.address(), 5s);
    Context context = context_of("alice");
    context.ticket = Secret("t1cket");

    const auto result = client.open_session(context);
    CHECK_FALSE(client.close_session("handle-1").has_value());

    const auto* session = std::get_if<SessionReply>(&result);
    CHECK_TRUE(session != nullptr);
    STRCMP_EQUAL("handle-1", session->handle.c_str());
    using Variables = std::vector<std::pair<std::string, std::string>>;
    CHECK_TRUE((session->environment ==
                Variables{{"RAXAUTH_SESSION", "1"}, {"OS_AUTH_URL", "https://example.org /"}}));
    const auto calls = daemon.finish();
    STRCMP_EQUAL("t1cket", std::get<std::string>(calls[0].context.at("ticket")).c_str());
    STRCMP_EQUAL("CloseSession", calls[1].member.c_str());
    STRCMP_EQUAL("handle-1", calls[1].handle.c_str());
}

namespace {
/// The fake daemon is a thread of this process: what it still has open for its last reply counts
/// too, for a moment.
bool comes_down_to(std::size_t descriptors) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (open_descriptors() != descriptors && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    return open_descriptors() == descriptors;
}
} // namespace

TEST(BusClient, leaves_no_descriptor) {
    const PrivateBus bus;
    const std::size_t before = open_descriptors();
    {
        FakeDaemon daemon(bus.address(), {Say::ask({{"info", "x"}, {"secret", "y"}}), Say::done()});
        const std::size_t with_daemon = open_descriptors();
        BusClient client(bus.address(), 5s);
        const Reply asked = client.begin(DialogueKind::SignIn, context_of("alice"));
        CHECK_TRUE_TEXT(step_of(asked) != nullptr, reason_of(asked));
        CHECK_TRUE(comes_down_to(with_daemon + 2)); // the channel's two ends
        const Reply odd = client.answer(1, secrets({"hunter2", "123456"}));
        CHECK_TRUE(failure_of(odd) == Outcome::Unavailable);
        CHECK_TRUE(comes_down_to(with_daemon + 2));
    }
    CHECK_TRUE(comes_down_to(before));
}

namespace {
volatile std::sig_atomic_t alarms = 0;
void count_alarm(int) {
    alarms = alarms + 1;
}
} // namespace

TEST(BusClient, goes_on_after_a_signal_and_still_keeps_its_deadline) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::ask({{"password", "Password: "}}), Say::nothing()});
    struct sigaction action{};
    struct sigaction previous{};
    action.sa_handler = count_alarm; // no SA_RESTART: every system call is interrupted
    ::sigaction(SIGALRM, &action, &previous);
    itimerval timer{};
    timer.it_interval.tv_usec = timer.it_value.tv_usec = 2000;
    ::setitimer(ITIMER_REAL, &timer, nullptr);

    BusClient client(bus.address(), 200ms);
    const Reply asked = client.begin(DialogueKind::SignIn, context_of("alice"));
    const auto began = Clock::now();
    const Reply reply = client.answer(1, secrets({"hunter2"}));
    const auto took = Clock::now() - began;
    timer = {};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
    ::sigaction(SIGALRM, &previous, nullptr);

    CHECK_TRUE_TEXT(step_of(asked) != nullptr, reason_of(asked));
    CHECK_TRUE(failure_of(reply) == Outcome::Unavailable);
    CHECK_TRUE(alarms > 10);
    CHECK_TRUE(took >= 200ms);
    CHECK_TRUE(took < 2s);
}

TEST(BusClient, takes_an_end_that_crosses_its_answer_for_the_verdict) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::ask({{"password", "Password: "}}),
                                      Say::nothing().and_ends("unavailable", "deadline")});
    BusClient client(bus.address(), 20s);
    const Reply asked = client.begin(DialogueKind::SignIn, context_of("alice"));
    CHECK_TRUE_TEXT(step_of(asked) != nullptr, reason_of(asked));

    const Reply reply = client.answer(1, secrets({"hunter2"}));

    const Step* const end = step_of(reply);
    CHECK_TRUE_TEXT(end != nullptr, reason_of(reply));
    CHECK_TRUE(end->state == State::Unavailable);
    STRCMP_EQUAL("deadline", end->reason.c_str());
}

namespace {
/// What comes of a wait for the daemon when ^C comes, by what the application does about it.
Reply interrupted(void (*handler)(int), std::chrono::milliseconds timeout = 20s) {
    const PrivateBus bus;
    const pthread_t waiting = ::pthread_self();
    FakeDaemon daemon(bus.address(),
                      {Say::ask({{"password", "Password: "}}),
                       Say::nothing([waiting] { ::pthread_kill(waiting, SIGINT); })});
    struct sigaction action{};
    struct sigaction previous{};
    action.sa_handler = handler;
    ::sigaction(SIGINT, &action, &previous);
    alarms = 0;
    sigset_t before{};
    ::pthread_sigmask(SIG_BLOCK, nullptr, &before);
    BusClient client(bus.address(), timeout);
    const Reply asked = client.begin(DialogueKind::SignIn, context_of("alice"));
    CHECK_TRUE_TEXT(step_of(asked) != nullptr, reason_of(asked));
    Reply reply = CallFailure{};
    {
        const HeldInterrupts held;
        client.interrupt_on(held.fd());
        reply = client.answer(1, secrets({"hunter2"}));
    }
    sigset_t after{};
    ::pthread_sigmask(SIG_BLOCK, nullptr, &after);
    LONGS_EQUAL(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
    ::sigaction(SIGINT, &previous, nullptr);
    return reply;
}
} // namespace

TEST_GROUP(BusClientInterrupt){};

TEST(BusClientInterrupt, ends_the_wait_and_is_still_handed_to_the_application) {
    const Reply reply = interrupted(count_alarm);
    CHECK_TRUE(failure_of(reply) == Outcome::Cancelled);
    STRCMP_EQUAL("interrupted", reason_of(reply));
    LONGS_EQUAL(1, alarms); // sudo takes a note of it
}

TEST(BusClientInterrupt, that_the_application_holds_back_itself_is_left_to_it) {
    sigset_t own{};
    sigset_t before{};
    sigemptyset(&own);
    sigaddset(&own, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &own, &before); // as sudo does
    const Reply reply = interrupted(count_alarm);
    CHECK_TRUE(failure_of(reply) == Outcome::Cancelled);
    LONGS_EQUAL(0, alarms);
    sigset_t pending{};
    ::sigpending(&pending);
    CHECK_TRUE(sigismember(&pending, SIGINT) != 0);
    timespec none{};
    LONGS_EQUAL(SIGINT, ::sigtimedwait(&own, nullptr, &none));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(BusClientInterrupt, that_the_application_ignores_is_none) {
    CHECK_TRUE(failure_of(interrupted(SIG_IGN, 200ms)) == Outcome::Unavailable);
}

/// Every way to be kept waiting, each within the one deadline.
TEST_GROUP(BusClientDeadline) {
    Clock::duration took{};

    Reply begin(const char* address) {
        BusClient client(address, 200ms);
        const auto began = Clock::now();
        Reply reply = client.begin(DialogueKind::SignIn, context_of("alice"));
        took = Clock::now() - began;
        return reply;
    }
    void check_deadline(const Reply& reply) {
        CHECK_TRUE(failure_of(reply) == Outcome::Unavailable);
        STRCMP_EQUAL("deadline", reason_of(reply));
        CHECK_TRUE(took >= 200ms);
        CHECK_TRUE(took < 1s);
    }
    void check_at_once(const Reply& reply) {
        CHECK_TRUE_TEXT(failure_of(reply) == Outcome::Unavailable, reason_of(reply));
        CHECK_TRUE(took < 150ms);
    }
};

TEST(BusClientDeadline, holds_when_the_bus_never_accepts) {
    const NoBus silent;

    check_deadline(begin(silent.address()));
}

TEST(BusClientDeadline, holds_when_others_fill_the_queue_of_connections) {
    NoBus crowded(/*backlog=*/0);
    std::vector<UniqueFd> crowd;
    for (;;) {
        crowd.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (::connect(crowd.back().get(), crowded.name(),
                      static_cast<socklen_t>(crowded.name_size())) < 0) {
            CHECK_EQUAL(EAGAIN, errno);
            break;
        }
    }

    check_deadline(begin(crowded.address()));
}

TEST(BusClientDeadline, holds_when_the_bus_falls_silent_after_authentication) {
    const NoBus half;
    std::thread peer([&] {
        const UniqueFd accepted(::accept4(half.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        const char ok[] = "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n";
        static_cast<void>(!::send(accepted.get(), ok, sizeof ok - 1, MSG_NOSIGNAL));
        char received[4096];
        while (::recv(accepted.get(), received, sizeof received, 0) > 0) {
        }
    });

    const Reply reply = begin(half.address());
    peer.join();

    check_deadline(reply);
}

TEST(BusClientDeadline, holds_when_the_daemon_does_not_answer) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::nothing()});

    check_deadline(begin(bus.address()));
}

TEST(BusClientDeadline, holds_when_the_daemon_never_finishes_starting) {
    const PrivateBus bus("/bin/sleep 2");

    check_deadline(begin(bus.address()));
}

TEST(BusClientDeadline, of_the_first_reply_is_the_contracts_even_if_a_call_may_take_longer) {
    const NoBus silent;
    BusClient client(silent.address(), 30s);

    const auto began = Clock::now();
    const Reply reply = client.begin(DialogueKind::SignIn, context_of("alice"));

    CHECK_TRUE(failure_of(reply) == Outcome::Unavailable);
    CHECK_TRUE(Clock::now() - began >= contract::kActivationTimeout);
    CHECK_TRUE(Clock::now() - began < contract::kActivationTimeout + 1s);
}

TEST(BusClientDeadline, is_not_needed_when_there_is_no_bus) {
    const TemporaryDirectory directory;
    std::string abandoned;
    {
        NoBus gone;
        abandoned = gone.address();
    }

    check_at_once(begin("unix:path=/nonexistent/bus"));
    check_at_once(begin(abandoned.c_str()));
}

TEST(BusClientDeadline, is_not_needed_when_the_bus_talks_nonsense_or_hangs_up) {
    for (const std::string& answer :
         {std::string(), std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
          std::string("REJECTED EXTERNAL\r\n"), std::string(100000, 'x')}) {
        const NoBus liar;
        std::thread peer([&] {
            const UniqueFd accepted(::accept4(liar.fd(), nullptr, nullptr, SOCK_CLOEXEC));
            static_cast<void>(!::send(accepted.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
        });

        const Reply reply = begin(liar.address());
        peer.join();

        check_at_once(reply);
    }
}

TEST(BusClientDeadline, is_not_needed_for_an_address_that_is_none) {
    BusClient tcp("tcp:host=localhost,port=1", 1s);
    const std::string long_address = "unix:path=/" + std::string(200, 'x');
    BusClient endless(long_address.c_str(), 1s);

    CHECK_TRUE(failure_of(tcp.begin(DialogueKind::SignIn, context_of("alice"))) == Outcome::Fault);
    CHECK_TRUE(failure_of(endless.begin(DialogueKind::SignIn, context_of("alice"))) ==
               Outcome::Fault);
}
