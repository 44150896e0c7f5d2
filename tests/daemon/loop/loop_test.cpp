// SPDX-License-Identifier: Apache-2.0
#include "daemon/loop/loop.h"

#include "common/unique_fd.h"
#include "tests/support/event_pump.h"
#include "tests/support/fake_clock.h"

#include <chrono>
#include <optional>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace std::chrono_literals;

TEST_GROUP(Loop) {
    Loop loop;
    std::string order;
};

TEST(Loop, stop_gives_run_its_code) {
    loop.post([&] { loop.stop(7); });

    LONGS_EQUAL(7, loop.run());
}

TEST(Loop, runs_posted_callbacks_in_order_and_later_ones_in_the_next_turn) {
    loop.post([&] {
        order += 'a';
        loop.post([&] {
            order += 'c';
            loop.stop(0);
        });
    });
    loop.post([&] { order += 'b'; });

    loop.run();

    STRCMP_EQUAL("abc", order.c_str());
}

TEST(Loop, endless_posting_does_not_starve_a_timer) {
    std::function<void()> again = [&] { loop.post(again); };
    loop.post(again);
    const Timer timer = loop.after(5ms, [&] { loop.stop(3); });

    LONGS_EQUAL(3, loop.run());
}

TEST(Loop, timers_fire_in_order_of_their_time_and_never_early) {
    const auto begun = std::chrono::steady_clock::now();
    std::chrono::steady_clock::duration waited{};
    const Timer late = loop.after(20ms, [&] {
        order += 'l';
        waited = std::chrono::steady_clock::now() - begun;
        loop.stop(0);
    });
    const Timer soon = loop.after(1ms, [&] { order += 's'; });
    const Timer past = loop.after(-1s, [&] { order += 'p'; });

    loop.run();

    STRCMP_EQUAL("psl", order.c_str());
    CHECK(waited >= 20ms);
    // sd-event's default accuracy would add up to 250 ms.
    CHECK(waited < 200ms);
}

TEST(Loop, a_timer_counts_from_now_and_not_from_the_turns_beginning) {
    std::chrono::steady_clock::time_point set{};
    std::chrono::steady_clock::duration waited{};
    Timer timer;
    loop.post([&] {
        const auto begun = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() - begun < 30ms) {
        }
        set = std::chrono::steady_clock::now();
        timer = loop.after(10ms, [&] {
            waited = std::chrono::steady_clock::now() - set;
            loop.stop(0);
        });
    });

    loop.run();

    CHECK(waited >= 10ms);
}

TEST(Loop, a_dropped_timer_does_not_fire) {
    Timer dropped = loop.after(1ms, [&] { order += 'x'; });
    dropped = Timer();
    const Timer end = loop.after(10ms, [&] { loop.stop(0); });

    loop.run();

    STRCMP_EQUAL("", order.c_str());
}

TEST(Loop, a_timer_may_be_dropped_in_its_own_callback) {
    Timer timer;
    const std::string captured(64, 'k'); // on the heap, in the callback: use after free would show
    timer = loop.after(1ms, [&, captured] {
        timer = Timer();
        order += captured[0];
        loop.stop(0);
    });

    loop.run();

    STRCMP_EQUAL("k", order.c_str());
}

TEST(Loop, timers_follow_a_clock_that_a_test_moves_in_the_order_of_their_times) {
    testing::FakeClock clock;
    Loop moved(clock);
    const Timer late = moved.after(15min, [&] { order += 'l'; });
    const Timer soon = moved.after(10min, [&] { order += 's'; });
    const Timer now = moved.after(0s, [&] { order += 'n'; });

    CHECK(testing::run_until_idle(moved));
    STRCMP_EQUAL("n", order.c_str());
    clock.advance(15min - 1us);
    CHECK(testing::run_until_idle(moved));
    STRCMP_EQUAL("ns", order.c_str());
    clock.advance(1us);
    CHECK(testing::run_until_idle(moved));
    STRCMP_EQUAL("nsl", order.c_str());
    CHECK(moved.now() == clock.monotonic());

    clock.advance(1h); // each fires once
    CHECK(testing::run_until_idle(moved));
    STRCMP_EQUAL("nsl", order.c_str());
}

TEST(Loop, timers_that_come_due_together_fire_in_the_order_of_their_times) {
    testing::FakeClock clock;
    Loop moved(clock);
    std::vector<Timer> timers;
    for (const char name : {'d', 'a', 'c', 'b'}) {
        timers.push_back(
            moved.after(std::chrono::minutes(name - 'a'), [&, name] { order += name; }));
    }

    clock.advance(1h);
    CHECK(testing::run_until_idle(moved));

    STRCMP_EQUAL("abcd", order.c_str());
}

