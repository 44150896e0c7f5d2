// SPDX-License-Identifier: Apache-2.0
#include "daemon/loop/worker.h"

#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace std::chrono_literals;

namespace {

template <class Work>
Task<void> run_and_stop(Worker& worker, Loop& loop, Work work, std::string& got) {
    try {
        got = co_await worker.run(std::move(work));
    } catch (const std::exception& fault) {
        got = std::string("fault: ") + fault.what();
    }
    loop.stop(0);
}

} // namespace

TEST_GROUP(Worker) {
    Loop loop;
    std::string got;
};

TEST(Worker, runs_work_on_another_thread_and_delivers_on_the_loops) {
    Worker worker(loop);
    std::thread::id worked_on;
    const Job job = Job::start(run_and_stop(
        worker, loop,
        [&worked_on] {
            worked_on = std::this_thread::get_id();
            return std::string("done");
        },
        got));
    STRCMP_EQUAL("", got.c_str());

    loop.run();

    STRCMP_EQUAL("done", got.c_str());
    CHECK(worked_on != std::this_thread::get_id());
}

TEST(Worker, takes_what_is_urgent_before_what_is_not) {
    Worker worker(loop);
    std::promise<void> begun;
    std::promise<void> go_on;
    std::string order;
    const auto piece = [&worker](std::function<bool()> work, Worker::Order how) {
        return Job::start(
            [](Worker& on, std::function<bool()> todo, Worker::Order when) -> Task<void> {
                static_cast<void>(co_await on.run(std::move(todo), when));
            }(worker, std::move(work), how));
    };
    const Job first = piece(
        [&] {
            begun.set_value();
            go_on.get_future().wait();
            return true;
        },
        Worker::Order::Plain);
    begun.get_future().wait();
    const auto writes = [&order](char letter) {
        return [&order, letter] {
            order += letter;
            return true;
        };
    };
    const Job plain = piece(writes('p'), Worker::Order::Plain);
    const Job urgent = piece(writes('u'), Worker::Order::Urgent);
    const Job also_urgent = piece(writes('v'), Worker::Order::Urgent);
    go_on.set_value();
    const Job last = Job::start([](Worker& on, Loop& its_loop) -> Task<void> {
        static_cast<void>(co_await on.run([] { return true; }));
        its_loop.stop(0);
    }(worker, loop));

    loop.run();

    STRCMP_EQUAL("uvp", order.c_str());
}

TEST(Worker, hands_an_exception_to_the_caller) {
    Worker worker(loop);
    const Job job = Job::start(
        run_and_stop(worker, loop, []() -> std::string { throw std::runtime_error("disk"); }, got));

    loop.run();

    STRCMP_EQUAL("fault: disk", got.c_str());
}

TEST(Worker, refuses_the_newcomer_when_its_queue_is_full) {
    std::promise<void> begun;
    std::promise<void> gate;
    auto opened = gate.get_future().share();
    Worker worker(loop, 1);
    std::string first;
    std::string second;
    const Job running = Job::start(run_and_stop(
        worker, loop,
        [&begun, opened] {
            begun.set_value();
            opened.wait();
            return std::string("first");
        },
        first));
    begun.get_future().wait(); // taken off the queue
    const Job queued =
        Job::start(run_and_stop(worker, loop, [] { return std::string("second"); }, second));

    const Job refused =
        Job::start(run_and_stop(worker, loop, [] { return std::string("third"); }, got));
    gate.set_value();

    STRCMP_EQUAL("fault: worker queue is full", got.c_str());
    STRCMP_EQUAL("", second.c_str());
}

TEST(Worker, dropping_the_task_abandons_the_result_and_not_the_work) {
    Worker worker(loop);
    std::promise<void> gate;
    auto opened = gate.get_future().share();
    auto touched = std::make_shared<std::string>();
    {
        const Job job = Job::start(run_and_stop(
            worker, loop,
            [opened, touched] {
                opened.wait();
                *touched = "worked";
                return std::string("result");
            },
            got));
    }
    gate.set_value();
    const Job after =
        Job::start(run_and_stop(worker, loop, [] { return std::string("after"); }, got));

    loop.run();

    STRCMP_EQUAL("after", got.c_str());
    STRCMP_EQUAL("worked", touched->c_str());
}

TEST(Worker, its_thread_takes_no_signals) {
    Worker worker(loop);
    const Job job = Job::start(run_and_stop(
        worker, loop,
        [] {
            sigset_t blocked;
            pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
            return std::string(sigismember(&blocked, SIGTERM) == 1 ? "blocked" : "open");
        },
        got));

    loop.run();

    STRCMP_EQUAL("blocked", got.c_str());
    sigset_t here;
    pthread_sigmask(SIG_SETMASK, nullptr, &here);
    LONGS_EQUAL(0, sigismember(&here, SIGTERM));
}

TEST(Worker, can_be_destroyed_by_the_coroutine_it_resumes) {
    auto worker = std::make_unique<Worker>(loop);
    const Job job = Job::start([](std::unique_ptr<Worker>& owner, Loop& on) -> Task<void> {
        static_cast<void>(co_await owner->run([] { return 1; }));
        owner.reset();
        on.stop(0);
    }(worker, loop));

    loop.run();

    CHECK(job.finished());
}
