// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/auth_service.h"

#include "common/bus_contract.h"
#include "daemon/bus/bus_turns.h"
#include "daemon/bus/logind_signals.h"
#include "daemon/bus/reply_values.h"
#include "daemon/bus/vtable.h"

namespace raxauth::bus {

/// Each knows those before it.
struct AuthService::Parts {
    Parts(const Rooms& rooms, sd_bus* bus)
        : dispatcher(rooms, bus), dialogue(rooms, dispatcher), session(rooms, dispatcher),
          status(rooms, dispatcher), calls{rooms, dialogue, session, status},
          logind(bus, [&rooms](const char* id) { rooms.sessions.logind_session_removed(id); }),
          turns(rooms.loop, bus) {}

    Dispatcher dispatcher;
    DialogueCalls dialogue;
    SessionCalls session;
    StatusCalls status;
    Calls calls;
    LogindSignals logind;
    BusTurns turns;
};

AuthService::AuthService(Rooms rooms, const char* address) : rooms_(std::move(rooms)) {
    check(sd_bus_new(out(bus_)), "create the bus connection");
    check(sd_bus_set_address(bus_.get(), address), "set the bus address");
    check(sd_bus_set_bus_client(bus_.get(), 1), "be a bus client");
    check(sd_bus_negotiate_fds(bus_.get(), 1), "negotiate descriptors");
    check(sd_bus_start(bus_.get()), "connect to the system bus");
    check(sd_bus_set_exit_on_disconnect(bus_.get(), 1), "follow the bus");
    // No queueing and no replacement: a process that has the name already keeps it. Calls wait
    // until the loop runs; signals are listened for from here on, when the policy holds for us.
    check(sd_bus_request_name(bus_.get(), contract::kBusName, 0), "take the name on the bus");
    parts_ = std::make_unique<Parts>(rooms_, bus_.get());
    check(sd_bus_add_object_vtable(bus_.get(), out(object_), contract::kObject,
                                   contract::kInterface, vtable(), &parts_->calls),
          "add the bus object");
}

AuthService::~AuthService() = default;

void AuthService::release_name() noexcept {
    // At a shutdown the bus may go first: what is left to do is with Identity, not with the bus.
    static_cast<void>(sd_bus_set_exit_on_disconnect(bus_.get(), 0));
    static_cast<void>(
        sd_bus_release_name_async(bus_.get(), nullptr, contract::kBusName, nullptr, nullptr));
}

} // namespace raxauth::bus
