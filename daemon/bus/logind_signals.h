// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"

#include <functional>
#include <string>
#include <systemd/sd-bus.h>

namespace raxauth::bus {

/// logind's word that a session is gone, believed from the owner of its name alone. A match says
/// nothing of who sent a signal: sd-bus cannot check a well-known name, and a signal that names its
/// receiver needs no match at all.
class LogindSignals {
  public:
    using Removed = std::function<void(const char* session)>;
    /// Synchronous: at start-up only, after the service's own name is taken: from then on the
    /// policy keeps strangers' signals away. Errors: std::system_error.
    LogindSignals(sd_bus* bus, Removed removed);
    LogindSignals(const LogindSignals&) = delete;
    LogindSignals& operator=(const LogindSignals&) = delete;

  private:
    static int on_owner(sd_bus_message* signal, void* self, sd_bus_error* error) noexcept;
    static int on_removed(sd_bus_message* signal, void* self, sd_bus_error* error) noexcept;
    void ask_for_owner(sd_bus* bus);

    const Removed removed_;
    std::string owner_; ///< unique name; empty: no logind now
    BusSlot owner_match_;
    BusSlot removed_match_;
};

/// Did the bus itself send this? Only it can use that name as a sender.
bool is_from_the_bus(sd_bus_message* signal);

} // namespace raxauth::bus
