// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace raxauth::cli {

/// One keyword of sshd_config(5), as a file has it.
struct SshdSetting {
    std::string keyword; ///< lower case
    std::string value;   ///< everything behind the keyword
    std::string file;
    unsigned line = 0;
    bool in_match = false; ///< stands in a Match block: holds for some connections only
};

/// All settings in the order in which sshd reads them, files of Include directives in their places.
/// sshd takes the first value of a keyword (outside Match blocks), so the first one decides. Only
/// for telling an administrator where a value comes from; what is in force, sshd -T says.
/// `directory` is what relative Include patterns are relative to. Files that cannot be read are
/// left out.
std::vector<SshdSetting> read_sshd_settings(const std::string& file, const std::string& directory);

/// What `sshd -T` printed for `keyword` (lower case); empty when it said nothing.
std::string effective_value(std::string_view sshd_output, std::string_view keyword);

} // namespace raxauth::cli
