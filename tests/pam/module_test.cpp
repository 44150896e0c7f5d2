// SPDX-License-Identifier: Apache-2.0
// The very object that is installed.
#include "fake_daemon.h"
#include "pam_application.h"

#include <CppUTest/TestHarness.h>

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <malloc.h>
#include <set>
#include <string>

using namespace raxauth::testing;

namespace {

std::set<std::string> words_of(const std::string& command) {
    std::set<std::string> words;
    FILE* const pipe = ::popen(command.c_str(), "r"); // NOLINT: our own build's path
    char word[256];
    while (std::fscanf(pipe, "%255s", word) == 1) {
        words.insert(word);
    }
    const int status = ::pclose(pipe); // once: the macro may name its argument twice
    CHECK_EQUAL(0, status);
    return words;
}

} // namespace

TEST_GROUP(Module){};

TEST(Module, exports_the_six_hooks_and_nothing_else) {
    const auto symbols = words_of("nm -D --defined-only --format=just-symbols " RAXAUTH_MODULE);

    CHECK_TRUE((symbols == std::set<std::string>{"pam_sm_authenticate", "pam_sm_setcred",
                                                 "pam_sm_acct_mgmt", "pam_sm_open_session",
                                                 "pam_sm_close_session", "pam_sm_chauthtok"}));
}

TEST(Module, brings_nothing_but_libpam_and_libsystemd_into_the_application) {
    std::set<std::string> libraries =
        words_of("readelf -d " RAXAUTH_MODULE " | sed -n 's/.*(NEEDED).*\\[\\(.*\\)\\].*/\\1/p'");
    std::erase_if(libraries, [](const std::string& name) {
        return name.starts_with("libc.so") || name.starts_with("ld-linux") ||
               name.starts_with("libm.so") || name.starts_with("libasan.so") ||
               name.starts_with("libubsan.so");
    });

    CHECK_TRUE((libraries == std::set<std::string>{"libpam.so.0", "libsystemd.so.0"}));
}

TEST(Module, resolves_all_its_symbols_at_once) {
    const auto flags = words_of("readelf -d " RAXAUTH_MODULE);

    CHECK_EQUAL(1U, flags.count("BIND_NOW"));
}

TEST(Module, leaves_nothing_behind_when_unloaded_again_and_again) {
    for (int i = 0; i < 50; ++i) { // what the libraries under it keep, they keep once
        void* const module = ::dlopen(RAXAUTH_MODULE, RTLD_NOW | RTLD_LOCAL);
        CHECK_TRUE_TEXT(module != nullptr, ::dlerror());
        CHECK_TRUE(::dlsym(module, "pam_sm_setcred") != nullptr);
        ::dlclose(module);
    }
    const auto before = ::mallinfo2().uordblks;

    for (int i = 0; i < 1000; ++i) {
        ::dlclose(::dlopen(RAXAUTH_MODULE, RTLD_NOW | RTLD_LOCAL));
    }

    CHECK_TRUE(::dlopen(RAXAUTH_MODULE, RTLD_NOW | RTLD_NOLOAD) == nullptr); // really unloaded
    CHECK_TRUE(::mallinfo2().uordblks <= before + 64 * 1024);
}

TEST(Module, reads_no_bus_address_from_the_environment) {
    const PrivateBus bus;
    FakeDaemon daemon(bus.address(), {Say::verdict("granted", "mfa-proven")});
    ::setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address(), 1);
    PamApplication app("auth required " RAXAUTH_MODULE "\n", "nobody", bus.address());

    // On the real system bus, if this machine has one, nobody answers to the name, or else that
    // nobody can be asked: there is no conversation.
    CHECK_TRUE(pam_authenticate(app.handle(), 0) != PAM_SUCCESS);
    ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
    CHECK_TRUE(daemon.finish().empty());
}

TEST(Module, leaves_root_to_others) {
    PamApplication app("auth required " RAXAUTH_MODULE "\naccount required " RAXAUTH_MODULE
                       "\nsession required " RAXAUTH_MODULE "\n",
                       "root");

    CHECK_EQUAL(PAM_USER_UNKNOWN, pam_authenticate(app.handle(), 0));
    CHECK_EQUAL(PAM_USER_UNKNOWN, pam_acct_mgmt(app.handle(), 0));
    CHECK_EQUAL(PAM_SUCCESS, pam_open_session(app.handle(), 0));
    CHECK_EQUAL(PAM_SUCCESS, pam_close_session(app.handle(), 0));
}
