// SPDX-License-Identifier: Apache-2.0
#include "common/user_name.h"

namespace raxauth {
namespace {

// Not isalnum(): what counts must not depend on the locale of the PAM application.
bool is_letter_or_digit(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_one_of(char c, std::string_view set) noexcept {
    return set.find(c) != std::string_view::npos;
}

} // namespace

bool is_valid_user_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > kMaxUserNameBytes || name == "." || name == "..") {
        return false;
    }
    if (!is_letter_or_digit(name[0]) && !is_one_of(name[0], "_.")) {
        return false;
    }
    for (const char c : name) {
        if (!is_letter_or_digit(c) && !is_one_of(c, "_.@-+$")) {
            return false;
        }
    }
    return true;
}

bool is_valid_account_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > kMaxAccountNameBytes) {
        return false;
    }
    for (const char c : name) {
        if (c <= ' ' || c > '~' || is_one_of(c, "\"'`\\")) {
            return false;
        }
    }
    return true;
}

} // namespace raxauth
