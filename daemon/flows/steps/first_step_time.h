// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/flows/services.h"
#include "daemon/loop/task.h"

namespace raxauth::flows {

/// Waits as long as a first step takes: a refusal that Identity is not asked for must not be known
/// by its speed. `services` outlives the Task.
Task<void> take_the_time_of_a_first_step(Services& services);

} // namespace raxauth::flows
