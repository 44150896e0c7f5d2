// SPDX-License-Identifier: Apache-2.0
#include "common/handle.h"

#include <CppUTest/TestHarness.h>

namespace {

struct Thing {
    int* released;
};

int release_thing(Thing* thing) {
    ++*thing->released;
    return 0;
}

int make_thing(Thing* made, Thing** place) {
    *place = made;
    return 0;
}

using ThingHandle = raxauth::CHandle<Thing, release_thing>;
static_assert(sizeof(ThingHandle) == sizeof(Thing*));

} // namespace

TEST_GROUP(CHandle) {
    int released = 0;
    Thing thing{&released};
    Thing other{&released};
};

TEST(CHandle, releases_once) {
    {
        ThingHandle first(&thing);
        const ThingHandle second = std::move(first);
        CHECK_TRUE(first == nullptr); // NOLINT(bugprone-use-after-move): what is tested
    }

    CHECK_EQUAL(1, released);
}

TEST(CHandle, releases_nothing_when_empty) {
    {
        const ThingHandle empty;
    }

    CHECK_EQUAL(0, released);
}

TEST(CHandle, is_filled_through_an_out_pointer_and_lets_the_old_thing_go) {
    ThingHandle handle(&thing);

    const int r = make_thing(&other, raxauth::out(handle));

    CHECK_EQUAL(0, r);
    POINTERS_EQUAL(&other, handle.get());
    CHECK_EQUAL(1, released);
}
