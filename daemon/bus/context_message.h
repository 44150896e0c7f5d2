// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"
#include "daemon/caller/context.h"

#include <optional>
#include <systemd/sd-bus.h>

namespace raxauth::bus {

/// The `a{sv}` context as it came, with its strings sanitised. What it says holds from uid 0 only:
/// see keep_what_anybody_may_say().
struct ContextMessage {
    caller::Context claims;
    UniqueFd channel; ///< empty: none came; not yet looked at
};

/// Reads the context that stands next in `call`. Unknown keys are passed over (module and daemon
/// may be of different versions), together up to 256 values and 16 KiB; a known key of another
/// type, an overlong string or a bad descriptor make it nothing: InvalidContext.
std::optional<ContextMessage> read_context(sd_bus_message* call);

/// Is what stands next in `call` small enough to be held until the call is served? It is passed
/// over.
bool are_bounded_options(sd_bus_message* call);

/// Takes out of `claims` what only root may say of others.
void keep_what_anybody_may_say(caller::Context& claims);

} // namespace raxauth::bus
