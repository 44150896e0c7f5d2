// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/settings/settings_fault.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace raxauth::settings {

/// Where the configuration lives, and who has to own it.
struct SettingsPlace {
    std::string file = "/etc/raxauth/raxauth.toml";
    std::string directory = "/etc/raxauth/raxauth.d"; ///< *.toml in name order; may be missing
    uid_t owner = 0;
};

/// One file of the configuration, as it was when it was read.
struct SettingsText {
    std::string file;
    std::string bytes;

    bool operator==(const SettingsText&) const = default;
};

struct FilesRead {
    std::vector<SettingsText> texts; ///< in the order in which they override each other
    std::vector<SettingsFault> faults;
};

/// Each file is opened once (O_NOFOLLOW, O_CLOEXEC), checked on the descriptor (regular, owned by
/// `owner`, writable by nobody else, at most 1 MiB) and read from it. A missing main file is a
/// fault. Blocks on disk.
FilesRead read_files(const SettingsPlace& place);

/// What errno says, in words.
std::string error_text(int error);

} // namespace raxauth::settings
