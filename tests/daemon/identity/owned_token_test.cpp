// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/owned_token.h"
#include "tests/support/counting_revoker.h"

#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using raxauth::testing::CountingRevoker;

TEST_GROUP(OwnedToken) {
    CountingRevoker revoker;

    OwnedToken make(const char* text) {
        return {Secret(text), WallTime{}, revoker};
    }
};

TEST(OwnedToken, is_revoked_when_its_owner_ends) {
    {
        const OwnedToken token = make("a");
        CHECK_TRUE(token.held());
        CHECK_TRUE(revoker.lives("a"));
    }
    UNSIGNED_LONGS_EQUAL(1, revoker.abandoned());
    CHECK_TRUE(revoker.balanced());
}

TEST(OwnedToken, has_one_owner_however_often_it_is_handed_on) {
    {
        OwnedToken first = make("a");
        OwnedToken second(std::move(first));
        OwnedToken third;
        third = std::move(second);
        CHECK_TRUE(third.held());
        STRCMP_EQUAL("a", third.text().c_str());
        UNSIGNED_LONGS_EQUAL(0, revoker.abandoned());
    }
    UNSIGNED_LONGS_EQUAL(1, revoker.abandoned());
    CHECK_TRUE(revoker.balanced());
}

TEST(OwnedToken, is_revoked_when_another_takes_its_place) {
    {
        OwnedToken token = make("a");
        token = make("b");
        CHECK_FALSE(revoker.lives("a"));
        CHECK_TRUE(revoker.lives("b"));
        token = OwnedToken();
        CHECK_FALSE(revoker.lives("b"));
    }
    CHECK_TRUE(revoker.balanced());
}

TEST(OwnedToken, survives_being_moved_onto_itself) {
    OwnedToken token = make("a");
    OwnedToken& same = token;
    token = std::move(same);
    STRCMP_EQUAL("a", token.text().c_str());
    token = OwnedToken();
    CHECK_TRUE(revoker.balanced());
}

TEST(OwnedToken, left_to_expire_is_not_revoked) {
    {
        OwnedToken token = make("a");
        token.leave_to_expire();
        CHECK_FALSE(token.held());
        token.leave_to_expire();
    }
    UNSIGNED_LONGS_EQUAL(0, revoker.abandoned());
    CHECK_TRUE(revoker.balanced());
}

TEST(OwnedToken, of_nobody_ends_in_silence) {
    {
        OwnedToken token;
        CHECK_FALSE(token.held());
        token.leave_to_expire();
    }
    CHECK_TRUE(revoker.balanced());
    UNSIGNED_LONGS_EQUAL(0, revoker.issued());
}

TEST(OwnedToken, handed_over_to_a_successor_is_not_revoked_here) {
    {
        OwnedToken token = make("a");
        token.hand_over();
        CHECK_FALSE(token.held());
        CHECK_TRUE(token.text().empty());
    }
    UNSIGNED_LONGS_EQUAL(0, revoker.abandoned());
}

TEST(OwnedToken, moves_about_in_a_container_without_ending) {
    {
        std::vector<OwnedToken> tokens;
        for (const char* text : {"a", "b", "c", "d", "e"}) {
            tokens.push_back(make(text));
        }
        UNSIGNED_LONGS_EQUAL(5, revoker.live());
        tokens.erase(tokens.begin() + 1);
        CHECK_FALSE(revoker.lives("b"));
        UNSIGNED_LONGS_EQUAL(4, revoker.live());
    }
    CHECK_TRUE(revoker.balanced());
}
