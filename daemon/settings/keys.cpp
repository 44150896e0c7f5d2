// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/keys.h"

#include <algorithm>
#include <array>

namespace raxauth::settings {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

std::string in_quotes(std::string_view text) {
    const bool blank_first = text.size() > 1 && text.front() == ' ';
    const bool blank_last = !text.empty() && text.back() == ' ';
    return (blank_first ? "\" " : "\"") + sanitise(text, kMaxShownBytes) +
           (blank_last ? " \"" : "\"");
}

std::string describe(const toml::node& node) {
    switch (node.type()) {
    case toml::node_type::string:
        return in_quotes(**node.as_string());
    case toml::node_type::integer:
        return fmt::format("{}", **node.as_integer());
    case toml::node_type::boolean:
        return **node.as_boolean() ? "true" : "false";
    case toml::node_type::floating_point:
        return fmt::format("{}", **node.as_floating_point());
    case toml::node_type::array:
        return "a list";
    case toml::node_type::table:
        return "a table";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
        return "a date or time";
    case toml::node_type::none:
        break;
    }
    return "nothing";
}

unsigned line_of(const toml::source_region& source) {
    return source.begin.line;
}

namespace {

struct Unit {
    std::string_view name;
    milliseconds size;
};
constexpr std::array<Unit, 5> kUnits{Unit{"d", 24h}, Unit{"h", 1h}, Unit{"m", 1min}, Unit{"s", 1s},
                                     Unit{"ms", 1ms}};

std::optional<milliseconds> parse_duration(std::string_view text) {
    constexpr std::size_t kMaxDigits = 9; // keeps the product far from overflow
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > kMaxDigits) {
        return std::nullopt;
    }
    milliseconds::rep count = 0;
    for (const char digit : text.substr(0, digits)) {
        count = count * 10 + (digit - '0');
    }
    for (const Unit& unit : kUnits) {
        if (text.substr(digits) == unit.name) {
            return count * unit.size;
        }
    }
    return std::nullopt;
}

} // namespace

std::string format_duration(milliseconds duration) {
    for (const Unit& unit : kUnits) {
        if (duration != 0ms && duration % unit.size == 0ms) {
            return fmt::format("\"{}{}\"", duration / unit.size, unit.name);
        }
    }
    return "\"0s\"";
}

std::optional<bool> boolean(const Value& value) {
    if (const auto* node = value.node().as_boolean()) {
        return **node;
    }
    value.wrong("true or false");
    return std::nullopt;
}

std::function<std::optional<unsigned>(const Value&)> number(unsigned least, unsigned most) {
    return [least, most](const Value& value) -> std::optional<unsigned> {
        const auto* node = value.node().as_integer();
        if (node != nullptr && **node >= least && **node <= most) {
            return static_cast<unsigned>(**node);
        }
        value.wrong(fmt::format("a whole number from {} to {}", least, most));
        return std::nullopt;
    };
}

std::optional<milliseconds> read_duration(const Value& value, milliseconds least, milliseconds most,
                                          milliseconds unit) {
    const std::string* text = value.text();
    const auto parsed = text != nullptr ? parse_duration(*text) : std::nullopt;
    if (parsed && *parsed >= least && *parsed <= most && *parsed % unit == 0ms) {
        return parsed;
    }
    value.wrong(fmt::format("a duration with its unit (ms, s, m, h, d) from {} to {}{}",
                            format_duration(least), format_duration(most),
                            unit == 1s ? ", in whole seconds" : ""));
    return std::nullopt;
}

std::function<std::optional<std::string>(const Value&)> text(TextCheck check,
                                                             std::string_view wanted) {
    return [check = std::move(check), wanted](const Value& value) -> std::optional<std::string> {
        const std::string* text = value.text();
        if (text != nullptr && check(*text)) {
            return *text;
        }
        value.wrong(std::string(wanted));
        return std::nullopt;
    };
}

std::function<std::optional<std::vector<std::string>>(const Value&)>
names(TextCheck check, std::string_view wanted) {
    return [check = std::move(check),
            wanted](const Value& value) -> std::optional<std::vector<std::string>> {
        const toml::array* list = value.node().as_array();
        if (list == nullptr) {
            value.wrong(fmt::format("a list of {}", wanted));
            return std::nullopt;
        }
        std::vector<std::string> result;
        bool good = true;
        for (const toml::node& node : *list) {
            const Value element = value.element(node);
            const std::string* text = element.text();
            if (text != nullptr && check(*text)) {
                result.push_back(*text);
                continue;
            }
            good = false;
            // "Everybody but" would exempt everybody nobody thought of.
            const bool negated = text != nullptr && !text->empty() && text->front() == '!';
            std::string hint(wanted);
            if (negated) {
                hint += "; a list cannot exclude";
            } else if (node.is_integer()) {
                hint += fmt::format(", in quotes: [\"{}\"]", **node.as_integer());
            }
            element.wrong(hint);
        }
        return good ? std::optional(std::move(result)) : std::nullopt;
    };
}

void read_map(const Value& value, const MapRule& rule, TextMap& map) {
    const toml::table* const table = value.node().as_table();
    if (table == nullptr) {
        value.wrong(std::string(rule.table));
        return;
    }
    for (const auto& [name, child] : *table) {
        const Value entry = value.entry(name, child);
        const std::string* const text = entry.text();
        if (!rule.is_key(std::string(name.str()))) {
            entry.wrong(in_quotes(name.str()), std::string(rule.keys));
        } else if (text == nullptr || !rule.is_value(*text)) {
            entry.wrong(std::string(rule.values));
        } else {
            map[std::string(name.str())] = *text;
        }
    }
}

} // namespace raxauth::settings
