// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/flows/services.h"
#include "daemon/loop/task.h"

namespace raxauth::flows {

/// A refusal that Identity is not asked for takes about as long as one that it is.
Task<void> take_the_time_of_a_first_step(Services& services);

} // namespace raxauth::flows
