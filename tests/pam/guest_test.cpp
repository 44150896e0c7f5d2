// SPDX-License-Identifier: Apache-2.0
// Applications with threads of their own: greeters, servers.
#include "fake_daemon.h"
#include "pam/hooks.h"
#include "pam_application.h"

#include <CppUTest/TestHarness.h>

#include <dlfcn.h>
#include <pthread.h>
#include <thread>
#include <vector>

using namespace raxauth;
using namespace raxauth::testing;

TEST_GROUP(ThreadedGuest) {
    PrivateBus bus;
};

TEST(ThreadedGuest, survives_a_cancelled_thread) {
    PamApplication app("auth required MODULE\n", "nobody", bus.address());
    struct Run {
        int code = PAM_SUCCESS;
        bool over = false;
        /// Not for AddressSanitizer, which does not clear the frames that a cancellation unwinds
        /// and then reports its own end of the thread. What the hook runs is checked.
        __attribute__((no_sanitize("address"))) static void* begin(void* run) {
            const pam::Hook hook = [](const pam::Invocation&) -> int {
                ::pthread_cancel(::pthread_self());
                ::pthread_testcancel(); // as ppoll(2) would be
                return PAM_SYSTEM_ERR;
            };
            static_cast<Run*>(run)->code =
                pam::run_hook(hook, static_cast<Run*>(run)->handle, 0, 0, nullptr, {});
            static_cast<Run*>(run)->over = true;
            ::pthread_testcancel(); // now is the time
            static_cast<Run*>(run)->over = false;
            return nullptr;
        }
        pam_handle_t* handle = nullptr;
    } run;
    run.handle = app.handle();
    pthread_t thread{};
    CHECK_EQUAL(0, ::pthread_create(&thread, nullptr, Run::begin, &run));
    void* result = nullptr;
    CHECK_EQUAL(0, ::pthread_join(thread, &result));

    CHECK_TRUE(result == PTHREAD_CANCELED);
    CHECK_TRUE(run.over);
    CHECK_EQUAL(PAM_SYSTEM_ERR, run.code);
}

TEST(ThreadedGuest, loads_and_unloads_the_module_in_many_threads_that_end) {
    FakeDaemon daemon(bus.address(), {Say::verdict("denied", "wrong-credentials")});
    PamApplication first("auth required MODULE\n", "nobody", bus.address()); // sets the environment
    first.end();
    constexpr std::size_t kThreads = 6;
    std::vector<int> codes(kThreads, PAM_SUCCESS);
    const auto sign_in = [&](std::size_t own) {
        for (int i = 0; i < 10; ++i) {
            ScriptedConversation conversation;
            pam_handle_t* pamh = nullptr;
            codes[own] = pam_start_confdir("raxauth-test", "nobody", conversation.conv(),
                                           first.directory().c_str(), &pamh);
            if (codes[own] != PAM_SUCCESS) {
                return;
            }
            codes[own] = pam_authenticate(pamh, 0);
            pam_end(pamh, codes[own]); // unloads it if no other thread has it
        }
    };
    for (int round = 0; round < 5; ++round) {
        std::vector<std::thread> threads;
        for (std::size_t own = 0; own < kThreads; ++own) {
            threads.emplace_back(sign_in, own);
        }
        for (std::thread& thread : threads) {
            thread.join(); // what the module left to the thread's end runs now
        }
        // libpam keeps no handle: nothing of the module is mapped that a thread's end could need.
        CHECK_TRUE(::dlopen(RAXAUTH_TEST_MODULE, RTLD_NOW | RTLD_NOLOAD) == nullptr);
    }
    for (const int code : codes) {
        CHECK_EQUAL(PAM_AUTH_ERR, code);
    }
}
