// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/clock.h"

#include <chrono>
#include <optional>
#include <string_view>

/// Times as Identity writes them. Nothing depends on the locale or the local time zone.
namespace raxauth::identity {

/// `2015-06-05T16:24:57.637Z`, `2014-01-09T15:08:53.645-06:00`, with or without fraction; a missing
/// zone is taken as UTC. nullopt: anything else, or a date that does not exist.
std::optional<WallTime> parse_iso8601(std::string_view text);

/// A Retry-After header: seconds, or an HTTP date. Never negative; at most a day.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, WallTime now);

} // namespace raxauth::identity
