// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/revocation.h"

#include "daemon/journal/journal.h"
#include "revoking_identity.h"
#include "tests/support/event_pump.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using identity::OwnedToken;

TEST_GROUP(Revocations) {
    Loop loop;
    RevokingIdentity identity;
    RevocationLimits limits{.queue = 4, .at_once = 2, .attempts = 3, .first_pause = 1ms};
    std::unique_ptr<Revocations> revocations;

    void setup() override {
        raxauth::journal::set_foreground(true);
        revocations = std::make_unique<Revocations>(loop, limits);
        revocations->use(&identity);
    }
    OwnedToken token(const char* text) {
        return {Secret(text), WallTime{}, *revocations};
    }
    void settle() {
        CHECK(run_until(loop, [&] { return revocations->pending() == 0; }, 5s));
        static_cast<void>(run_until_idle(loop));
    }
};

TEST(Revocations, what_its_owner_lets_go_is_revoked) {
    {
        const OwnedToken owned = token("a");
        LONGS_EQUAL(1, revocations->held());
    }
    LONGS_EQUAL(0, identity.asked.size()); // never from inside a destructor

    settle();

    CHECK(identity.asked == std::vector<std::string>{"a"});
    LONGS_EQUAL(1, revocations->counts().issued);
    LONGS_EQUAL(1, revocations->counts().revoked);
    LONGS_EQUAL(0, revocations->held());
}

TEST(Revocations, tells_what_waits_and_what_is_under_way_so_that_it_can_be_kept) {
    unsigned told = 0;
    revocations->on_pending([&told] { ++told; });
    identity.held = true;
    {
        const OwnedToken a = token("a");
        const OwnedToken b = token("b");
        const OwnedToken c = token("c");
    }
    CHECK(run_until(loop, [&] { return identity.under_way.size() == 2; })); // and one waits

    std::vector<std::string> pending;
    revocations->each_pending([&](const Secret& one) { pending.emplace_back(one.view()); });
    std::sort(pending.begin(), pending.end());
    CHECK(pending == (std::vector<std::string>{"a", "b", "c"}));
    LONGS_EQUAL(3, told);

    identity.held = false;
    for (OneShot<bool>* answer : identity.under_way) {
        answer->set(true);
    }
    settle();
    revocations->each_pending([](const Secret&) { FAIL("nothing is left"); });
}

TEST(Revocations, what_failed_is_not_tried_again_while_somebody_owns_it_again) {
    identity.held = true;
    {
        const OwnedToken first = token("a");
    }
    CHECK(run_until(loop, [&] { return identity.under_way.size() == 1; }));
    {
        const OwnedToken second = token("a"); // given out once more
        identity.held = false;
        identity.under_way.front()->set(false);

        settle();

        LONGS_EQUAL_TEXT(1, identity.asked.size(), "an owned token was sent for revocation");
        LONGS_EQUAL(1, revocations->held());
    }
    settle();
    LONGS_EQUAL(2, identity.asked.size());
    LONGS_EQUAL(1, revocations->counts().issued);
    LONGS_EQUAL(1, revocations->counts().revoked);
    LONGS_EQUAL(0, revocations->counts().lost);
}

TEST(Revocations, handing_on_is_no_end) {
    OwnedToken second;
    {
        OwnedToken first = token("a");
        second = std::move(first);
    }
    static_cast<void>(run_until_idle(loop));
    LONGS_EQUAL(0, identity.asked.size());

    second = OwnedToken();
    settle();

    LONGS_EQUAL(1, identity.asked.size());
}

TEST(Revocations, of_equal_texts_the_last_holder_revokes) {
    {
        const OwnedToken second = token("same");
        {
            const OwnedToken first = token("same");
        }
        static_cast<void>(run_until_idle(loop));
        LONGS_EQUAL(0, identity.asked.size());
        LONGS_EQUAL(1, revocations->counts().issued);
    }
    settle();

    LONGS_EQUAL(1, identity.asked.size());
    LONGS_EQUAL(1, revocations->counts().revoked);
}

TEST(Revocations, a_text_given_out_again_before_its_turn_is_not_revoked_under_its_new_owner) {
    {
        const OwnedToken first = token("again");
    }
    {
        const OwnedToken second = token("again");
        static_cast<void>(run_until_idle(loop));
        LONGS_EQUAL(0, identity.asked.size());
    }
    settle();

    LONGS_EQUAL(1, identity.asked.size());
    LONGS_EQUAL(1, revocations->counts().issued);
}

