// SPDX-License-Identifier: Apache-2.0
#include "daemon/enrolment/phone_number.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace raxauth::enrolment {
namespace {

constexpr std::size_t kLeastDigits = 7;
constexpr std::size_t kMostDigits = 15;
constexpr std::size_t kMostCharacters = 40;
constexpr std::size_t kShownDigits = 2;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_separator(char c) {
    return std::string_view(" -.()").find(c) != std::string_view::npos;
}

std::size_t count_digits(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_digit));
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

} // namespace

std::optional<Secret> read_phone_number(const Secret& typed) {
    const std::string_view number = trimmed(typed.view());
    if (!number.starts_with('+') || number.size() > kMostCharacters) {
        return std::nullopt;
    }
    const std::string_view rest = number.substr(1);
    const bool clean = std::all_of(rest.begin(), rest.end(),
                                   [](char c) { return is_digit(c) || is_separator(c); });
    const std::size_t digits = count_digits(rest);
    if (!clean || digits < kLeastDigits || digits > kMostDigits) {
        return std::nullopt;
    }
    return Secret(number);
}

std::string masked(const Secret& number) {
    const std::string_view text = number.view();
    const std::size_t digits = count_digits(text);
    const std::size_t hidden = digits < kLeastDigits ? digits : digits - kShownDigits;
    std::string shape;
    std::size_t seen = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool hide = is_digit(c) && seen++ < hidden;
        if (i + kMostCharacters < text.size()) {
            continue;
        }
        if (hide) {
            shape += '*';
        } else {
            shape += is_digit(c) || is_separator(c) || c == '+' ? c : '?';
        }
    }
    return shape;
}

} // namespace raxauth::enrolment
