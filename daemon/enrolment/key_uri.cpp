// SPDX-License-Identifier: Apache-2.0
#include "daemon/enrolment/key_uri.h"

#include "common/text.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace raxauth::enrolment {
namespace {

constexpr std::size_t kMaxUri = 1024;
constexpr std::size_t kMaxLabel = 128;
/// 80 bits, the shortest key in use, and more than twice SHA-256's block.
constexpr std::size_t kLeastKey = 16;
constexpr std::size_t kMaxKey = 128;
constexpr std::size_t kGroup = 4;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// -1 for what is no hexadecimal digit.
int hex_value(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// RFC 3986 without '#'; each '%' with its two digits.
bool is_uri_text(std::string_view text) {
    constexpr std::string_view kMarks = "-._~:/?[]@!$&'()*+,;=";
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            if (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) {
                return false;
            }
        } else if (!is_digit(text[i]) && !is_letter(text[i]) &&
                   kMarks.find(text[i]) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

/// Of text that is_uri_text() accepted.
std::string percent_decode(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            plain += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

/// The value of the only parameter `secret`; nothing if there is none, or a second.
std::optional<std::string_view> find_secret(std::string_view parameters) {
    constexpr std::string_view kName = "secret=";
    std::optional<std::string_view> found;
    while (!parameters.empty()) {
        const std::size_t end = std::min(parameters.find('&'), parameters.size());
        const std::string_view parameter = parameters.substr(0, end);
        parameters.remove_prefix(std::min(end + 1, parameters.size()));
        if (!parameter.starts_with(kName)) {
            continue;
        }
        if (found) {
            return std::nullopt; // authenticators differ in which they take
        }
        found = parameter.substr(kName.size());
    }
    return found;
}

std::string_view without_padding(std::string_view base32) {
    for (;;) {
        if (base32.ends_with("=")) {
            base32.remove_suffix(1);
        } else if (base32.ends_with("%3D") || base32.ends_with("%3d")) {
            base32.remove_suffix(3);
        } else {
            return base32;
        }
    }
}

/// Whole bytes only: 1, 3 or 6 digits over do not occur in base32.
bool is_base32_length(std::size_t digits) {
    const std::size_t over = digits % 8;
    return over != 1 && over != 3 && over != 6;
}

std::optional<Secret> group_key(std::string_view base32) {
    base32 = without_padding(base32);
    if (base32.size() < kLeastKey || base32.size() > kMaxKey || !is_base32_length(base32.size())) {
        return std::nullopt;
    }
    Secret grouped;
    grouped.reserve(base32.size() + base32.size() / kGroup);
    for (std::size_t i = 0; i < base32.size(); ++i) {
        const char c = base32[i];
        if (!is_letter(c) && !(c >= '2' && c <= '7')) {
            return std::nullopt;
        }
        if (i > 0 && i % kGroup == 0) {
            grouped.append(' ');
        }
        grouped.append(c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c);
    }
    return grouped;
}

} // namespace

std::optional<KeyUri> read_key_uri(const Secret& uri) {
    constexpr std::string_view kStart = "otpauth://totp/";
    std::string_view rest = uri.view();
    if (rest.size() > kMaxUri || !rest.starts_with(kStart) || !is_uri_text(rest)) {
        return std::nullopt;
    }
    rest.remove_prefix(kStart.size());
    const std::size_t query = rest.find('?');
    if (query == 0 || query == std::string_view::npos) {
        return std::nullopt;
    }
    const std::optional<std::string_view> secret = find_secret(rest.substr(query + 1));
    if (!secret) {
        return std::nullopt;
    }
    std::optional<Secret> key = group_key(*secret);
    if (!key) {
        return std::nullopt;
    }
    return KeyUri{std::move(*key), sanitise(percent_decode(rest.substr(0, query)), kMaxLabel)};
}

} // namespace raxauth::enrolment
