// SPDX-License-Identifier: Apache-2.0
#include "daemon/loop/watch_set.h"

#include "tests/support/event_pump.h"

#include <chrono>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;

namespace {

struct Pair {
    UniqueFd ours;
    UniqueFd theirs;

    Pair() {
        int ends[2];
        LONGS_EQUAL(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        ours = UniqueFd(ends[0]);
        theirs = UniqueFd(ends[1]);
    }
    void say(char c) const { LONGS_EQUAL(1, ::write(theirs.get(), &c, 1)); }
    char hear() const {
        char c = '?';
        return ::read(ours.get(), &c, 1) == 1 ? c : '-';
    }
};

} // namespace

TEST_GROUP(WatchSet) {
    Loop loop;
    Pair a;
    Pair b;
    std::string heard;
    std::vector<std::uint32_t> events;
    WatchSet set{loop, [this](int fd, std::uint32_t seen) {
                     events.push_back(seen);
                     heard += fd == a.ours.get() ? a.hear() : b.hear();
                 }};

    void settle() {
        static_cast<void>(run_until(loop, [] { return false; }, 20ms));
    }
};

TEST(WatchSet, tells_which_descriptor_is_ready) {
    set.watch(a.ours.get(), EPOLLIN);
    set.watch(b.ours.get(), EPOLLIN);

    b.say('b');
    CHECK(run_until(loop, [&] { return heard == "b"; }, 5s));
    a.say('a');
    CHECK(run_until(loop, [&] { return heard == "ba"; }, 5s));
}

TEST(WatchSet, lets_what_is_urgent_come_between) {
    const Pair urgent;
    std::string order;
    const IoWatch first = loop.watch(
        urgent.ours.get(), EPOLLIN, [&](std::uint32_t) { order += urgent.hear(); }, kPrompt);
    WatchSet many(loop, [&](int fd, std::uint32_t) {
        order += fd == a.ours.get() ? a.hear() : b.hear();
        urgent.say('!');
    });
    many.watch(a.ours.get(), EPOLLIN);
    many.watch(b.ours.get(), EPOLLIN);
    a.say('x');
    b.say('x');

    CHECK(run_until(loop, [&] { return order.size() == 4; }, 5s));

    STRCMP_EQUAL("x!x!", order.c_str());
}

TEST(WatchSet, a_later_watch_changes_what_is_waited_for) {
    set.watch(a.ours.get(), EPOLLIN);
    a.say('a');
    set.watch(a.ours.get(), EPOLLOUT);

    CHECK(run_until(loop, [&] { return !events.empty(); }, 5s));

    LONGS_EQUAL(EPOLLOUT, events.front());
}

TEST(WatchSet, nothing_is_heard_of_while_it_pauses_and_nothing_is_lost) {
    set.watch(a.ours.get(), EPOLLIN);
    set.pause();
    set.pause();
    a.say('a');

    settle();
    STRCMP_EQUAL("", heard.c_str());
    set.resume();

    CHECK(run_until(loop, [&] { return heard == "a"; }, 5s));
}

TEST(WatchSet, what_is_dropped_or_closed_is_heard_of_no_more) {
    set.watch(a.ours.get(), EPOLLIN);
    set.watch(b.ours.get(), EPOLLIN);
    set.drop(a.ours.get());
    set.drop(a.ours.get()); // no harm
    a.say('a');
    b.say('b');
    b.ours = UniqueFd();

    settle();

    STRCMP_EQUAL("", heard.c_str());
}

TEST_GROUP(Outlet) {
    Loop loop;
    Pair bus;

    void setup() override {
        const int room = 8192;
        LONGS_EQUAL(0, ::setsockopt(bus.theirs.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room));
    }

    /// Until the kernel says no; how many.
    unsigned fill(unsigned most = 10000) const {
        const std::string message(300, 'm');
        unsigned written = 0;
        while (written < most && ::write(bus.theirs.get(), message.data(), message.size()) > 0) {
            ++written;
        }
        return written;
    }
    void drain() const {
        char bytes[4096];
        while (::read(bus.ours.get(), bytes, sizeof bytes) > 0) {
        }
    }
};

TEST(Outlet, is_not_behind_where_there_is_none) {
    CHECK_FALSE(loop.outlet_is_behind());
}

TEST(Outlet, is_behind_before_it_is_full) {
    loop.set_outlet(bus.theirs.get());
    CHECK_FALSE(loop.outlet_is_behind());

    unsigned written = 0;
    while (!loop.outlet_is_behind() && fill(1) == 1) {
        ++written;
    }

    CHECK(loop.outlet_is_behind());
    CHECK(written >= 2);      // one message under way is not behind
    CHECK(fill() >= written); // and an answer still finds room
}

TEST(Outlet, tells_when_it_has_caught_up) {
    loop.set_outlet(bus.theirs.get());
    static_cast<void>(fill());
    unsigned told = 0;
    IoWatch caught_up = loop.watch_outlet([&](std::uint32_t) {
        ++told;
        caught_up.change(0);
    });

    static_cast<void>(run_until(loop, [] { return false; }, 20ms));
    LONGS_EQUAL(0, told); // off, and behind
    caught_up.change(EPOLLOUT);
    static_cast<void>(run_until(loop, [] { return false; }, 20ms));
    LONGS_EQUAL(0, told);
    drain();

    CHECK(run_until(loop, [&] { return told > 0; }, 5s));
    static_cast<void>(run_until(loop, [] { return false; }, 20ms));
    LONGS_EQUAL(1, told);
}

TEST(Outlet, that_is_closed_at_the_other_end_holds_nobody_up) {
    loop.set_outlet(bus.theirs.get());
    static_cast<void>(fill());
    CHECK(loop.outlet_is_behind());

    bus.ours = UniqueFd();

    CHECK_FALSE(loop.outlet_is_behind());
}
