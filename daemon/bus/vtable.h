// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/bus/dialogue_calls.h"
#include "daemon/bus/session_calls.h"
#include "daemon/bus/status_calls.h"

#include <systemd/sd-bus.h>

namespace raxauth::bus {

/// What the vtable's functions get.
struct Calls {
    const Rooms& rooms;
    DialogueCalls& dialogue;
    SessionCalls& session;
    StatusCalls& status;
};

/// The interface org.raxauth.Auth1 as sd-bus calls it, with a Calls as userdata.
const sd_bus_vtable* vtable() noexcept;

} // namespace raxauth::bus
