// SPDX-License-Identifier: Apache-2.0
#include "daemon/conversation/places.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth::conversation;

namespace {

Claim claim(Standing standing, const char* share, std::size_t most) {
    return {standing, {{share, most}}};
}

/// How many of the same claim are taken in, one after the other.
std::size_t fill(Places& places, const Claim& of, std::size_t all) {
    std::size_t count = 0;
    while (count <= all && places.take(of, all)) {
        ++count;
    }
    return count;
}

} // namespace

TEST_GROUP(Places){};

TEST(Places, are_shared_out_by_how_well_somebody_is_known) {
    const struct {
        const char* name;
        Standing standing;
        std::size_t all;
        std::size_t expected;
    } rows[] = {
        {"the known may have all", Standing::Known, 1024, 1024},
        {"strangers have three quarters", Standing::Stranger, 1024, 768},
        {"missing names have a sixteenth", Standing::NoSuchName, 1024, 64},
        {"three quarters, rounded down", Standing::Stranger, 10, 7},
        {"at least one stranger", Standing::Stranger, 1, 1},
        {"at least one missing name", Standing::NoSuchName, 4, 1},
        {"the largest table", Standing::Stranger, 10000, 7500},
    };
    for (const auto& row : rows) {
        Places places;
        UNSIGNED_LONGS_EQUAL_TEXT(
            row.expected, fill(places, claim(row.standing, "x", 100000), row.all), row.name);
        UNSIGNED_LONGS_EQUAL_TEXT(row.expected, places.taken(), row.name);
    }
}

TEST(Places, keep_a_quarter_for_the_known_when_strangers_have_taken_theirs) {
    Places places;
    const Claim missing = claim(Standing::NoSuchName, "origin a", 1000);
    const Claim stranger = claim(Standing::Stranger, "origin b", 1000);
    const Claim known = claim(Standing::Known, "alice", 1000);

    UNSIGNED_LONGS_EQUAL(4, fill(places, missing, 64));
    UNSIGNED_LONGS_EQUAL(44, fill(places, stranger, 64)); // with the missing names 48
    CHECK_FALSE(places.take(missing, 64));
    UNSIGNED_LONGS_EQUAL(16, fill(places, known, 64));
}

TEST(Places, bound_each_share_by_itself) {
    Places places;
    const Claim alice{Standing::Stranger, {{"alice at a", 2}, {"a", 3}}};
    const Claim bob{Standing::Stranger, {{"bob at a", 2}, {"a", 3}}};
    const Claim elsewhere{Standing::Stranger, {{"alice at b", 2}, {"b", 3}}};

    UNSIGNED_LONGS_EQUAL(2, fill(places, alice, 100));
    UNSIGNED_LONGS_EQUAL(1, fill(places, bob, 100));
    UNSIGNED_LONGS_EQUAL(2, fill(places, elsewhere, 100));

    // A refused claim took nothing of its other share.
    places.give_back(alice);
    UNSIGNED_LONGS_EQUAL(1, fill(places, bob, 100));
}

TEST(Places, given_back_are_free_again) {
    Places places;
    const Claim all[] = {claim(Standing::Known, "a", 1), claim(Standing::Stranger, "b", 1),
                         claim(Standing::NoSuchName, "c", 1)};
    for (int round = 0; round < 3; ++round) {
        for (const Claim& one : all) {
            CHECK_TRUE(places.take(one, 4));
        }
        CHECK_FALSE(places.take(all[0], 4));
        for (const Claim& one : all) {
            places.give_back(one);
        }
        UNSIGNED_LONGS_EQUAL(0, places.taken());
    }
}

TEST(Places, follow_a_bound_that_is_lowered_without_ending_anybody) {
    Places places;
    const Claim known = claim(Standing::Known, "a", 1000);
    UNSIGNED_LONGS_EQUAL(10, fill(places, known, 10));

    CHECK_FALSE(places.take(known, 5));
    UNSIGNED_LONGS_EQUAL(10, places.taken());
}

TEST(Places, of_one_origin_are_an_eighth_or_what_one_user_may_have) {
    UNSIGNED_LONGS_EQUAL(128, Places::of_origin(1024, 16));
    UNSIGNED_LONGS_EQUAL(16, Places::of_origin(64, 16));
    UNSIGNED_LONGS_EQUAL(1, Places::of_origin(4, 1));
}
