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

} // namespace raxauth::bus
