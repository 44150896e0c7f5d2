// SPDX-License-Identifier: Apache-2.0
// The expiry date of the local account, with a shadow of the test's own.
#include "pam/expiry.h"

#include "fake_daemon.h"
#include "pam/hooks.h"
#include "pam_application.h"

#include <CppUTest/TestHarness.h>

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <shadow.h>

using namespace raxauth;
using namespace raxauth::testing;

namespace {

struct Shadow {
    int error = 0;
    bool found = true;
    long expires = -1;
    int too_small = 0; ///< so many look-ups say that the buffer is too small
};
const Shadow* shadow = nullptr; ///< null: the real one

constexpr std::time_t kDay = 24L * 60 * 60;

} // namespace

// Stands before glibc's in this program alone.
extern "C" __attribute__((visibility("default"))) int
getspnam_r(const char* name, spwd* entry, char* buffer, std::size_t size, spwd** result) {
    if (shadow == nullptr) {
        return reinterpret_cast<decltype(&getspnam_r)>(::dlsym(RTLD_NEXT, "getspnam_r"))(
            name, entry, buffer, size, result);
    }
    *result = nullptr;
    if (shadow->too_small > 0 &&
        size < (std::size_t{2048} << static_cast<unsigned>(shadow->too_small))) {
        return ERANGE;
    }
    if (shadow->error == 0 && shadow->found) {
        *entry = {};
        std::strcpy(buffer, "$y$secret-hash"); // NOLINT: it fits
        entry->sp_pwdp = buffer;
        entry->sp_lstchg = 0; // "passwd -e": no business of ours
        entry->sp_max = 1;
        entry->sp_expire = shadow->expires;
        *result = entry;
    }
    return shadow->error;
}

TEST_GROUP(Expiry) {
    Shadow own;
    PrivateBus bus;
    PamApplication app{"account required MODULE\n", "nobody", bus.address()};

    void setup() override {
        shadow = &own;
    }
    void teardown() override {
        shadow = nullptr;
    }

    bool is_expired(std::time_t now) {
        return pam::is_account_expired("nobody", now, pam::Log(app.handle(), false));
    }
    int check_account() {
        const char* words[] = {"maximum_uid=65534"};
        return pam::run_hook(pam::check_account, app.handle(), 0, 1, words, {bus.address(), ""});
    }
};

TEST(Expiry, is_the_day_from_which_on_the_account_is_over) {
    own.expires = 20000;
    CHECK_FALSE(is_expired(20000 * kDay - 1));
    CHECK_TRUE(is_expired(20000 * kDay));

    own.expires = 0;
    CHECK_TRUE(is_expired(20000 * kDay));
    own.expires = -1;
    CHECK_FALSE(is_expired(20000 * kDay));
}

TEST(Expiry, holds_nobody_up_where_it_is_not_known) {
    own.found = false;
    CHECK_FALSE(is_expired(20000 * kDay));
    for (const int error : {EACCES, ENOENT, EIO}) {
        own.error = error;
        CHECK_FALSE(is_expired(20000 * kDay));
    }
}

TEST(Expiry, is_found_in_a_long_entry_and_not_looked_for_without_end) {
    own.expires = 1;
    own.too_small = 3;
    CHECK_TRUE(is_expired(20000 * kDay));

    own.too_small = 20;
    CHECK_FALSE(is_expired(20000 * kDay));
}

TEST(Expiry, ends_the_account_phase_before_the_daemon_is_asked) {
    FakeDaemon daemon(bus.address(), {Say::account("granted", "local-rules")});
    own.expires = 1;

    CHECK_EQUAL(PAM_ACCT_EXPIRED, check_account());

    CHECK_EQUAL(1U, app.conversation.lines().size());
    STRCMP_CONTAINS("has expired", app.conversation.lines()[0].c_str());
    CHECK_TRUE(daemon.finish().empty());
}

TEST(Expiry, is_not_the_ageing_of_a_local_password) {
    FakeDaemon daemon(bus.address(), {Say::account("granted", "local-rules")});

    CHECK_EQUAL(PAM_SUCCESS, check_account());
}
