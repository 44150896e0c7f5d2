// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/logind_signals.h"

#include "daemon/bus/guard.h"
#include "daemon/bus/reply_values.h"

#include <string_view>
#include <utility>

namespace raxauth::bus {
namespace {

constexpr const char* kDriver = "org.freedesktop.DBus";
constexpr const char* kDriverPath = "/org/freedesktop/DBus";
constexpr const char* kLogind = "org.freedesktop.login1";

std::string_view sender_of(sd_bus_message* message) {
    const char* const sender = sd_bus_message_get_sender(message);
    return sender != nullptr ? sender : "";
}

} // namespace

bool is_from_the_bus(sd_bus_message* signal) {
    return sender_of(signal) == kDriver;
}

LogindSignals::LogindSignals(sd_bus* bus, Removed removed) : removed_(std::move(removed)) {
    check(sd_bus_add_match(bus, out(owner_match_),
                           "type='signal',sender='org.freedesktop.DBus',"
                           "path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',"
                           "member='NameOwnerChanged',arg0='org.freedesktop.login1'",
                           &LogindSignals::on_owner, this),
          "match on the owner of logind's name");
    // Where there is no logind, this never comes.
    check(sd_bus_add_match(bus, out(removed_match_),
                           "type='signal',sender='org.freedesktop.login1',"
                           "path='/org/freedesktop/login1',"
                           "interface='org.freedesktop.login1.Manager',member='SessionRemoved'",
                           &LogindSignals::on_removed, this),
          "match on SessionRemoved");
    ask_for_owner(bus);
}

void LogindSignals::ask_for_owner(sd_bus* bus) {
    BusMessage reply;
    BusError error;
    const char* owner = nullptr;
    const int r = sd_bus_call_method(bus, kDriver, kDriverPath, kDriver, "GetNameOwner",
                                     error.get(), out(reply), "s", kLogind);
    if (r >= 0 && sd_bus_message_read(reply.get(), "s", &owner) >= 0) {
        owner_ = owner;
    }
}

int LogindSignals::on_owner(sd_bus_message* signal, void* self, sd_bus_error* /*error*/) noexcept {
    return guard([&] {
        const char* name = nullptr;
        const char* before = nullptr;
        const char* after = nullptr;
        if (is_from_the_bus(signal) &&
            sd_bus_message_read(signal, "sss", &name, &before, &after) >= 0 &&
            std::string_view(name) == kLogind) {
            static_cast<LogindSignals*>(self)->owner_ = after;
        }
    });
}

int LogindSignals::on_removed(sd_bus_message* signal, void* self,
                              sd_bus_error* /*error*/) noexcept {
    return guard([&] {
        const auto& here = *static_cast<LogindSignals*>(self);
        const char* id = nullptr;
        if (!here.owner_.empty() && sender_of(signal) == here.owner_ &&
            sd_bus_message_read(signal, "s", &id) >= 0) {
            here.removed_(id);
        }
    });
}

} // namespace raxauth::bus
