// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/passcode.h"

#include <algorithm>

namespace raxauth::flows {
namespace {

constexpr std::size_t kFewestDigitsAfterComma = 4;

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

} // namespace

std::optional<Secret> passcode_from(std::string_view typed) {
    Secret digits;
    digits.reserve(kMaxPasscodeDigits);
    for (const char c : typed) {
        if (c == ' ' || c == '\t' || c == '-') {
            continue;
        }
        if (!is_digit(c) || digits.size() == kMaxPasscodeDigits) {
            return std::nullopt;
        }
        digits.append(c);
    }
    if (digits.empty()) {
        return std::nullopt;
    }
    return digits;
}

SingleLine split_single_line(const Secret& line) {
    const std::string_view text = line.view();
    const std::size_t comma = text.rfind(',');
    SingleLine parts;
    if (comma == std::string_view::npos) {
        parts.password = line.clone();
        return parts;
    }
    const std::string_view rest = text.substr(comma + 1);
    if (rest.empty()) {
        parts.password = Secret(text.substr(0, comma));
        return parts;
    }
    const bool code = rest.size() >= kFewestDigitsAfterComma && rest.size() <= kMaxPasscodeDigits &&
                      std::all_of(rest.begin(), rest.end(), is_digit);
    if (!code) {
        parts.password = line.clone();
        return parts;
    }
    parts.password = Secret(text.substr(0, comma));
    parts.passcode = Secret(rest);
    return parts;
}

bool is_sshd_junk(std::string_view password) noexcept {
    return password.starts_with("\b\n\r\177INCORRECT");
}

} // namespace raxauth::flows
