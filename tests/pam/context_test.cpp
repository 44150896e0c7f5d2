// SPDX-License-Identifier: Apache-2.0
#include "pam/context.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::pam;

TEST_GROUP(Context){};

TEST(Context, finds_the_login_session_in_the_control_group) {
    const struct {
        const char* cgroups;
        const char* session;
    } rows[] = {
        {"0::/user.slice/user-1000.slice/session-42.scope\n", "42"},
        {"0::/user.slice/user-0.slice/session-c3.scope", "c3"},
        {"9:pids:/user.slice/user-1.slice/session-8.scope\n"
         "1:name=systemd:/user.slice/user-1.slice/session-7.scope\n0::/\n",
         "7"},
        {"0::/user.slice/user-1.slice/session-7.scope/below\n", "7"},
        {"0::/session-7.scope\n", "7"},
        {"0::/\n", ""},
        {"", ""},
        {"0::\n", ""},
        {"nonsense", ""},
        {"0::/system.slice/ssh.service\n", ""},
        {"9:pids:/user.slice/user-1.slice/session-8.scope\n", ""},
        {"0::/user.slice/user-1.slice/session-.scope\n", ""},
        {"0::/user.slice/user-1.slice/session-a b.scope\n", ""},
        {"0::/user.slice/user-1.slice/session-4_2.scope\n", ""},
        {"0::/user.slice/user-1.slice/session-42.scope2\n", ""},
        // What people can make themselves is under their own manager.
        {"0::/user.slice/user-1.slice/user@1.service/session-42.scope\n", ""},
        {"0::/user.slice/user-1.slice/user@1.service/app.slice/session-42.scope\n", ""},
    };
    for (const auto& row : rows) {
        STRCMP_EQUAL_TEXT(row.session, logind_session_in(row.cgroups).c_str(), row.cgroups);
    }
}

TEST(Context, reads_the_kernels_ids) {
    CHECK_EQUAL(42U, kernel_id_in("42"));
    CHECK_EQUAL(42U, kernel_id_in("42\n"));
    CHECK_EQUAL(0U, kernel_id_in("0"));
    CHECK_EQUAL(contract::kUnsetId, kernel_id_in("4294967295"));
    for (const char* nothing : {"", "x", "-1", "99999999999"}) {
        CHECK_EQUAL_TEXT(contract::kUnsetId, kernel_id_in(nothing), nothing);
    }
}
