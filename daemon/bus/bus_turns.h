// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "daemon/loop/loop.h"

#include <systemd/sd-bus.h>

namespace raxauth::bus {

/// Puts a bus on the loop, before the network, as long as few messages come in a row: somebody who
/// sends them faster than they can be served must not keep replies of Identity, timers and
/// revocations waiting. After so many the bus waits for its turn like everybody else.
class BusTurns {
  public:
    static constexpr unsigned kMostInARow = 32;

    /// Both outlive this. Errors: std::system_error.
    BusTurns(Loop& loop, sd_bus* bus);
    BusTurns(const BusTurns&) = delete;
    BusTurns& operator=(const BusTurns&) = delete;

  private:
    static int on_message(sd_bus_message* message, void* self, sd_bus_error* error) noexcept;
    void count_message();
    void attach(std::int64_t priority);

    Loop& loop_;
    sd_bus* bus_;
    unsigned in_a_row_ = 0;
    bool waits_ = false;      ///< for its turn
    Deferred others_had_one_; ///< a turn
    BusSlot filter_;
};

} // namespace raxauth::bus
