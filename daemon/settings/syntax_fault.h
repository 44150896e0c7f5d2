// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/settings/settings_fault.h"

#include <string>
#include <string_view>
#include <toml++/toml.h>

namespace raxauth::settings {

/// What the parser says of a text that is no TOML, in words for an administrator where it is the
/// mistake that people make most: a table that stands twice.
SettingsFault syntax_fault(std::string_view bytes, const std::string& file,
                           const toml::parse_error& error);

} // namespace raxauth::settings
