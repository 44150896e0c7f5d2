// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/bus/dispatcher.h"
#include "daemon/bus/reply_values.h"
#include "daemon/bus/rooms.h"

#include <cstdint>
#include <memory>

namespace raxauth::bus {

/// What holds now, what was decided last, and reading the configuration again.
class StatusCalls {
  public:
    StatusCalls(const Rooms& rooms, Dispatcher& dispatcher)
        : rooms_(rooms), dispatcher_(dispatcher) {}

    void get_status(sd_bus_message* call);
    void get_history(sd_bus_message* call);
    void reload(sd_bus_message* call);

  private:
    Task<void> serve_get_status(BusMessage call);
    Task<void> serve_get_history(BusMessage call, std::uint32_t most);
    Task<void> serve_reload(BusMessage call);
    void add_overview(Dictionary& status, bool for_root) const;
    void add_person(Dictionary& status, const caller::Context& person,
                    const policy::LocalAccount& local, const Configuration& configuration) const;

    const Rooms& rooms_;
    Dispatcher& dispatcher_;
};

} // namespace raxauth::bus
