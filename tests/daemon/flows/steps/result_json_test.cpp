// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/result_json.h"

#include <string>

#include <CppUTest/TestHarness.h>

using raxauth::flows::ResultJson;

TEST_GROUP(ResultJson) {
    ResultJson json;
    std::string text() {
        return std::string(json.take()->view());
    }
};

TEST(ResultJson, puts_commas_between_elements_and_nowhere_else) {
    json.open('{').add("on", true).key("list").open('[');
    json.open('{').add("a", "1").close('}').open('{').close('}').string("x").close(']');
    json.key("minutes").literal("30").add("off", false).close('}');

    STRCMP_EQUAL(R"({"on":true,"list":[{"a":"1"},{},"x"],"minutes":30,"off":false})",
                 text().c_str());
}

TEST(ResultJson, escapes_what_json_does_not_take_in_a_string) {
    json.string(std::string_view("a\"b\\c\n\x1f\0é/", 10));

    STRCMP_EQUAL("\"a\\\"b\\\\c\\u000a\\u001f\\u0000é\"", text().c_str());
}

TEST(ResultJson, of_nothing_is_an_empty_object) {
    STRCMP_EQUAL("{}", std::string(ResultJson::empty_object()->view()).c_str());
}
