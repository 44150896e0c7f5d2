// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/bus/context_message.h"
#include "daemon/bus/dispatcher.h"
#include "daemon/bus/rooms.h"

#include <string>

namespace raxauth::bus {

/// The calls about an account and its sessions: may it in, what opens and ends, and the token for
/// its own person.
class SessionCalls {
  public:
    SessionCalls(const Rooms& rooms, Dispatcher& dispatcher)
        : rooms_(rooms), dispatcher_(dispatcher) {}

    void check_account(sd_bus_message* call);
    void open_session(sd_bus_message* call);
    void close_session(sd_bus_message* call);
    void get_token(sd_bus_message* call);
    void sign_out(sd_bus_message* call);
    void list_sessions(sd_bus_message* call);
    void flush(sd_bus_message* call);

  private:
    Task<void> serve_check_account(BusMessage call, ContextMessage message);
    Task<void> serve_open_session(BusMessage call, ContextMessage message);
    Task<void> serve_close_session(BusMessage call, std::string handle);
    Task<void> serve_get_token(BusMessage call);
    Task<void> serve_sign_out(BusMessage call);
    Task<void> serve_list_sessions(BusMessage call);
    Task<void> serve_flush(BusMessage call, std::string user);
    /// The person who calls; nothing where the call has been refused, as root's is.
    Task<std::optional<caller::Context>> find_person(const BusMessage& call);
    void give_token(sd_bus_message* call, const caller::Context& person);

    const Rooms& rooms_;
    Dispatcher& dispatcher_;
};

} // namespace raxauth::bus
