// SPDX-License-Identifier: Apache-2.0
#include "cli/fields.h"

#include <CppUTest/TestHarness.h>
#include <nlohmann/json.hpp>

using raxauth::cli::Fields;

TEST_GROUP(Fields) {
    Fields fields;
    void setup() override {
        fields.set("user", std::string("alice"));
        fields.set("second-factor", true);
        fields.set("took-ms", std::uint64_t{12});
        fields.set("odd", std::string("a\x1b[31m\nb"));
    }
};

TEST(Fields, a_value_has_one_type) {
    CHECK(fields.text("user") == std::optional<std::string>("alice"));
    CHECK(fields.flag("second-factor") == std::optional<bool>(true));
    CHECK(fields.number("took-ms") == std::optional<std::uint64_t>(12));
    CHECK_FALSE(fields.number("user").has_value());
    CHECK_FALSE(fields.text("took-ms").has_value());
    CHECK_FALSE(fields.flag("took-ms").has_value());
}

TEST(Fields, what_is_not_there_is_nothing) {
    CHECK_FALSE(fields.has("account"));
    CHECK_FALSE(fields.text("account").has_value());
    STRCMP_EQUAL("", fields.shown("account").c_str());
}

TEST(Fields, what_is_shown_is_clean) {
    STRCMP_EQUAL("a?[31m b", fields.shown("odd").c_str());
}

TEST(Fields, json_has_underscores_and_types) {
    const nlohmann::json object = fields.json();
    CHECK(object.at("second_factor") == true);
    CHECK(object.at("took_ms") == 12);
    CHECK(object.at("user") == "alice");
}
