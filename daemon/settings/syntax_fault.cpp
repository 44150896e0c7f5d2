// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/syntax_fault.h"

#include "common/text.h"
#include "daemon/settings/keys.h"

#include <algorithm>
#include <fmt/format.h>

namespace raxauth::settings {
namespace {

/// The name in a message of the parser about a table that was there before; empty: it is another
/// message.
std::string twice_defined_table(std::string_view description) {
    constexpr std::string_view kStart = "cannot redefine existing table '";
    const std::size_t start = description.find(kStart);
    if (start == std::string_view::npos) {
        return {};
    }
    const std::string_view rest = description.substr(start + kStart.size());
    return std::string(rest.substr(0, rest.find('\'')));
}

/// The first line that is the header of this table; 0 if it has none of its own.
unsigned header_line(std::string_view bytes, const std::string& table) {
    unsigned line = 1;
    for (std::size_t start = 0; start < bytes.size(); ++line) {
        const std::size_t end = std::min(bytes.find('\n', start), bytes.size());
        if (trim(bytes.substr(start, end - start)).starts_with('[' + table + ']')) {
            return line;
        }
        start = end + 1;
    }
    return 0;
}

} // namespace

SettingsFault syntax_fault(std::string_view bytes, const std::string& file,
                           const toml::parse_error& error) {
    const std::string table = twice_defined_table(error.description());
    const unsigned line = line_of(error.source());
    if (table.empty()) {
        return {file, line, {}, sanitise(error.description(), 200), "TOML (https://toml.io)"};
    }
    const unsigned first = header_line(bytes, table);
    return {file, line, sanitise(table, kMaxShownBytes),
            first == 0 || first == line
                ? "this table a second time"
                : fmt::format("this table a second time, after line {}", first),
            "each table once in a file: put its keys together"};
}

} // namespace raxauth::settings
