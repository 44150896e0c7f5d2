// SPDX-License-Identifier: Apache-2.0
#include "daemon/journal/history.h"

#include "tests/support/fake_clock.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::journal;
using namespace raxauth::testing;

TEST_GROUP(History) {
    FakeClock clock;
    History history{clock};

    void setup() override {
        set_foreground(true);
    }
    void record(const char* user, bool asked_by_root) {
        VerdictLine line;
        line.hook = "account";
        line.user = user;
        line.service = "sudo";
        line.state = State::Denied;
        line.asked_by_root = asked_by_root;
        history.record(line);
    }
    std::vector<std::string> users() {
        std::vector<std::string> names;
        history.each([&](const PastVerdict& past) {
            names.push_back(past.user);
            return true;
        });
        return names;
    }
};

TEST(History, shows_the_newest_first_whoever_asked) {
    record("a", true);
    record("b", false);
    record("c", false);
    record("d", true);

    CHECK(users() == (std::vector<std::string>{"d", "c", "b", "a"}));
}

TEST(History, others_than_root_wash_out_their_own_alone) {
    record("alice", true);
    record("nobody-0", false);
    for (std::size_t i = 0; i < History::kMost; ++i) {
        record("nobody", false);
    }

    const std::vector<std::string> all = users();
    LONGS_EQUAL(History::kMost + 1, all.size());
    STRCMP_EQUAL("alice", all.back().c_str());
    STRCMP_EQUAL("nobody", all.front().c_str());
}
