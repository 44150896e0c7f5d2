// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace raxauth::cli {

/// Does `work` with the rights of the daemon's user, in a process of its own, and brings back what
/// it returned: root sees more than the daemon does, and what comes from the network is nothing for
/// root to read. Nothing if the caller is not root, or there is no such user.
/// Errors: Failure, when the process cannot be made or does not come to its end.
std::optional<std::string> as_daemon_user(const std::string& user,
                                          const std::function<std::string()>& work);

} // namespace raxauth::cli
