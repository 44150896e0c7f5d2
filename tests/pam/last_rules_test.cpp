// SPDX-License-Identifier: Apache-2.0
#include "pam/last_rules.h"

#include "private_bus.h"

#include <CppUTest/TestHarness.h>

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace raxauth::pam;
namespace fs = std::filesystem;

TEST_GROUP(LastRules) {
    raxauth::testing::TemporaryDirectory host;
    const std::string state = host.path("state");
    const std::string file = state + "/account-rules";

    void setup() override {
        fs::create_directory(state);
        fs::permissions(state, fs::perms(0700));
    }
    void write(const std::string& text) {
        host.write("state/account-rules", text);
    }
    Demand of(const char* service) {
        return last_rule_of(service, state.c_str()).demand;
    }
};

TEST(LastRules, are_those_that_the_daemon_wrote_down) {
    write("raxauth-account-rules 1\nsign-in cron\nend\n");

    CHECK_TRUE(of("cron") == Demand::SignIn);
    CHECK_TRUE(of("sudo") == Demand::Nothing);
    CHECK_TRUE(of("sshd") == Demand::Nothing); // [services.sshd] without_sign_in = "allow"
}

TEST(LastRules, are_built_in_where_there_never_was_a_configuration) {
    CHECK_TRUE(of("sshd") == Demand::SignIn);
    CHECK_TRUE(of("cron") == Demand::Nothing);

    fs::remove(state);
    CHECK_TRUE(of("sshd") == Demand::SignIn);
    CHECK_TRUE(of("cron") == Demand::Nothing);
}

TEST(LastRules, that_are_damaged_are_a_no_for_every_service) {
    for (const char* text : {"", "raxauth-account-rules 1\n", "raxauth-account-rules 9\nend\n"}) {
        write(text);
        CHECK_TRUE_TEXT(of("cron") == Demand::Unknown, text);
    }
    write("raxauth-account-rules 1\n" + std::string(100000, 'x'));
    CHECK_TRUE(of("cron") == Demand::Unknown);
}

TEST(LastRules, that_others_could_have_written_are_a_no) {
    write("raxauth-account-rules 1\nend\n");
    fs::permissions(file, fs::perms(0622));
    CHECK_TRUE(of("cron") == Demand::Unknown);

    fs::permissions(file, fs::perms(0600));
    CHECK_TRUE(of("cron") == Demand::Nothing);

    fs::permissions(state, fs::perms(0777));
    CHECK_TRUE(of("cron") == Demand::Unknown);
}

TEST(LastRules, of_a_third_person_are_a_no) {
    if (::geteuid() != 0) {
        return; // only root can give files away
    }
    write("raxauth-account-rules 1\nend\n");
    LONGS_EQUAL(0, ::chown(file.c_str(), 1, 1));
    CHECK_TRUE(of("cron") == Demand::Unknown);

    LONGS_EQUAL(0, ::chown(state.c_str(), 1, 1)); // the daemon's own
    CHECK_TRUE(of("cron") == Demand::Nothing);
}

TEST(LastRules, are_not_waited_for_and_no_link_is_followed) {
    LONGS_EQUAL(0, ::mkfifo(file.c_str(), 0600));
    CHECK_TRUE(of("cron") == Demand::Unknown);

    fs::remove(file);
    host.write("elsewhere", "raxauth-account-rules 1\nend\n");
    fs::create_symlink("../elsewhere", file);
    CHECK_TRUE(of("cron") == Demand::Unknown);

    fs::remove(file);
    fs::create_directory(file);
    CHECK_TRUE(of("cron") == Demand::Unknown);

    fs::rename(state, host.path("real"));
    fs::create_directory_symlink("real", state);
    CHECK_TRUE(of("cron") == Demand::Unknown);
}
