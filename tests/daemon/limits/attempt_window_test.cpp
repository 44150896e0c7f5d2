// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/attempt_window.h"

#include <chrono>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::limits;
using namespace std::chrono_literals;

TEST_GROUP(AttemptWindow) {
    AttemptWindow window{30min, 5min};
    WallTime now{std::chrono::seconds{1'768'478'400}};

    static bool any(AttemptWindow::Row) {
        return true;
    }
    void check_counts(std::size_t counted, std::size_t pending) {
        window.forget_expired(now);
        LONGS_EQUAL(counted, window.total().counted);
        LONGS_EQUAL(pending, window.total().pending);
    }
};

TEST(AttemptWindow, counts_from_the_beginning_until_taken_back_or_over) {
    window.begin(1, 0, now);
    window.begin(2, 3, now);
    check_counts(0, 2);
    LONGS_EQUAL(1, window.share_of(3).pending);

    CHECK_TRUE(window.settle(1));
    CHECK_FALSE(window.settle(1));
    CHECK_TRUE(window.take_back(2));
    CHECK_FALSE(window.take_back(2));
    check_counts(1, 0);
    LONGS_EQUAL(0, window.share_of(3).all());

    now += 30min - 1us;
    check_counts(1, 0);
    now += 1us;
    check_counts(0, 0);
}

TEST(AttemptWindow, keeps_what_is_under_way_however_long_it_takes) {
    window.begin(1, 0, now);
    window.begin(2, 0, now);
    CHECK_TRUE(window.settle(2));
    now += 2h;
    check_counts(0, 1);
    CHECK_TRUE(window.settle(1));
    check_counts(0, 0);
}

TEST(AttemptWindow, lets_the_unanswered_go_earlier) {
    window.begin(1, 0, now);
    CHECK_TRUE(window.settle(1));
    now += 1min;
    window.begin(2, 0, now);
    CHECK_TRUE(window.settle_unanswered(2));
    CHECK_TRUE(window.leaves_at(0, any) == now + 5min);
    CHECK_TRUE(window.leaves_at(1, any) == now + 29min);
    now += 5min;
    check_counts(1, 0);
}

TEST(AttemptWindow, says_when_those_of_some_rows_leave) {
    for (AttemptWindow::Id id = 1; id <= 4; ++id) {
        window.begin(id, id % 2, now);
        CHECK_TRUE(window.settle(id));
        now += 1min;
    }
    const auto odd = [](AttemptWindow::Row row) { return row == 1; };
    CHECK_TRUE(window.leaves_at(0, odd) == now - 4min + 30min);
    CHECK_TRUE(window.leaves_at(1, odd) == now - 2min + 30min);
    CHECK_TRUE(window.newest_settled(0) == std::optional<AttemptWindow::Id>(4));
    CHECK_TRUE(window.newest_settled(1) == std::optional<AttemptWindow::Id>(3));
    CHECK_FALSE(window.newest_settled(2).has_value());
}

TEST(AttemptWindow, forgets_what_is_settled_and_spares_the_rest) {
    window.begin(1, 0, now);
    window.begin(2, 0, now);
    CHECK_TRUE(window.settle(1));
    window.forget_settled();
    check_counts(0, 1);
    CHECK_TRUE(window.is_pending(2));
}

TEST(AttemptWindow, prolongs_nothing_beyond_one_window_when_the_clock_goes_back) {
    window.begin(1, 0, now);
    window.begin(2, 0, now);
    CHECK_TRUE(window.settle(1));
    CHECK_TRUE(window.settle_unanswered(2));
    now -= 10 * 24h;
    check_counts(2, 0);
    now += 5min;
    check_counts(1, 0);
    now += 25min;
    check_counts(0, 0);
}

TEST(AttemptWindow, restores_each_attempt_once) {
    window.restore(7, 0, now);
    window.restore(7, 0, now);
    check_counts(1, 0);
    CHECK_TRUE(window.take_back(7));
    check_counts(0, 0);
}