TEST(Revocations, what_is_left_to_expire_is_not_revoked) {
    {
        OwnedToken owned = token("a");
        owned.leave_to_expire();
    }
    settle();

    LONGS_EQUAL(0, identity.asked.size());
    LONGS_EQUAL(1, revocations->counts().left);
    LONGS_EQUAL(0, revocations->held());
}

TEST(Revocations, tries_again_with_growing_pauses_and_gives_up_at_last) {
    identity.failures = 2;
    const auto begun = std::chrono::steady_clock::now();
    {
        const OwnedToken owned = token("a");
    }
    settle();
    LONGS_EQUAL(3, identity.asked.size());
    LONGS_EQUAL(1, revocations->counts().revoked);
    CHECK(std::chrono::steady_clock::now() - begun >= 3ms);

    identity.failures = 1000;
    {
        const OwnedToken owned = token("b");
    }
    settle();
    LONGS_EQUAL(6, identity.asked.size());
    LONGS_EQUAL(1, revocations->counts().lost);
}

TEST(Revocations, an_exception_counts_as_a_failed_attempt) {
    identity.throws = true;
    {
        const OwnedToken owned = token("a");
    }
    settle();

    LONGS_EQUAL(3, identity.asked.size());
    LONGS_EQUAL(1, revocations->counts().lost);
}

TEST(Revocations, few_at_once_and_a_bounded_queue) {
    identity.held = true;
    for (int i = 0; i < 3; ++i) { // two under way, one waiting
        const OwnedToken owned = token(std::to_string(i).c_str());
    }
    static_cast<void>(run_until_idle(loop));
    LONGS_EQUAL(2, identity.asked.size());
    for (int i = 3; i < 8; ++i) { // room for three more
        const OwnedToken owned = token(std::to_string(i).c_str());
    }
    LONGS_EQUAL(2, revocations->counts().lost);
    LONGS_EQUAL(6, revocations->pending());

    while (revocations->pending() > 0) {
        CHECK_FALSE(identity.under_way.empty());
        OneShot<bool>* next = identity.under_way.front();
        identity.under_way.pop_front();
        next->set(true);
        static_cast<void>(run_until_idle(loop));
    }

    LONGS_EQUAL(6, revocations->counts().revoked);
    LONGS_EQUAL(8, revocations->counts().issued);
}

TEST(Revocations, tokens_wait_while_there_is_nobody_to_ask) {
    revocations->use(nullptr);
    {
        const OwnedToken owned = token("a");
    }
    static_cast<void>(run_until_idle(loop));
    LONGS_EQUAL(1, revocations->pending());

    revocations->use(&identity);
    settle();

    LONGS_EQUAL(1, revocations->counts().revoked);
}

TEST(Revocations, drain_ends_when_all_is_revoked_or_time_is_up) {
    bool drained = false;
    const auto drain = [](Revocations& of, std::chrono::milliseconds time,
                          bool& over) -> Task<void> {
        co_await of.drain(time);
        over = true;
    };
    {
        const OwnedToken owned = token("a");
    }
    const Job all = Job::start(drain(*revocations, 10s, drained));
    CHECK_FALSE(drained);
    CHECK(run_until(loop, [&] { return drained; }, 5s));
    LONGS_EQUAL(1, revocations->counts().revoked);

    identity.held = true;
    drained = false;
    {
        const OwnedToken owned = token("b");
    }
    const Job late = Job::start(drain(*revocations, 20ms, drained));
    CHECK(run_until(loop, [&] { return drained; }, 5s));
    LONGS_EQUAL(1, revocations->pending());
}

TEST(Revocations, a_stop_waits_for_a_reply_that_may_bring_a_token_and_no_longer_than_told) {
    bool over = false;
    const auto wait = [](Revocations& of, std::chrono::milliseconds time,
                         bool& is_over) -> Task<void> {
        co_await of.replies(time);
        is_over = true;
    };
    auto first = std::make_unique<ExpectedToken>(*revocations);
    auto second = std::make_unique<ExpectedToken>(*revocations);
    const Job all = Job::start(wait(*revocations, 10s, over));
    first.reset();
    static_cast<void>(run_until_idle(loop));
    CHECK_FALSE(over);
    second.reset();
    CHECK(run_until(loop, [&] { return over; }, 5s));

    over = false;
    const ExpectedToken never(*revocations);
    const Job late = Job::start(wait(*revocations, 20ms, over));
    CHECK(run_until(loop, [&] { return over; }, 5s));
}

TEST(Revocations, drain_with_nothing_to_do_ends_at_once) {
    bool drained = false;
    const Job job = Job::start([](Revocations& of, bool& over) -> Task<void> {
        co_await of.drain(10s);
        over = true;
    }(*revocations, drained));

    CHECK(run_until(loop, [&] { return drained; }, 1s));
}
