// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/settings/settings.h"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <variant>
#include <vector>

namespace raxauth::settings {

/// One thing that is wrong in the configuration, fit to be shown to an administrator.
struct SettingsFault {
    std::string file;
    unsigned line = 0; ///< 0: the file as a whole
    std::string key;   ///< dotted, empty where no key is to blame
    std::string found;
    std::string wanted;

    /// "/etc/raxauth/raxauth.toml:12: limits.resends: found "many", wanted a whole number from 0 to
    /// 100"
    std::string text() const;
};

/// All that is wrong, at once; never empty.
using SettingsFaults = std::vector<SettingsFault>;

/// Where the configuration lives, and who has to own it.
struct SettingsPlace {
    std::string file = "/etc/raxauth/raxauth.toml";
    std::string directory = "/etc/raxauth/raxauth.d"; ///< *.toml in name order; may be missing
    uid_t owner = 0;
};

/// Reads and checks the whole configuration. Each file is opened once (O_NOFOLLOW, O_CLOEXEC),
/// checked on the descriptor (regular, owned by `owner`, writable by nobody else, at most 1 MiB)
/// and parsed from it. Later files override earlier ones key by key. A missing main file is a
/// fault. Blocks on disk: call it at start-up, at a reload, and from the command line.
std::variant<Settings, SettingsFaults> load_settings(const SettingsPlace& place);

/// The same for one text, `name` standing for its file: for tests and fuzzing.
std::variant<Settings, SettingsFaults> parse_settings(std::string_view text, std::string_view name);

} // namespace raxauth::settings
