// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/auth_service.h"

#include "common/bus_contract.h"
#include "daemon/bus/guard.h"
#include "daemon/bus/reply_values.h"
#include "daemon/bus/vtable.h"

namespace raxauth::bus {

/// Each knows those before it.
struct AuthService::Parts {
    Parts(const Rooms& rooms, sd_bus* bus)
        : dispatcher(rooms, bus), dialogue(rooms, dispatcher), session(rooms, dispatcher),
          status(rooms, dispatcher), calls{rooms, dialogue, session, status} {}

    Dispatcher dispatcher;
    DialogueCalls dialogue;
    SessionCalls session;
    StatusCalls status;
    Calls calls;
};

AuthService::AuthService(Rooms rooms, const char* address) : rooms_(std::move(rooms)) {
    check(sd_bus_new(out(bus_)), "create the bus connection");
    check(sd_bus_set_address(bus_.get(), address), "set the bus address");
    check(sd_bus_set_bus_client(bus_.get(), 1), "be a bus client");
    check(sd_bus_negotiate_fds(bus_.get(), 1), "negotiate descriptors");
    check(sd_bus_start(bus_.get()), "connect to the system bus");
    check(sd_bus_set_exit_on_disconnect(bus_.get(), 1), "follow the bus");
    parts_ = std::make_unique<Parts>(rooms_, bus_.get());
    check(sd_bus_add_object_vtable(bus_.get(), out(object_), contract::kObject,
                                   contract::kInterface, vtable(), &parts_->calls),
          "add the bus object");
    check(sd_bus_attach_event(bus_.get(), rooms_.loop.event(), kPrompt),
          "attach the bus to the loop");
    // Where there is no logind, this never comes.
    check(sd_bus_add_match(bus_.get(), out(session_removed_),
                           "type='signal',sender='org.freedesktop.login1',"
                           "path='/org/freedesktop/login1',"
                           "interface='org.freedesktop.login1.Manager',member='SessionRemoved'",
                           &AuthService::on_session_removed, this),
          "match on SessionRemoved");
    // No queueing and no replacement: a process that has the name already keeps it.
    check(sd_bus_request_name(bus_.get(), contract::kBusName, 0), "take the name on the bus");
}

AuthService::~AuthService() = default;

int AuthService::on_session_removed(sd_bus_message* signal, void* self, sd_bus_error* /*error*/) {
    return guard([&] {
        const char* id = nullptr;
        if (sd_bus_message_read(signal, "s", &id) >= 0) {
            static_cast<AuthService*>(self)->rooms_.sessions.logind_session_removed(id);
        }
    });
}

void AuthService::release_name() noexcept {
    static_cast<void>(
        sd_bus_release_name_async(bus_.get(), nullptr, contract::kBusName, nullptr, nullptr));
}

} // namespace raxauth::bus
