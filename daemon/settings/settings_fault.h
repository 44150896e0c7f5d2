// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
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

} // namespace raxauth::settings
