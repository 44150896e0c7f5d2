// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/surroundings.h"

namespace raxauth::cli {

/// raxauth(1): reads the command line, does one verb, returns the exit status.
int run(int argc, char** argv, const Surroundings& around);

} // namespace raxauth::cli
