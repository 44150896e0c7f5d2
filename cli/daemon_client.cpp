// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon_client.h"

#include "cli/failure.h"
#include "common/bus_contract.h"

#include <cstring>
#include <fmt/core.h>

namespace raxauth::cli {
namespace {

using Clock = std::chrono::steady_clock;
using client::CallError;
using client::error_of;

} // namespace

void check_message(int r, const char* what) {
    if (r < 0) {
        throw Failure(ExitStatus::Unreachable, fmt::format("{}: {}", what, std::strerror(-r)),
                      kOtherVersionAdvice);
    }
}

DaemonClient::DaemonClient(const char* address) {
    const client::Deadline deadline = Clock::now() + contract::kActivationTimeout;
    if (const auto error = bus_.connect(address, deadline)) {
        throw failure_without_bus(error->error);
    }
    auto ping =
        bus_.new_call(contract::kBusName, contract::kObject, "org.freedesktop.DBus.Peer", "Ping");
    if (const CallError* const error = error_of(ping)) {
        throw failure_without_bus(error->error);
    }
    auto reply = bus_.send(std::get<BusMessage>(ping), deadline);
    if (const CallError* const error = error_of(reply)) {
        // A bus that listens and does not speak never gives us a name.
        if (error->kind != CallError::Kind::Replied && sd_bus_is_ready(bus_.bus()) <= 0) {
            throw failure_without_bus(error->error);
        }
        throw failure_without_daemon(*error);
    }
    const char* sender = sd_bus_message_get_sender(std::get<BusMessage>(reply).get());
    daemon_ = sender != nullptr ? sender : contract::kBusName;
}

BusMessage DaemonClient::prepare(const char* member) {
    auto call = bus_.new_call(daemon_.c_str(), contract::kObject, contract::kInterface, member);
    if (const CallError* const error = error_of(call)) {
        check_message(-error->error, "make a message");
    }
    return std::get<BusMessage>(std::move(call));
}

BusMessage DaemonClient::send(const BusMessage& call, std::chrono::seconds timeout) {
    auto reply = bus_.send(call, Clock::now() + timeout);
    if (const CallError* const error = error_of(reply)) {
        throw failure_of(*error);
    }
    return std::get<BusMessage>(std::move(reply));
}

} // namespace raxauth::cli
