// SPDX-License-Identifier: Apache-2.0
#include "cli/fields.h"

#include "cli/failure.h"
#include "common/text.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

namespace raxauth::cli {
namespace {

constexpr std::size_t kMaxShownBytes = 512;

int check(int r) {
    if (r < 0) {
        throw failure_of_odd_daemon();
    }
    return r;
}

std::optional<Fields::Value> read_value(sd_bus_message* message) {
    const char* contents = nullptr;
    check(sd_bus_message_peek_type(message, nullptr, &contents));
    const std::string_view type(contents != nullptr ? contents : "");
    if (type == "s") {
        const char* text = nullptr;
        check(sd_bus_message_read(message, "v", "s", &text));
        return std::string(text);
    }
    if (type == "b") {
        int flag = 0;
        check(sd_bus_message_read(message, "v", "b", &flag));
        return flag != 0;
    }
    if (type == "u") {
        std::uint32_t number = 0;
        check(sd_bus_message_read(message, "v", "u", &number));
        return std::uint64_t{number};
    }
    if (type == "t") {
        std::uint64_t number = 0;
        check(sd_bus_message_read(message, "v", "t", &number));
        return number;
    }
    check(sd_bus_message_skip(message, "v"));
    return std::nullopt;
}

} // namespace

std::string Fields::shown(std::string_view key) const {
    return sanitise(text(key).value_or(""), kMaxShownBytes);
}

nlohmann::json Fields::json() const {
    nlohmann::json object = nlohmann::json::object();
    for (const auto& [key, value] : values_) {
        std::string name = key;
        std::replace(name.begin(), name.end(), '-', '_');
        std::visit([&](const auto& plain) { object[name] = plain; }, value);
    }
    return object;
}

Fields read_fields(sd_bus_message* message) {
    Fields fields;
    check(sd_bus_message_enter_container(message, 'a', "{sv}"));
    while (check(sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        const char* key = nullptr;
        check(sd_bus_message_read(message, "s", &key));
        std::string name(key);
        if (auto value = read_value(message)) {
            fields.set(std::move(name), *std::move(value));
        }
        check(sd_bus_message_exit_container(message));
    }
    check(sd_bus_message_exit_container(message));
    return fields;
}

std::vector<Fields> read_many_fields(sd_bus_message* message) {
    std::vector<Fields> many;
    check(sd_bus_message_enter_container(message, 'a', "a{sv}"));
    while (check(sd_bus_message_at_end(message, /* complete= */ 0)) == 0) {
        many.push_back(read_fields(message));
    }
    check(sd_bus_message_exit_container(message));
    return many;
}

nlohmann::json json_of(const std::vector<Fields>& many) {
    nlohmann::json list = nlohmann::json::array();
    for (const Fields& fields : many) {
        list.push_back(fields.json());
    }
    return list;
}

} // namespace raxauth::cli
