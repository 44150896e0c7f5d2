// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <string_view>

namespace raxauth::cli {

/// Appends `value` as one word of a POSIX shell: always in single quotes, a single quote inside as
/// '\''. Nothing in it is expanded, whatever it holds (NUL cannot be in a shell word: is_printable
/// first).
void append_shell_word(Secret& line, std::string_view value);

/// No control characters: what the environment of a client can sensibly hold.
bool is_printable(std::string_view value) noexcept;

} // namespace raxauth::cli