TEST(Loop, a_timer_on_a_moved_clock_can_be_restarted_paused_and_dropped) {
    testing::FakeClock clock;
    Loop moved(clock);
    int fired = 0;
    Timer restarted = moved.after(1min, [&] { ++fired; });
    Timer paused = moved.after(1min, [&] { order += 'p'; });
    Timer dropped = moved.after(1min, [&] { order += 'd'; });
    restarted.restart(10min);
    paused.pause();
    dropped = Timer();

    clock.advance(5min);
    CHECK(testing::run_until_idle(moved));
    LONGS_EQUAL(0, fired);
    clock.advance(5min);
    CHECK(testing::run_until_idle(moved));
    LONGS_EQUAL(1, fired);
    STRCMP_EQUAL("", order.c_str());

    paused.restart(1min);
    clock.advance(1min);
    CHECK(testing::run_until_idle(moved));
    STRCMP_EQUAL("p", order.c_str());
}

TEST(Loop, a_timer_can_be_restarted_and_paused) {
    int fired = 0;
    Timer end;
    Timer timer = loop.after(1h, [&] {
        if (++fired == 1) {
            timer.restart(1ms);
        } else {
            timer.restart(1ms);
            timer.pause();
            end = loop.after(10ms, [&] { loop.stop(0); });
        }
    });
    timer.restart(1ms);

    loop.run();

    LONGS_EQUAL(2, fired);
}

TEST(Loop, a_watch_reports_readable_and_ends_when_dropped) {
    int pair[2];
    LONGS_EQUAL(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    const UniqueFd ours(pair[0]);
    const UniqueFd theirs(pair[1]);
    std::uint32_t seen = 0;
    int calls = 0;
    IoWatch watch;
    Timer end;
    watch = loop.watch(ours.get(), EPOLLIN, [&](std::uint32_t events) {
        seen = events;
        ++calls;
        watch = IoWatch(); // still readable: it would fire again
        end = loop.after(5ms, [&] { loop.stop(0); });
    });
    LONGS_EQUAL(1, ::write(theirs.get(), "x", 1));

    loop.run();

    CHECK((seen & EPOLLIN) != 0);
    LONGS_EQUAL(1, calls);
}

TEST(Loop, a_descriptor_can_be_watched_anew_in_the_callback_that_dropped_its_watch) {
    int pair[2];
    LONGS_EQUAL(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    const UniqueFd ours(pair[0]);
    const UniqueFd theirs(pair[1]);
    IoWatch watch;
    watch = loop.watch(ours.get(), EPOLLIN, [&](std::uint32_t) {
        order += '1';
        watch = IoWatch();
        watch = loop.watch(ours.get(), EPOLLIN, [&](std::uint32_t) {
            order += '2';
            loop.stop(0);
        });
    });
    LONGS_EQUAL(1, ::write(theirs.get(), "x", 1));
    const Timer lost = loop.after(2s, [&] { loop.stop(1); });

    LONGS_EQUAL(0, loop.run());

    STRCMP_EQUAL("12", order.c_str());
}

TEST(Loop, a_watch_can_change_what_it_waits_for) {
    int pair[2];
    LONGS_EQUAL(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    const UniqueFd ours(pair[0]);
    const UniqueFd theirs(pair[1]);
    std::uint32_t seen = 0;
    IoWatch watch = loop.watch(ours.get(), EPOLLIN, [&](std::uint32_t events) {
        seen = events;
        loop.stop(0);
    });

    watch.change(EPOLLOUT);
    loop.run();

    CHECK((seen & EPOLLOUT) != 0);
}

TEST(Loop, a_deferred_callback_runs_once_for_each_turn_it_was_armed_in) {
    int calls = 0;
    Timer end = loop.after(20ms, [&] { loop.stop(0); });
    Deferred deferred = loop.deferred([&] {
        if (++calls == 1) {
            deferred.arm();
        }
    });
    deferred.arm();
    deferred.arm();

    loop.run();

    LONGS_EQUAL(2, calls);
}

TEST(Loop, sleep_wakes_the_coroutine_after_its_time) {
    const auto begun = std::chrono::steady_clock::now();
    const Job job = Job::start([](Loop& on) -> Task<void> {
        co_await on.sleep(10ms);
        on.stop(0);
    }(loop));

    loop.run();

    CHECK(std::chrono::steady_clock::now() - begun >= 10ms);
    CHECK(job.finished());
}

TEST(Loop, a_dropped_job_never_wakes_from_its_sleep) {
    {
        const Job job = Job::start([](Loop& on, std::string& trace) -> Task<void> {
            co_await on.sleep(1ms);
            trace += 'x';
        }(loop, order));
    }
    const Timer end = loop.after(10ms, [&] { loop.stop(0); });

    loop.run();

    STRCMP_EQUAL("", order.c_str());
}
