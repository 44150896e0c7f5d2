// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace raxauth::pam {

/// What the configuration last in force asks of a service's account phase, read from what the
/// daemon wrote down, for the time when no daemon answers.
enum class Demand {
    Nothing, ///< the service goes on without the daemon
    SignIn,
    Unknown, ///< what was written down cannot be read or trusted: no
};

struct LastRule {
    Demand demand;
    std::string why; // for the log
};

/// `directory`: the daemon's state directory. Never waits, whatever lies there, and believes only
/// what its owner or root alone may write. Where there is nothing, what is built in holds.
LastRule last_rule_of(std::string_view service, const char* directory);

} // namespace raxauth::pam
