// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

namespace raxauth::cli {

/// How long bypass codes are valid: "20m", "1h", "1h30m"; what Identity takes, 1 to 180 minutes.
/// Errors: Failure (Usage).
std::chrono::minutes parse_valid_for(std::string_view text);

} // namespace raxauth::cli
