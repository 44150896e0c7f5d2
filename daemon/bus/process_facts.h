// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/session_facts.h"

#include <optional>
#include <sys/types.h>

namespace raxauth::bus {

/// What /proc says about the login session of a process. The start time is read before and after,
/// so that a reused process id is noticed; `expected_uid` must be its real uid. Nothing when the
/// process is gone or another's.
std::optional<caller::SessionFacts> session_facts_of(pid_t pid, uid_t expected_uid);

/// Does /proc hide other users' processes from this one (hidepid=, proc(5))? Then nothing can be
/// found out about callers. The unit gets a /proc of its own; without systemd there is none.
bool are_processes_hidden();

} // namespace raxauth::bus
