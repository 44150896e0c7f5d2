// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace raxauth::cli {
namespace {

/// Code points; wide characters in host or user names are not worth a table of their own.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

} // namespace

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (std::size_t r = 1; r < rows.size(); ++r) {
        widths.resize(std::max(widths.size(), rows[r].size()));
        for (std::size_t c = 0; c < rows[r].size(); ++c) {
            widths[c] = std::max(widths[c], width(rows[r][c]));
        }
    }
    for (std::size_t c = 0; c < widths.size(); ++c) {
        if (widths[c] > 0) {
            widths[c] = std::max(widths[c], width(rows[0][c]));
        }
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < row.size() && c < widths.size(); ++c) {
            if (widths[c] > 0) {
                line += row[c];
                line.append(widths[c] - width(row[c]) + 2, ' ');
            }
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

} // namespace raxauth::cli
