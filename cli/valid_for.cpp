// SPDX-License-Identifier: Apache-2.0
#include "cli/valid_for.h"

#include "cli/failure.h"

#include <charconv>
#include <optional>

namespace raxauth::cli {
namespace {

constexpr unsigned kMost = 180; // identity service documentation, bypass codes

/// Takes "20m" or "1h" from the front.
std::optional<unsigned> take_part(std::string_view& text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end == text.data() + text.size() || number > kMost) {
        return std::nullopt;
    }
    const char unit = *end;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    if (unit == 'm') {
        return number;
    }
    return unit == 'h' ? std::optional(number * 60) : std::nullopt;
}

} // namespace

std::chrono::minutes parse_valid_for(std::string_view text) {
    unsigned total = 0;
    bool good = !text.empty();
    while (good && !text.empty()) {
        const auto part = take_part(text);
        good = part.has_value() && (total += *part) <= kMost;
    }
    if (!good || total == 0) {
        throw Failure(ExitStatus::Usage, "--valid-for: from 1 to 180 minutes",
                      "For example: raxauth bypass-codes --valid-for 20m");
    }
    return std::chrono::minutes(total);
}

} // namespace raxauth::cli
