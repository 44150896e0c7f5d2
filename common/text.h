// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
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

} // namespace raxauth
