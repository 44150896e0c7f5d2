// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/task.h"

#include <systemd/sd-bus.h>

namespace raxauth::bus {

/// Is systemd restarting us, or stopping us for good? Both come as SIGTERM; the unit's job tells.
/// True for a restart job, and for no job at all (somebody killed the process, and Restart= will
/// start it again). False for a stop or shutdown, and when systemd does not tell in time.
/// Source: org.freedesktop.systemd1(5), properties Job and JobType.
Task<bool> is_being_restarted(sd_bus* bus);

} // namespace raxauth::bus
