// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace raxauth {

inline constexpr std::size_t kMaxUserNameBytes = 128;
inline constexpr std::size_t kMaxAccountNameBytes = 256;

/// The one grammar for names of local users, at every entry. ASCII letters, digits and `_ . @ - +
/// $` as long as the first character is a letter, a digit, `_` or `.`; not "." or ".."; at most
/// kMaxUserNameBytes. So a name can be no option, no path, no passwd(5) field separator and no
/// second line in a log. Stricter than useradd(8) allows when forced, wider than its default.
bool is_valid_user_name(std::string_view name) noexcept;

/// Names of Rackspace users, as they come from the account map: printable ASCII without blanks,
/// quotes, backslash and control characters, at most kMaxAccountNameBytes.
bool is_valid_account_name(std::string_view name) noexcept;

} // namespace raxauth
