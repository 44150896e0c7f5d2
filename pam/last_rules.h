// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace raxauth::pam {

/// What the last accepted configuration requires in a service's account phase. The daemon writes it
/// to a file; the module reads that when no daemon answers.
enum class Demand {
    Nothing, ///< the service goes on without the daemon
    SignIn,
    Unknown, ///< the file cannot be read or trusted: refuse
};

struct LastRule {
    Demand demand;
    std::string why; // for the log
};

/// `directory`: the daemon's state directory. Never waits, whatever is there, and trusts only a
/// file that belongs to root or to the directory's owner and that nobody else may write. If there
/// is no file, the built-in rules hold.
LastRule last_rule_of(std::string_view service, const char* directory);

} // namespace raxauth::pam
