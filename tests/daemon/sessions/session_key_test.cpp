// SPDX-License-Identifier: Apache-2.0
#include "daemon/sessions/random_handle.h"
#include "daemon/sessions/session_key.h"

#include <set>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::sessions;

TEST_GROUP(SessionKey) {
    static SessionKey key(std::uint32_t audit, const char* logind, uid_t login_uid,
                          const char* user) {
        caller::SessionFacts facts;
        facts.audit_session = audit;
        facts.logind_session = logind;
        facts.login_uid = login_uid;
        return SessionKey::of(facts, user);
    }
    static constexpr std::uint32_t kNone = contract::kUnsetId;
};

TEST(SessionKey, is_set_only_with_a_session_a_login_uid_and_a_user) {
    CHECK_TRUE(key(11, "", 1001, "alice").is_set());
    CHECK_TRUE(key(kNone, "c1", 1001, "alice").is_set());
    CHECK_FALSE(key(kNone, "", 1001, "alice").is_set());
    CHECK_FALSE(key(11, "", kNone, "alice").is_set());
    CHECK_FALSE(key(11, "", 1001, "").is_set());
    CHECK_FALSE(SessionKey().is_set());
}

TEST(SessionKey, is_the_kernels_session_id_and_logins_id_only_where_that_is_unset) {
    CHECK_TRUE(key(11, "", 1001, "alice") == key(11, "c1", 1001, "alice"));
    CHECK_FALSE(key(kNone, "c1", 1001, "alice") == key(kNone, "c2", 1001, "alice"));
}

TEST(SessionKey, differs_in_every_field) {
    const SessionKey one = key(11, "", 1001, "alice");
    CHECK_FALSE(one == key(12, "", 1001, "alice"));
    CHECK_FALSE(one == key(11, "", 1002, "alice"));
    CHECK_FALSE(one == key(11, "", 1001, "bob"));
    CHECK_FALSE(one == key(kNone, "11", 1001, "alice"));
}

TEST(SessionKey, session_zero_is_a_session) {
    CHECK_TRUE(key(0, "", 1001, "alice").is_set());
}

TEST_GROUP(RandomHandle){};

TEST(RandomHandle, is_64_hexadecimal_digits_and_never_the_same) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const Secret handle = random_handle();
        UNSIGNED_LONGS_EQUAL(64, handle.size());
        CHECK_TRUE(handle.view().find_first_not_of("0123456789abcdef") == std::string_view::npos);
        CHECK_TRUE(seen.emplace(handle.view()).second);
    }
}
