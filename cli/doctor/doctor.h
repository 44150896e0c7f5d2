// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/surroundings.h"

#include <string>
#include <vector>

namespace raxauth::cli {

/// What PAM and sshd have against a sign-in, for `raxauth status`: no daemon, no network is asked.
std::vector<std::string> what_stands_in_the_way(const Surroundings& around);

/// Asks Identity now, without any credential. Empty: it answers as it should.
std::vector<std::string> probe_identity(const Surroundings& around);

} // namespace raxauth::cli
