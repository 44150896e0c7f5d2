// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <optional>
#include <string_view>
#include <utility>

namespace raxauth::flows {

inline constexpr std::size_t kMaxPasscodeDigits = 32;

/// What was typed, without blanks and dashes, if it can be a passcode at all (1 to 32 digits; the
/// service has 4, 6, 7, 8 and 9 digit ones, so no other length is ruled out here).
std::optional<Secret> passcode_from(std::string_view typed);

/// One line that holds both factors, for programs that ask only once.
struct SingleLine {
    Secret password;
    std::optional<Secret> passcode;
};
/// The last comma splits if 4 to 32 digits follow; a line ending in a bare comma is taken whole
/// without it (for a password that would be split otherwise).
SingleLine split_single_line(const Secret& line);

/// The answer OpenSSH gives for users it has refused already ("\b\n\r\177INCORRECT", auth-pam.c).
bool is_sshd_junk(std::string_view password) noexcept;

} // namespace raxauth::flows
