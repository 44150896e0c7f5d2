// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/settings/read_files.h"
#include "daemon/settings/settings.h"

#include <string_view>
#include <variant>

namespace raxauth::settings {

/// Reads and checks the whole configuration; later files override earlier ones key by key. Blocks
/// on disk: call it at start-up, at a reload, and from the command line.
std::variant<Settings, SettingsFaults> load_settings(const SettingsPlace& place);

/// The same for one text, `name` standing for its file: for tests and fuzzing.
std::variant<Settings, SettingsFaults> parse_settings(std::string_view text, std::string_view name);

} // namespace raxauth::settings
