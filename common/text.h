// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace raxauth {

/// Makes foreign text (server messages, host names, user names as typed) fit for a prompt or a log
/// line: valid UTF-8, one line, without control characters (C0, DEL, C1), bidirectional controls,
/// zero-width and line-separator characters. Whatever is not allowed becomes one '?'; runs of
/// white space become one blank. Cut to `max_bytes` at a character's border (with "..." at the end
/// where something was cut).
/// Never use the result as a format string.
std::string sanitise(std::string_view foreign, std::size_t max_bytes = 256);

/// The same rules for text that has a layout of its own, such as an enrolment prompt with a QR
/// code: line breaks and blanks stay as they are ("\r\n" becomes "\n", a tab one blank), so a
/// prompt keeps the blank behind its colon.
std::string sanitise_lines(std::string_view foreign, std::size_t max_bytes);

/// `text` without blanks, tabs and line ends at either end.
std::string_view trim(std::string_view text);

/// The character at the front of a text in UTF-8.
struct Utf8Character {
    std::uint32_t code_point = 0;
    std::size_t bytes = 1; ///< one where it is not valid: what to pass over
    bool valid = false;
};
/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. `text` is not empty.
Utf8Character decode_utf8(std::string_view text);

/// Valid UTF-8 without control characters (C0, DEL, C1): fit for a message, a header, an argument.
bool is_plain_text(std::string_view text);

} // namespace raxauth
