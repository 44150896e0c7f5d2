// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/issuers.h"

#include "daemon/journal/journal.h"
#include "revoking_identity.h"
#include "tests/support/event_pump.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using identity::OwnedToken;

namespace {
constexpr const char* kHere = "https://here.example/v2.0";
constexpr const char* kThere = "https://there.example/v2.0";
} // namespace

TEST_GROUP(Issuers) {
    Loop loop;
    RevokingIdentity here;
    RevokingIdentity there;
    Issuers issuers{loop};
    bool drained = false;

    void setup() override {
        raxauth::journal::set_foreground(true);
        issuers.use(kHere, here);
    }
    void let_go(const char* address, const char* token) {
        const OwnedToken owned(Secret(token), WallTime{}, issuers.at(address));
    }
    std::vector<std::string> pending(const char* address) const {
        std::vector<std::string> found;
        issuers.each_pending(address, [&](const Secret& one) { found.emplace_back(one.view()); });
        return found;
    }
    Task<void> drain() {
        co_await issuers.drain(1h);
        drained = true;
    }
    void settle() {
        CHECK(run_until(loop, [&] { return issuers.totals().pending == 0; }, 5s));
    }
};

TEST(Issuers, a_token_goes_back_where_it_came_from_whoever_is_in_use) {
    issuers.use(kThere, there);
    let_go(kHere, "a");
    let_go(kThere, "b");

    settle();

    CHECK(here.asked == std::vector<std::string>{"a"});
    CHECK(there.asked == std::vector<std::string>{"b"});
    UNSIGNED_LONGS_EQUAL(2, issuers.totals().counts.issued);
    UNSIGNED_LONGS_EQUAL(2, issuers.totals().counts.revoked);
}

TEST(Issuers, tell_what_waits_at_each_address_and_that_more_does) {
    unsigned told = 0;
    issuers.on_pending([&told] { ++told; });
    let_go(kHere, "a");
    let_go(kThere, "b"); // an address named later tells as well

    CHECK(pending(kHere) == std::vector<std::string>{"a"});
    CHECK(pending(kThere) == std::vector<std::string>{"b"});
    CHECK(pending("https://nowhere.example").empty());
    UNSIGNED_LONGS_EQUAL(2, told);
    issuers.on_pending(nullptr);
}

TEST(Issuers, after_parting_what_waits_and_what_comes_is_lost_and_a_stop_does_not_wait) {
    let_go(kHere, "a");
    CHECK_TRUE(issuers.part_with(kHere, here));
    let_go(kHere, "b");
    const Job stop = Job::start(drain());

    CHECK(run_until(loop, [&] { return drained; }));

    CHECK(here.asked.empty());
    UNSIGNED_LONGS_EQUAL(0, issuers.totals().pending);
    UNSIGNED_LONGS_EQUAL(2, issuers.totals().counts.lost);
}

TEST(Issuers, parting_lets_a_request_under_way_come_to_its_answer) {
    here.held = true;
    let_go(kHere, "a");
    CHECK(run_until(loop, [&] { return here.under_way.size() == 1; }));

    issuers.part_with(kHere, here);
    here.under_way.front()->set(true);
    settle();

    UNSIGNED_LONGS_EQUAL(1, issuers.totals().counts.revoked);
    UNSIGNED_LONGS_EQUAL(0, issuers.totals().counts.lost);
}

TEST(Issuers, parting_with_strangers_gives_up_what_nobody_can_be_asked_about) {
    let_go(kThere, "a"); // from before a restart, say
    let_go(kHere, "b");

    issuers.part_with_strangers();
    settle();

    CHECK(here.asked == std::vector<std::string>{"b"});
    UNSIGNED_LONGS_EQUAL(1, issuers.totals().counts.lost);

    issuers.use(kThere, there); // the configuration names it again
    let_go(kThere, "c");
    settle();
    CHECK(there.asked == std::vector<std::string>{"c"});
}

TEST(Issuers, parting_with_a_former_client_leaves_a_later_one) {
    RevokingIdentity later;
    issuers.use(kHere, later);

    CHECK_FALSE(issuers.part_with(kHere, here));
    let_go(kHere, "a");
    settle();

    CHECK(later.asked == std::vector<std::string>{"a"});
}

TEST(Issuers, a_stop_waits_for_all_that_can_be_asked) {
    issuers.use(kThere, there);
    here.held = there.held = true;
    let_go(kHere, "a");
    let_go(kThere, "b");
    const Job stop = Job::start(drain());
    CHECK(run_until(loop, [&] { return here.under_way.size() + there.under_way.size() == 2; }));

    here.under_way.front()->set(true);
    run_until_idle(loop);
    CHECK_FALSE(drained);

    there.under_way.front()->set(true);
    CHECK(run_until(loop, [&] { return drained; }));
}
