// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/handle.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

namespace raxauth {

/// Closes without flushing: a peer that stopped reading must not be able to hold us.
using Bus = CHandle<sd_bus, sd_bus_close_unref>;
using BusMessage = CHandle<sd_bus_message, sd_bus_message_unref>;
/// Dropping the slot of a call or a match cancels it; that of an object removes it.
using BusSlot = CHandle<sd_bus_slot, sd_bus_slot_unref>;
using BusCreds = CHandle<sd_bus_creds, sd_bus_creds_unref>;
using EventHandle = CHandle<sd_event, sd_event_unref>;
/// Plain unref would leave the source firing as long as the loop holds it.
using EventSource = CHandle<sd_event_source, sd_event_source_disable_unref>;

/// A bus error a call may fill; freed with its owner.
class BusError {
  public:
    BusError() = default;
    BusError(const BusError&) = delete;
    BusError& operator=(const BusError&) = delete;
    ~BusError() { sd_bus_error_free(&error_); }

    sd_bus_error* get() noexcept { return &error_; }
    bool is(const char* name) const noexcept { return sd_bus_error_has_name(&error_, name) > 0; }
    const char* name() const noexcept { return error_.name != nullptr ? error_.name : ""; }
    const char* message() const noexcept { return error_.message != nullptr ? error_.message : ""; }

  private:
    sd_bus_error error_{}; // as SD_BUS_ERROR_NULL, which is C99
};

} // namespace raxauth
