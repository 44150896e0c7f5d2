// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/settings/read_files.h"
#include "daemon/settings/settings.h"

#include <string_view>
#include <variant>

namespace raxauth::settings {

/// Reads and checks the whole configuration; later files override earlier ones key by key. Blocks
/// on disk: call it at start-up, at a reload, and from the command line. `texts`: what was read,
/// where that is wanted.
std::variant<Settings, SettingsFaults> load_settings(const SettingsPlace& place,
                                                     std::vector<SettingsText>* texts = nullptr);

/// The same of texts that were read before; files that they name are not looked for.
std::variant<Settings, SettingsFaults> parse_settings(const std::vector<SettingsText>& texts);

/// The same for one text, `name` standing for its file: for tests and fuzzing.
std::variant<Settings, SettingsFaults> parse_settings(std::string_view text, std::string_view name);

} // namespace raxauth::settings
