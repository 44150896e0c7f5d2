// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "common/handle.h"

#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <stdexcept>
#include <string>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace raxauth::bench {

using Bus = CHandle<sd_bus, sd_bus_flush_close_unref>;
using BusMessage = CHandle<sd_bus_message, sd_bus_message_unref>;

/// Of bare_daemon, which answers the same calls.
inline constexpr const char* kBareName = "org.raxauth.BenchBare";

inline void require(int r, const char* what) {
    if (r < 0) {
        throw std::runtime_error(std::string(what) + ": " + std::strerror(-r));
    }
}

inline Bus connect_to_bus() {
    Bus bus;
    require(sd_bus_new(out(bus)), "sd_bus_new");
    require(sd_bus_set_address(bus.get(), contract::kBusAddress), "bus address");
    require(sd_bus_set_bus_client(bus.get(), 1), "bus client");
    require(sd_bus_start(bus.get()), "connect to the bus");
    return bus;
}

/// What a sign-in says of itself; the bench calls as root, whose word the daemon takes.
struct Who {
    std::string user;
    std::string service;
    std::uint32_t audit_session = contract::kUnsetId;
    uid_t uid = contract::kUnsetId; ///< login uid and real uid
    uid_t account_uid = contract::kUnsetId;
};

inline BusMessage begin_call(sd_bus* bus, const Who& who, const char* daemon = contract::kBusName) {
    BusMessage call;
    require(sd_bus_message_new_method_call(bus, out(call), daemon, contract::kObject,
                                           contract::kInterface, contract::method::kBeginSignIn),
            "BeginSignIn");
    namespace key = contract::context;
    require(sd_bus_message_append(call.get(), "a{sv}", 6, key::kUser, "s", who.user.c_str(),
                                  key::kService, "s", who.service.c_str(), key::kAuditSession, "u",
                                  who.audit_session, key::kLoginUid, "u", who.uid, key::kRealUid,
                                  "u", who.uid, key::kAccountUid, "u", who.account_uid),
            "context");
    return call;
}

/// The answer goes as the read end of a pipe that is written and closed before.
inline BusMessage answer_call(sd_bus* bus, std::uint64_t id, std::uint64_t serial,
                              const std::string& answer, const char* daemon = contract::kBusName) {
    int ends[2];
    require(::pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0, "pipe");
    const ssize_t written = ::write(ends[1], answer.data(), answer.size());
    ::close(ends[1]);
    BusMessage call;
    int r = sd_bus_message_new_method_call(bus, out(call), daemon, contract::kObject,
                                           contract::kInterface, contract::method::kAnswer);
    if (r >= 0) {
        r = sd_bus_message_append(call.get(), "ttah", id, serial, 1, ends[0]); // takes a duplicate
    }
    ::close(ends[0]);
    require(r, "Answer");
    if (written != static_cast<ssize_t>(answer.size())) {
        throw std::runtime_error("write to a pipe");
    }
    return call;
}

/// What is read of the reply to either.
struct Step {
    std::uint64_t id = 0;
    std::uint64_t serial = 0;
    std::string state;
    std::string reason;
    std::string prompt; ///< of the last message
};

inline Step read_step(sd_bus_message* reply) {
    if (const sd_bus_error* error = sd_bus_message_get_error(reply)) {
        throw std::runtime_error(error->name);
    }
    Step step;
    const char* state = nullptr;
    const char* reason = nullptr;
    require(sd_bus_message_read(reply, "ttss", &step.id, &step.serial, &state, &reason), "reply");
    step.state = state;
    step.reason = reason;
    require(sd_bus_message_enter_container(reply, 'a', "(ss)"), "messages");
    const char* kind = nullptr;
    const char* text = nullptr;
    while (sd_bus_message_read(reply, "(ss)", &kind, &text) > 0) {
        step.prompt = text;
    }
    return step;
}

/// Waits for the reply.
inline Step call(sd_bus* bus, const BusMessage& request) {
    BusMessage reply;
    const int r = sd_bus_call(bus, request.get(), 0, nullptr, out(reply));
    require(r, "call");
    return read_step(reply.get());
}

inline bool asks_for_passcode(const Step& step) {
    return step.prompt.find("passcode") != std::string::npos;
}

} // namespace raxauth::bench
