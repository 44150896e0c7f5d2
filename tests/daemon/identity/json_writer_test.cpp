// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/json_writer.h"

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;

TEST_GROUP(JsonWriter){};

TEST(JsonWriter, writes_members_and_objects_in_order) {
    JsonWriter body;
    body.open("a").text("b", "c").open("d").close().flag("e", true).close().flag("f", false);

    STRCMP_EQUAL(R"({"a":{"b":"c","d":{},"e":true},"f":false})", body.take()->c_str());
}

TEST(JsonWriter, closes_what_is_open) {
    STRCMP_EQUAL(R"({"a":{"b":{"c":"d"}}})",
                 JsonWriter().open("a").open("b").text("c", "d").take()->c_str());
    STRCMP_EQUAL("{}", JsonWriter().take()->c_str());
}

TEST(JsonWriter, one_bad_text_spoils_the_whole) {
    CHECK_FALSE(JsonWriter().text("a", "\xFF").text("b", "good").take().has_value());
}
