// SPDX-License-Identifier: Apache-2.0
#include "daemon/sessions/logind_watch.h"

#include "tests/support/event_pump.h"
#include "tests/support/temporary_directory.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::sessions;
using namespace raxauth::testing;

TEST_GROUP(LogindWatch) {
    Loop loop;
    TemporaryDirectory place;
    const std::string sessions = place.path() + "/sessions";
    std::vector<std::string> changed;
    LogindWatch watch{loop, sessions,
                      [this](std::string_view session) { changed.emplace_back(session); }};

    void setup() override {
        std::filesystem::create_directory(sessions);
    }
    /// As logind does it: a file beside it, then a rename.
    void write(const std::string& session) {
        const std::string beside = place.path() + "/new";
        std::ofstream(beside) << "STATE=closing\n";
        LONGS_EQUAL(0, std::rename(beside.c_str(), (sessions + "/" + session).c_str()));
    }
    bool told_of(const std::vector<std::string>& wanted) {
        return run_until(loop, [&] { return changed == wanted; });
    }
};

TEST(LogindWatch, tells_of_a_session_whose_file_is_written_anew_or_removed) {
    watch.begin();
    watch.begin(); // once is enough
    write("7");
    CHECK_TRUE(told_of({"7"}));
    write("c1");
    CHECK_TRUE(told_of({"7", "c1"}));
    std::filesystem::remove(sessions + "/7");
    CHECK_TRUE(told_of({"7", "c1", "7"}));
}

TEST(LogindWatch, begins_when_logind_comes_later_or_anew) {
    std::filesystem::remove(sessions);
    watch.begin(); // no logind yet
    std::filesystem::create_directory(sessions);
    watch.begin();
    write("7");
    CHECK_TRUE(told_of({"7"}));

    std::filesystem::remove_all(sessions);
    CHECK_TRUE(told_of({"7", "7"}));
    run_until_idle(loop);
    std::filesystem::create_directory(sessions);
    watch.begin();
    write("8");
    CHECK_TRUE(told_of({"7", "7", "8"}));
}
