// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/callers.h"

#include "daemon/bus/guard.h"
#include "daemon/bus/logind_signals.h"

#include <cstring>
#include <stdexcept>
#include <system_error>

namespace raxauth::bus {
namespace {

constexpr const char* kDriver = "org.freedesktop.DBus";
constexpr const char* kDriverPath = "/org/freedesktop/DBus";
constexpr std::uint64_t kLookupTimeoutUsec = 5'000'000;

} // namespace

struct Callers::Lookup {
    std::string name;
    BusSlot slot; ///< dropping it, with the coroutine's frame, cancels the call
    OneShot<caller::Caller> found;

    static int on_reply(sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) noexcept {
        auto* self = static_cast<Lookup*>(userdata);
        return guard([&] {
            caller::Caller caller;
            caller.unique_name = self->name;
            if (sd_bus_message_is_method_error(reply, nullptr) != 0 || !read(reply, caller)) {
                self->found.fail(std::make_exception_ptr(
                    std::runtime_error("the bus does not tell who called")));
            } else {
                self->found.set(std::move(caller));
            }
        });
    }

    static bool read(sd_bus_message* reply, caller::Caller& caller) {
        bool have_uid = false;
        if (sd_bus_message_enter_container(reply, 'a', "{sv}") < 0) {
            return false;
        }
        while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
            const char* key = nullptr;
            if (sd_bus_message_read(reply, "s", &key) < 0) {
                return false;
            }
            std::uint32_t value = 0;
            if (std::strcmp(key, "UnixUserID") == 0) {
                if (sd_bus_message_read(reply, "v", "u", &value) < 0) {
                    return false;
                }
                caller.uid = value;
                have_uid = true;
            } else if (std::strcmp(key, "ProcessID") == 0) {
                if (sd_bus_message_read(reply, "v", "u", &value) < 0) {
                    return false;
                }
                caller.pid = static_cast<pid_t>(value);
            } else if (sd_bus_message_skip(reply, "v") < 0) {
                return false;
            }
            if (sd_bus_message_exit_container(reply) < 0) {
                return false;
            }
        }
        return have_uid && caller.uid != contract::kUnsetId;
    }
};

Callers::Callers(sd_bus* bus) : bus_(bus) {
    // arg2='': a name without a new owner, that is, one that has left.
    const int r = sd_bus_add_match(bus_, out(match_),
                                   "type='signal',sender='org.freedesktop.DBus',"
                                   "path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',"
                                   "member='NameOwnerChanged',arg2=''",
                                   &Callers::on_name_owner_changed, this);
    if (r < 0) {
        throw std::system_error(-r, std::generic_category(), "match on NameOwnerChanged");
    }
}

Callers::~Callers() = default;

int Callers::on_name_owner_changed(sd_bus_message* signal, void* userdata,
                                   sd_bus_error* /*error*/) {
    auto* self = static_cast<Callers*>(userdata);
    return guard([&] {
        const char* name = nullptr;
        const char* before = nullptr;
        const char* after = nullptr;
        if (!is_from_the_bus(signal) ||
            sd_bus_message_read(signal, "sss", &name, &before, &after) < 0 || name[0] != ':') {
            return;
        }
        self->known_.erase(name);
    });
}

Task<caller::Caller> Callers::find(std::string unique_name) {
    if (const auto known = known_.find(unique_name); known != known_.end()) {
        co_return known->second;
    }
    Lookup lookup;
    lookup.name = unique_name;
    BusMessage call;
    int r = sd_bus_message_new_method_call(bus_, out(call), kDriver, kDriverPath, kDriver,
                                           "GetConnectionCredentials");
    if (r >= 0) {
        r = sd_bus_message_append(call.get(), "s", unique_name.c_str());
    }
    if (r >= 0) {
        r = sd_bus_call_async(bus_, out(lookup.slot), call.get(), &Lookup::on_reply, &lookup,
                              kLookupTimeoutUsec);
    }
    if (r < 0) {
        throw std::system_error(-r, std::generic_category(), "GetConnectionCredentials");
    }
    caller::Caller caller = co_await lookup.found;
    known_[unique_name] = caller;
    co_return caller;
}

} // namespace raxauth::bus
