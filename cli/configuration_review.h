// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/surroundings.h"

#include <string>
#include <vector>

namespace raxauth::cli {

/// What the daemon finds wrong and root does not: files that only root can read. Empty if the
/// caller is not root, or the daemon's user does not exist.
settings::SettingsFaults review_as_daemon(const Surroundings& around);

/// What is no error and has no effect all the same: tables of services that this host does not
/// have, files of raxauth.d that are not read.
std::vector<std::string> review_for_mistakes(const Surroundings& around,
                                             const settings::Settings& settings);

} // namespace raxauth::cli
