// SPDX-License-Identifier: Apache-2.0
#include "cli/shell_word.h"

#include <algorithm>

namespace raxauth::cli {

void append_shell_word(Secret& line, std::string_view value) {
    line.append('\'');
    for (const char c : value) {
        if (c == '\'') {
            line.append("'\\''");
        } else {
            line.append(c);
        }
    }
    line.append('\'');
}

bool is_printable(std::string_view value) noexcept {
    return std::none_of(value.begin(), value.end(),
                        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

} // namespace raxauth::cli
