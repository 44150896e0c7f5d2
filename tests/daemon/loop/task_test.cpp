// SPDX-License-Identifier: Apache-2.0
#include "daemon/loop/task.h"

#include <memory>
#include <stdexcept>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth;

namespace {

/// Says when it dies: a frame's objects must go when its Task is dropped.
struct Witness {
    std::string& trace;
    char name;
    ~Witness() { trace += name; }
};

Task<int> wait_for(OneShot<int>& source, std::string& trace) {
    const Witness inner{trace, 'i'};
    const int value = co_await source;
    co_return value + 1;
}

Task<void> outer(OneShot<int>& source, std::string& trace, int& got) {
    const Witness witness{trace, 'o'};
    got = co_await wait_for(source, trace);
}

Task<int> throws() {
    throw std::runtime_error("fault");
    co_return 0;
}

Task<void> catches(std::string& trace) {
    try {
        static_cast<void>(co_await throws());
    } catch (const std::runtime_error& fault) {
        trace += fault.what();
    }
}

} // namespace

TEST_GROUP(Task) {
    OneShot<int> source;
    std::string trace;
    int got = 0;
};

TEST(Task, carries_a_value_through_two_coroutines) {
    const Job job = Job::start(outer(source, trace, got));
    CHECK_FALSE(job.finished());

    source.set(41);

    LONGS_EQUAL(42, got);
    CHECK(job.finished());
    STRCMP_EQUAL("io", trace.c_str());
}

TEST(Task, dropping_the_job_destroys_every_frame_below) {
    {
        const Job job = Job::start(outer(source, trace, got));
    }

    STRCMP_EQUAL("io", trace.c_str());
    LONGS_EQUAL(0, got);
}

TEST(Task, a_value_set_before_it_is_awaited_is_not_lost) {
    source.set(1);
    source.set(2); // ignored

    const Job job = Job::start(outer(source, trace, got));

    LONGS_EQUAL(2, got);
}

TEST(Task, an_exception_comes_out_at_the_await) {
    const Job job = Job::start(catches(trace));

    CHECK(job.finished());
    STRCMP_EQUAL("fault", trace.c_str());
}

TEST(Task, a_task_that_is_never_awaited_does_nothing) {
    {
        const auto task = outer(source, trace, got);
    }

    STRCMP_EQUAL("", trace.c_str());
}
