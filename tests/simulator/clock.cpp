// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/clock.h"

#include <fmt/format.h>

#include <ctime>

namespace raxauth::simulator {

Time ShiftedClock::now() const {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) +
           offset_.load();
}

std::string iso8601(Time time, std::string_view format) {
    const bool with_offset = format.starts_with("offset");
    const bool with_ms = format.ends_with("_ms");
    const Time shown = with_offset ? time - std::chrono::hours{6} : time;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(shown);
    const auto milliseconds = (shown - seconds).count();
    const std::time_t since_epoch = seconds.time_since_epoch().count();
    std::tm fields{};
    gmtime_r(&since_epoch, &fields);
    std::string text =
        fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", fields.tm_year + 1900, fields.tm_mon + 1,
                    fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec);
    if (with_ms) {
        text += fmt::format(".{:03}", milliseconds);
    }
    return text + (with_offset ? "-06:00" : "Z");
}

} // namespace raxauth::simulator
