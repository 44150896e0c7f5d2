// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/process_facts.h"

#include <csignal>
#include <fstream>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using raxauth::bus::session_facts_of;

namespace {

std::uint32_t number_in(const char* path) {
    std::ifstream file(path);
    std::uint32_t number = contract::kUnsetId;
    file >> number;
    return number;
}

} // namespace

TEST_GROUP(ProcessFacts){};

TEST(ProcessFacts, are_those_the_kernel_tells_of_a_process) {
    const auto facts = session_facts_of(::getpid(), ::getuid());

    CHECK_TRUE(facts.has_value());
    UNSIGNED_LONGS_EQUAL(::getuid(), facts->real_uid);
    UNSIGNED_LONGS_EQUAL(number_in("/proc/self/sessionid"), facts->audit_session);
    UNSIGNED_LONGS_EQUAL(number_in("/proc/self/loginuid"), facts->login_uid);
}

TEST(ProcessFacts, of_a_process_of_another_uid_are_none) {
    CHECK_FALSE(session_facts_of(::getpid(), ::getuid() + 1).has_value());
}

TEST(ProcessFacts, of_a_process_that_is_gone_are_none) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);

    CHECK_FALSE(session_facts_of(child, ::getuid()).has_value());
    CHECK_FALSE(session_facts_of(0, ::getuid()).has_value());
    CHECK_FALSE(session_facts_of(-1, ::getuid()).has_value());
}

TEST(ProcessFacts, are_read_past_a_name_made_to_confuse) {
    int ready[2];
    CHECK_TRUE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::prctl(PR_SET_NAME, ") R 1 (\nUid:\t0");
        static_cast<void>(!::write(ready[1], "x", 1));
        for (;;) {
            ::pause();
        }
    }
    char byte = 0;
    CHECK_TRUE(::read(ready[0], &byte, 1) == 1);

    const auto facts = session_facts_of(child, ::getuid());
    const auto wrong = session_facts_of(child, ::getuid() + 1);

    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    CHECK_TRUE(facts.has_value());
    UNSIGNED_LONGS_EQUAL(::getuid(), facts->real_uid);
    CHECK_FALSE(wrong.has_value());
}
