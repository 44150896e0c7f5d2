// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/bus/dispatcher.h"
#include "daemon/bus/reply_values.h"
#include "daemon/bus/rooms.h"

#include <cstdint>
#include <optional>
#include <string>

namespace raxauth::bus {

/// What holds now, what was decided last, and reading the configuration again.
class StatusCalls {
  public:
    StatusCalls(const Rooms& rooms, Dispatcher& dispatcher)
        : rooms_(rooms), dispatcher_(dispatcher) {}

    void get_status(sd_bus_message* call);
    void get_history(sd_bus_message* call);
    void get_limits(sd_bus_message* call);
    void reset_limits(sd_bus_message* call);
    void reload(sd_bus_message* call);

  private:
    Task<void> serve_get_status(BusMessage call);
    Task<void> serve_get_history(BusMessage call, std::uint32_t most);
    Task<void> serve_get_limits(BusMessage call, std::string user);
    Task<void> serve_reset_limits(BusMessage call, std::string user);
    Task<void> serve_reload(BusMessage call);
    /// The name at Identity of a local user; nothing: the reply says why there is none.
    std::optional<std::string> account_of(sd_bus_message* call, const std::string& user) const;
    void add_counters(Dictionary& reply, const std::string& account,
                      const settings::LimitSettings& limits) const;
    void add_overview(Dictionary& status) const;
    void add_person(Dictionary& status, const caller::Context& person,
                    const policy::LocalAccount& local, const Configuration& configuration) const;

    const Rooms& rooms_;
    Dispatcher& dispatcher_;
};

} // namespace raxauth::bus
