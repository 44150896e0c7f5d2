// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/service_job.h"

#include "common/bus_handles.h"
#include "daemon/bus/guard.h"

#include <optional>
#include <string>
#include <string_view>

namespace raxauth::bus {
namespace {

constexpr const char* kSystemd = "org.freedesktop.systemd1";
constexpr const char* kUnit = "/org/freedesktop/systemd1/unit/raxauthd_2eservice";
constexpr std::uint64_t kTimeoutUsec = 2'000'000;

/// One property, asked for asynchronously. Lives in the coroutine's frame.
struct PropertyCall {
    BusSlot slot;
    OneShot<BusMessage> replied;

    static int on_reply(sd_bus_message* reply, void* self, sd_bus_error* /*error*/) noexcept {
        return guard([&] {
            static_cast<PropertyCall*>(self)->replied.set(BusMessage(sd_bus_message_ref(reply)));
        });
    }
};

/// Null when it cannot be read.
Task<BusMessage> get_property(sd_bus* bus, std::string path, const char* interface,
                              const char* name) {
    PropertyCall call;
    const int r = sd_bus_call_method_async(bus, out(call.slot), kSystemd, path.c_str(),
                                           "org.freedesktop.DBus.Properties", "Get",
                                           &PropertyCall::on_reply, &call, "ss", interface, name);
    if (r < 0) {
        co_return BusMessage();
    }
    BusMessage reply = co_await call.replied;
    if (sd_bus_message_is_method_error(reply.get(), nullptr) != 0) {
        co_return BusMessage();
    }
    co_return reply;
}

} // namespace

Task<bool> is_being_restarted(sd_bus* bus) {
    static_cast<void>(sd_bus_set_method_call_timeout(bus, kTimeoutUsec));
    Task<BusMessage> asking = get_property(bus, kUnit, "org.freedesktop.systemd1.Unit", "Job");
    const BusMessage job = co_await std::move(asking);
    std::uint32_t id = 0;
    const char* path = nullptr;
    if (!job || sd_bus_message_enter_container(job.get(), 'v', "(uo)") < 0 ||
        sd_bus_message_read(job.get(), "(uo)", &id, &path) < 0) {
        co_return false;
    }
    if (id == 0) {
        co_return true;
    }
    Task<BusMessage> asking_type =
        get_property(bus, path, "org.freedesktop.systemd1.Job", "JobType");
    const BusMessage type = co_await std::move(asking_type);
    const char* word = nullptr;
    if (!type || sd_bus_message_read(type.get(), "v", "s", &word) < 0) {
        co_return false;
    }
    const std::string_view kind(word);
    co_return kind == "restart" || kind == "try-restart" || kind == "start";
}

} // namespace raxauth::bus
