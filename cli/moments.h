// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>

namespace raxauth::cli {

/// "42 s", "25 min", "3 h 05 min", "2 d 4 h": two units at most.
std::string format_duration(std::chrono::seconds duration);
/// "0.8 ms", "38 ms", "1.4 s".
std::string format_round_trip(std::chrono::microseconds duration);
/// The same of what is known to the millisecond only: none of them is "< 1 ms".
std::string format_whole_milliseconds(std::uint64_t count);
/// Local time: "14:03" today, "2024-05-01 14:03" on another day.
std::string format_time(std::time_t when, std::time_t now);
/// "14:03 (25 min ago)", "14:03 (in 25 min)".
std::string format_moment(std::time_t when, std::time_t now);

} // namespace raxauth::cli
