// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/caller_shares.h"
#include "tests/support/fake_clock.h"

#include <chrono>
#include <memory>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::bus;
using namespace raxauth::testing;
using namespace std::chrono_literals;

namespace {

constexpr uid_t kAlice = 2001;
constexpr uid_t kNobody = 65534;

} // namespace

TEST_GROUP(CallerShares) {
    FakeClock clock;
    CallerShares shares{clock};

    unsigned calls_let_in(uid_t uid, unsigned calls) {
        unsigned let_in = 0;
        for (unsigned i = 0; i < calls; ++i) {
            let_in += CallerShares::Place(shares, uid).taken() ? 1U : 0U;
        }
        return let_in;
    }
};

TEST(CallerShares, end_with_the_burst) {
    UNSIGNED_LONGS_EQUAL(200, calls_let_in(kNobody, 1000));
    UNSIGNED_LONGS_EQUAL(0, calls_let_in(kNobody, 10));
}

TEST(CallerShares, grow_again_with_time_up_to_the_burst) {
    calls_let_in(kNobody, 1000);
    clock.advance(1s);
    UNSIGNED_LONGS_EQUAL(50, calls_let_in(kNobody, 1000));
    clock.advance(1h);
    UNSIGNED_LONGS_EQUAL(200, calls_let_in(kNobody, 1000));
}

TEST(CallerShares, of_one_user_are_nothing_to_another) {
    calls_let_in(kNobody, 1000);
    UNSIGNED_LONGS_EQUAL(5, calls_let_in(kAlice, 5));
}

TEST(CallerShares, bound_the_calls_under_way) {
    std::vector<std::unique_ptr<CallerShares::Place>> places;
    for (unsigned i = 0; i < CallerShares::kAtOnce; ++i) {
        places.push_back(std::make_unique<CallerShares::Place>(shares, kNobody));
        CHECK_TRUE(places.back()->taken());
    }
    CHECK_FALSE(CallerShares::Place(shares, kNobody).taken());
    CHECK_TRUE(CallerShares::Place(shares, kAlice).taken());

    places.pop_back();

    CHECK_TRUE(CallerShares::Place(shares, kNobody).taken());
}

TEST(CallerShares, are_kept_for_those_who_used_them_when_many_users_come) {
    calls_let_in(kNobody, 1000);
    for (uid_t uid = 100000; uid < 110000; ++uid) {
        clock.advance(1us);
        CHECK_TRUE(CallerShares::Place(shares, uid).taken());
    }
    UNSIGNED_LONGS_EQUAL(0, calls_let_in(kNobody, 10));
}
