// SPDX-License-Identifier: Apache-2.0
#include "cli/moments.h"

#include <fmt/core.h>

namespace raxauth::cli {

std::string format_duration(std::chrono::seconds duration) {
    const auto count = duration.count();
    if (count < 60) {
        return fmt::format("{} s", count < 0 ? 0 : count);
    }
    if (count < 3600) {
        return fmt::format("{} min", count / 60);
    }
    if (count < 86400) {
        return fmt::format("{} h {:02} min", count / 3600, count % 3600 / 60);
    }
    return fmt::format("{} d {} h", count / 86400, count % 86400 / 3600);
}

std::string format_round_trip(std::chrono::microseconds duration) {
    const double milliseconds = static_cast<double>(duration.count()) / 1000.0;
    if (milliseconds < 0.05) {
        return "< 0.1 ms";
    }
    if (milliseconds < 9.95) {
        return fmt::format("{:.1f} ms", milliseconds);
    }
    return milliseconds < 999.5 ? fmt::format("{:.0f} ms", milliseconds)
                                : fmt::format("{:.1f} s", milliseconds / 1000.0);
}

std::string format_whole_milliseconds(std::uint64_t count) {
    if (count == 0) {
        return "< 1 ms";
    }
    return count < 1000
               ? fmt::format("{} ms", count)
               : format_round_trip(std::chrono::milliseconds(static_cast<std::int64_t>(count)));
}

std::string format_time(std::time_t when, std::time_t now) {
    std::tm then{};
    std::tm today{};
    ::localtime_r(&when, &then);
    ::localtime_r(&now, &today);
    const bool same_day = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    char text[32];
    const std::size_t length =
        std::strftime(text, sizeof text, same_day ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
    return {text, length};
}

std::string format_moment(std::time_t when, std::time_t now) {
    const std::chrono::seconds away(when > now ? when - now : now - when);
    const std::string time = format_time(when, now);
    return when > now ? fmt::format("{} (in {})", time, format_duration(away))
                      : fmt::format("{} ({} ago)", time, format_duration(away));
}

} // namespace raxauth::cli
