// SPDX-License-Identifier: Apache-2.0
#include "common/secret.h"

#include <CppUTest/TestHarness.h>

#include <string>

using raxauth::Secret;

namespace {

std::string text_of(const Secret& secret) {
    return std::string(secret.view());
}

} // namespace

TEST_GROUP(Secret){};

TEST(Secret, keeps_bytes_of_every_value_with_a_nul_behind_them) {
    const std::string bytes("a\0b\xFF", 4);

    const Secret secret{std::string_view(bytes)};

    CHECK_EQUAL(4U, secret.size());
    CHECK_TRUE(secret.view() == bytes);
    CHECK_EQUAL('\0', secret.c_str()[4]);
}

TEST(Secret, is_an_empty_string_when_it_holds_nothing) {
    const Secret secret;

    CHECK_TRUE(secret.empty());
    STRCMP_EQUAL("", secret.c_str());
    CHECK_TRUE(secret.view().data() != nullptr);
}

TEST(Secret, leaves_nothing_behind_when_moved_from) {
    Secret from("hunter2");
    Secret to("old");

    to = std::move(from);
    const Secret last = std::move(to);

    STRCMP_EQUAL("hunter2", last.c_str());
    CHECK_TRUE(from.empty()); // NOLINT(bugprone-use-after-move): what is tested
    STRCMP_EQUAL("", from.c_str());
    CHECK_TRUE(to.empty()); // NOLINT(bugprone-use-after-move): what is tested
}

TEST(Secret, survives_being_moved_onto_itself) {
    Secret secret("hunter2");
    Secret& same = secret;

    secret = std::move(same);

    STRCMP_EQUAL("hunter2", secret.c_str());
}

TEST(Secret, grows_over_its_first_buffer) {
    Secret secret;
    std::string expected;

    for (int i = 0; i < 5000; ++i) {
        const char next = static_cast<char>('a' + i % 26);
        secret.append(next);
        expected += next;
    }

    CHECK_TRUE(text_of(secret) == expected);
}

TEST(Secret, appends_a_part_of_nothing) {
    Secret secret("x");

    secret.append(std::string_view());

    STRCMP_EQUAL("x", secret.c_str());
}

TEST(Secret, wipes_what_it_cuts_off_and_ends_there) {
    Secret secret("password,123456");
    char* const bytes = secret.data();

    secret.truncate(8);

    STRCMP_EQUAL("password", secret.c_str());
    for (int i = 8; i < 15; ++i) {
        CHECK_EQUAL('\0', bytes[i]);
    }
    secret.truncate(100);
    CHECK_EQUAL(8U, secret.size());
}

TEST(Secret, does_not_move_within_reserved_room) {
    Secret secret;
    secret.reserve(1000);
    const char* const before = secret.data();

    for (int i = 0; i < 1000; ++i) {
        secret.append('x');
    }

    POINTERS_EQUAL(before, secret.data());
}

TEST(Secret, clones_on_demand_into_memory_of_its_own) {
    const Secret secret("hunter2");

    Secret copy = secret.clone();
    copy.append('!');

    STRCMP_EQUAL("hunter2", secret.c_str());
    STRCMP_EQUAL("hunter2!", copy.c_str());
}

TEST(Secret, compares_whole_contents) {
    const struct {
        std::string_view a;
        std::string_view b;
        bool equal;
    } rows[] = {
        {"", "", true},          {"a", "a", true},        {"a", "b", false},
        {"a", "", false},        {"", "a", false},        {"abc", "abcd", false},
        {"abcx", "abcy", false}, {"xabc", "yabc", false}, {std::string_view("a\0b", 3), "a", false},
    };
    for (const auto& row : rows) {
        CHECK_EQUAL(row.equal, Secret(row.a).equals(row.b));
        CHECK_EQUAL(row.equal, Secret(row.a).equals(Secret(row.b)));
    }
}

TEST(Secret, is_gone_from_its_buffer_when_wiped) {
    char memory[] = "hunter2";

    raxauth::wipe(memory, sizeof memory);
    raxauth::wipe(nullptr, 7);

    for (const char byte : memory) {
        CHECK_EQUAL('\0', byte);
    }
}
