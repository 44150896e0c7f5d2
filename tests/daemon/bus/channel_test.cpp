// SPDX-License-Identifier: Apache-2.0
// The daemon's end of a dialogue's channel, against a caller that follows the rules (common/bus)
// and against one that writes bytes as it likes.
#include "common/bus/channel.h"
#include "daemon/bus/channel.h"
#include "tests/support/event_pump.h"

#include <array>
#include <fcntl.h>
#include <future>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using contract::MessageKind;
using conversation::Person;
using conversation::Verdict;

namespace {

constexpr const char* kHello = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
const std::string kGreeting(kHello, 1 + std::string("AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n").size());

/// The first sixteen bytes of a message, little-endian.
std::string header(char type, std::uint32_t body, std::uint32_t fields) {
    std::string bytes{'l', type, 0, 1};
    for (const std::uint32_t number : {body, std::uint32_t{1}, fields}) {
        for (unsigned shift = 0; shift < 32; shift += 8) {
            bytes += static_cast<char>(number >> shift & 0xffU);
        }
    }
    return bytes;
}

} // namespace

TEST_GROUP(DaemonChannel) {
    Loop loop;
    conversation::Registry registry{loop};
    std::shared_ptr<bus::Channel> channel;
    std::vector<conversation::Ending> endings;
    std::vector<std::string> answers;
    UniqueFd peer; ///< the caller's end
    bool keep_first = false;
    std::chrono::milliseconds deadline = 60s;

    void setup() override {
        int ends[2];
        CHECK_TRUE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        peer.reset(ends[0]);
        channel = std::make_shared<bus::Channel>(
            loop, registry, UniqueFd(ends[1]),
            [this](bus::Channel*) { loop.post([this] { channel.reset(); }); });
    }
    void teardown() override {
        registry.stop();
        run_until_idle(loop);
        channel.reset();
        run_until_idle(loop);
    }

    /// A dialogue that asks twice, then refuses.
    void begin() {
        conversation::Registry::Begin wanted;
        wanted.deadline = deadline;
        wanted.flow = [this](Person& person) -> Task<Verdict> {
            for (const char* text : {"Password: ", "Passcode: "}) {
                std::vector<conversation::Message> question;
                question.push_back({MessageKind::Secret, text});
                Task<std::vector<Secret>> asking = person.ask(std::move(question));
                std::vector<Secret> got = co_await std::move(asking);
                answers.emplace_back(got.at(0).view());
            }
            co_return Verdict::refused(State::Denied, Reason::WrongCredentials);
        };
        wanted.ended = [this](const conversation::Ending& ending) {
            endings.push_back(ending);
            channel->over(ending);
        };
        const auto id = registry.begin(std::move(wanted), [this](const conversation::Step& step) {
            if (keep_first) {
                channel->keep(step);
            }
        });
        CHECK_TRUE(id.has_value());
        channel->open(*id);
    }
    bool is_gone() {
        return run_until(loop, [this] { return channel == nullptr; }, 5s);
    }
    void write(const std::string& bytes) {
        LONGS_EQUAL(bytes.size(), ::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
    }
    void greet() {
        write(kGreeting);
        char reply[256];
        CHECK_TRUE(run_until(
            loop, [&] { return ::recv(peer.get(), reply, sizeof reply, MSG_DONTWAIT) > 0; }));
    }
    void check_ended(const char* why) {
        CHECK_TRUE_TEXT(is_gone(), why);
        UNSIGNED_LONGS_EQUAL(1, endings.size());
        CHECK_TRUE(endings[0].state == State::Unavailable);
        STRCMP_EQUAL(why, endings[0].why.c_str());
        UNSIGNED_LONGS_EQUAL(0, registry.live());
        CHECK_TRUE(answers.empty());
    }
    /// Lets `talk` speak as the caller, in a thread, while the loop runs here.
    template <class Talk>
    void talk(Talk talk) {
        auto done = std::async(std::launch::async, talk);
        CHECK_TRUE(run_until(loop, [&] { return done.wait_for(0s) == std::future_status::ready; }));
        done.get();
    }
    /// The caller's side of common/bus, over a socket pair of ours.
    static client::Result<client::Step> ask(client::Connection & connection, std::uint64_t serial,
                                            const std::vector<std::string>& texts) {
        auto call =
            connection.new_call(nullptr, contract::kConversationObject,
                                contract::kConversationInterface, contract::channel::kAnswer);
        sd_bus_message* const message = std::get<BusMessage>(call).get();
        sd_bus_message_append(message, "t", serial);
        sd_bus_message_open_container(message, 'a', "ay");
        for (const std::string& text : texts) {
            sd_bus_message_append_array(message, 'y', text.data(), text.size());
        }
        sd_bus_message_close_container(message);
        auto reply =
            connection.send(std::get<BusMessage>(call), std::chrono::steady_clock::now() + 5s);
        if (client::CallError* const error = client::error_of(reply)) {
            return *error;
        }
        return client::read_step(std::get<BusMessage>(reply).get());
    }
};

TEST(DaemonChannel, carries_answers_in_and_steps_out_until_the_verdict) {
    begin();
    talk([this] {
        client::Connection connection;
        connection.adopt(std::move(peer));
        const auto second = ask(connection, 1, {"secret"});
        UNSIGNED_LONGS_EQUAL(2, std::get<client::Step>(second).serial);
        const auto verdict = ask(connection, 2, {std::string("12\0 4", 5)});
        CHECK_TRUE(std::get<client::Step>(verdict).state == State::Denied);
        STRCMP_EQUAL("wrong-credentials", std::get<client::Step>(verdict).reason.c_str());
    });
    CHECK_TRUE(is_gone());
    UNSIGNED_LONGS_EQUAL(2, answers.size());
    STRCMP_EQUAL("secret", answers[0].c_str());
    CHECK_TRUE(answers[1] == std::string("12\0 4", 5));
}

TEST(DaemonChannel, takes_the_largest_answers_that_are_allowed) {
    begin();
    talk([this] {
        client::Connection connection;
        connection.adopt(std::move(peer));
        const std::vector<std::string> texts(contract::kMaxAnswers,
                                             std::string(contract::kMaxAnswerBytes, 'x'));
        auto refused = ask(connection, 7, texts); // read, and then found stale
        STRCMP_EQUAL(contract::error::kStaleSerial, client::error_of(refused)->name.c_str());
        const auto second = ask(connection, 1, {std::string(contract::kMaxAnswerBytes, 'y')});
        UNSIGNED_LONGS_EQUAL(2, std::get<client::Step>(second).serial);
    });
    UNSIGNED_LONGS_EQUAL(contract::kMaxAnswerBytes, answers.at(0).size());
}

TEST(DaemonChannel, refuses_answers_beyond_the_bounds_and_ends) {
    for (const auto& texts :
         {std::vector<std::string>(9, "x"), std::vector<std::string>(1, std::string(4097, 'x'))}) {
        teardown();
        endings.clear();
        setup();
        begin();
        talk([&] {
            client::Connection connection;
            connection.adopt(std::move(peer));
            auto refused = ask(connection, 1, texts);
            STRCMP_EQUAL(contract::error::kInvalidContext, client::error_of(refused)->name.c_str());
        });
        check_ended("malformed answer");
    }
}

TEST(DaemonChannel, ends_with_its_caller) {
    begin();
    peer.reset();
    check_ended("the caller left");
}

TEST(DaemonChannel, ends_with_a_caller_who_stops_writing) {
    begin();
    greet();
    ::shutdown(peer.get(), SHUT_WR);
    check_ended("the caller left");
}

TEST(DaemonChannel, ends_at_bytes_that_are_no_message) {
    const std::string rows[] = {
        header(1, 1U << 27U, 16),            // 128 MiB of body
        header(1, 0, 1U << 27U),             // of fields
        header(1, 0xffffffffU, 0xffffffffU), // more than there is
        "l\1\0\1",                           // half a header, which nobody writes
        "GET / HTTP/1.1\r\nHost: raxauth\r\n\r\n",
        std::string(16, '\0'),
    };
    for (const std::string& row : rows) {
        teardown();
        endings.clear();
        setup();
        begin();
        greet();
        write(row);
        check_ended("a message that is too large, or none");
    }
}

TEST(DaemonChannel, ends_at_a_message_that_cannot_be_read) {
    begin();
    greet();
    write(header(1, 0, 8) + std::string(8, '\1'));
    check_ended("a message that cannot be read");
}

TEST(DaemonChannel, ends_at_a_greeting_without_end) {
    begin();
    const std::string much(200000, 'x');
    static_cast<void>(!::send(peer.get(), much.data(), much.size(), MSG_NOSIGNAL));
    check_ended("a message that is too large, or none");
}

TEST(DaemonChannel, ends_for_a_caller_who_asks_and_never_reads) {
    begin();
    talk([this] {
        client::Connection connection;
        connection.adopt(std::move(peer));
        // Out of turn, without end; nothing is read.
        for (int i = 0; i < 100000 && connection; ++i) {
            auto call = connection.new_call(nullptr, contract::kConversationObject,
                                            contract::kConversationInterface, "Nothing");
            if (client::error_of(call) != nullptr ||
                sd_bus_send(connection.bus(), std::get<BusMessage>(call).get(), nullptr) < 0) {
                break;
            }
        }
    });
    CHECK_TRUE(is_gone());
    UNSIGNED_LONGS_EQUAL(1, endings.size());
    UNSIGNED_LONGS_EQUAL(0, registry.live());
}

TEST(DaemonChannel, tells_a_deadline_that_passes_while_the_person_types) {
    deadline = 100ms;
    begin();
    greet();
    CHECK_TRUE(is_gone());

    char bytes[1024];
    const ssize_t got = ::recv(peer.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    CHECK_TRUE(got > 0);
    const std::string said(bytes, static_cast<std::size_t>(got));
    CHECK_TRUE(said.find("Ended") != std::string::npos);
    CHECK_TRUE(said.find("deadline") != std::string::npos);
    LONGS_EQUAL(0, ::recv(peer.get(), bytes, sizeof bytes, MSG_DONTWAIT)); // and hung up
}

TEST(DaemonChannel, tells_the_end_to_an_answer_that_crosses_it) {
    deadline = 100ms;
    begin();
    greet();
    CHECK_TRUE(run_until(loop, [this] { return !endings.empty(); }));
    write(header(1, 0, 0)); // the end is told, and not read yet: this must not meet a closed socket
    run_until_idle(loop);
    char bytes[1024];
    const ssize_t got = ::recv(peer.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    CHECK_TRUE(got > 0);
    CHECK_TRUE(std::string(bytes, static_cast<std::size_t>(got)).find("Ended") !=
               std::string::npos);
}

TEST(DaemonChannel, keeps_a_step_that_holds_a_secret_for_the_first_answer) {
    keep_first = true;
    begin();
    talk([this] {
        client::Connection connection;
        connection.adopt(std::move(peer));
        auto early = ask(connection, 1, {"guess"});
        STRCMP_EQUAL(contract::error::kStaleSerial, client::error_of(early)->name.c_str());
        const auto first = ask(connection, 0, {});
        UNSIGNED_LONGS_EQUAL(1, std::get<client::Step>(first).serial);
        STRCMP_EQUAL("Password: ", std::get<client::Step>(first).messages.at(0).text.c_str());
        const auto second = ask(connection, 1, {"secret"});
        UNSIGNED_LONGS_EQUAL(2, std::get<client::Step>(second).serial);
    });
    STRCMP_EQUAL("secret", answers.at(0).c_str());
}

TEST(DaemonChannel, is_an_end_of_a_pair_and_nothing_else) {
    CHECK_TRUE(bus::is_end_of_pair(peer.get()));
    const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
    CHECK_FALSE(bus::is_end_of_pair(file.get()));
    int ends[2];
    CHECK_TRUE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
    const UniqueFd datagrams[] = {UniqueFd(ends[0]), UniqueFd(ends[1])};
    CHECK_FALSE(bus::is_end_of_pair(ends[0]));
    const UniqueFd inet(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK_FALSE(bus::is_end_of_pair(inet.get()));
    const UniqueFd lonely(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK_FALSE(bus::is_end_of_pair(lonely.get()));

    // Somebody's server, by an abstract name of the kernel's choice.
    const UniqueFd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    socklen_t length = sizeof name.sun_family;
    CHECK_TRUE(::bind(listening.get(), reinterpret_cast<sockaddr*>(&name), length) == 0);
    CHECK_TRUE(::listen(listening.get(), 1) == 0);
    length = sizeof name;
    CHECK_TRUE(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&name), &length) == 0);
    const UniqueFd connected(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK_TRUE(::connect(connected.get(), reinterpret_cast<sockaddr*>(&name), length) == 0);
    const UniqueFd accepted(::accept(listening.get(), nullptr, nullptr));
    CHECK_FALSE(bus::is_end_of_pair(connected.get()));
    CHECK_FALSE(bus::is_end_of_pair(accepted.get()));
}

TEST(DaemonChannel, takes_no_header_along_with_the_greeting_that_claims_too_much) {
    begin();
    write(kGreeting + header(1, 127U << 20U, 16));
    check_ended("a message that is too large, or none");
}

TEST(DaemonChannel, holds_up_no_timer_when_its_peer_lets_nothing_be_said) {
    int ends[2];
    CHECK_TRUE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    peer.reset(ends[0]);
    const std::string junk(65536, 'x'); // the daemon cannot say a word: the caller made both ends
    while (::send(ends[1], junk.data(), junk.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
    }
    channel =
        std::make_shared<bus::Channel>(loop, registry, UniqueFd(ends[1]), [this](bus::Channel*) {
            loop.post([this] { channel.reset(); });
        });
    deadline = 200ms;
    begin();
    const std::string text = "AUTH ANONYMOUS\r\nBEGIN\r\n";
    const std::string anonymous = std::string(1, '\0') + text;
    write(anonymous + header(1, 284, 0) + std::string(284, 'x'));
    check_ended("sign_in.deadline");
}

TEST(DaemonChannel, lets_go_of_a_kept_question_when_its_time_is_over) {
    keep_first = true;
    deadline = 50ms;
    begin(); // nobody ever speaks on the channel
    CHECK_TRUE_TEXT(is_gone(), "the channel is still there");
    UNSIGNED_LONGS_EQUAL(1, endings.size());
}
