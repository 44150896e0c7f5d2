// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace raxauth::cli {

/// The authenticator apps and phones of a result (clean already) as lines; a sentence where there
/// are none.
std::string format_devices(const nlohmann::json& result);

} // namespace raxauth::cli
