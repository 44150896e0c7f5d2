// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon_client.h"

#include "cli/failure.h"
#include "common/bus_contract.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fmt/core.h>

namespace raxauth::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration_cast;
using std::chrono::microseconds;

/// A bus that listens and does not speak must not hold anybody.
constexpr std::chrono::seconds kConnectTimeout{3};

std::uint64_t in_microseconds(std::chrono::milliseconds time) {
    return static_cast<std::uint64_t>(duration_cast<microseconds>(time).count());
}

[[noreturn]] void throw_no_bus(int error) {
    throw Failure(ExitStatus::Unreachable,
                  fmt::format("the system bus cannot be reached: {}", std::strerror(error)),
                  "Is dbus running? Try \"systemctl status dbus\".");
}

void check_bus(int r) {
    if (r < 0) {
        throw_no_bus(-r);
    }
}

} // namespace

void check_message(int r, const char* what) {
    if (r < 0) {
        throw Failure(ExitStatus::Unreachable, fmt::format("{}: {}", what, std::strerror(-r)),
                      "Is the daemon of another version? Try \"systemctl restart raxauthd\".");
    }
}

DaemonClient::DaemonClient(const char* address) {
    connect(address);
    find_daemon();
}

void DaemonClient::connect(const char* address) {
    check_bus(sd_bus_new(out(bus_)));
    check_bus(sd_bus_set_address(bus_.get(), address));
    check_bus(sd_bus_set_bus_client(bus_.get(), 1));
    check_bus(sd_bus_negotiate_fds(bus_.get(), 1));
    check_bus(sd_bus_start(bus_.get()));
    // sd_bus_call's own time-out does not cover connecting and saying hello.
    const auto deadline = Clock::now() + kConnectTimeout;
    for (;;) {
        int r = sd_bus_is_ready(bus_.get());
        check_bus(r);
        if (r > 0) {
            return;
        }
        r = sd_bus_process(bus_.get(), nullptr);
        check_bus(r);
        if (r > 0) {
            continue;
        }
        const auto left = duration_cast<microseconds>(deadline - Clock::now());
        if (left.count() <= 0) {
            throw_no_bus(ETIMEDOUT);
        }
        r = sd_bus_wait(bus_.get(), static_cast<std::uint64_t>(left.count()));
        check_bus(r == -EINTR ? 0 : r);
    }
}

void DaemonClient::find_daemon() {
    BusMessage ping;
    check_message(sd_bus_message_new_method_call(bus_.get(), out(ping), contract::kBusName,
                                                 contract::kObject, "org.freedesktop.DBus.Peer",
                                                 "Ping"),
                  "make a message");
    BusError error;
    BusMessage reply;
    const int r = sd_bus_call(bus_.get(), ping.get(), in_microseconds(contract::kActivationTimeout),
                              error.get(), out(reply));
    if (r < 0) {
        // Whatever the bus says, its meaning is this: there is nobody to talk to.
        throw Failure(ExitStatus::Unreachable,
                      fmt::format("the daemon does not answer: {}",
                                  *error.message() != '\0' ? error.message() : std::strerror(-r)),
                      "Look at \"systemctl status raxauthd\" and \"journalctl -t raxauthd\".");
    }
    const char* sender = sd_bus_message_get_sender(reply.get());
    daemon_ = sender != nullptr ? sender : contract::kBusName;
}

BusMessage DaemonClient::prepare(const char* member) {
    BusMessage message;
    check_message(sd_bus_message_new_method_call(bus_.get(), out(message), daemon_.c_str(),
                                                 contract::kObject, contract::kInterface, member),
                  "make a message");
    return message;
}

BusMessage DaemonClient::send(const BusMessage& call, std::chrono::seconds timeout) {
    BusError error;
    BusMessage reply;
    const int r =
        sd_bus_call(bus_.get(), call.get(), in_microseconds(timeout), error.get(), out(reply));
    if (r < 0) {
        throw failure_from_bus(error.name(),
                               *error.message() != '\0' ? error.message() : std::strerror(-r));
    }
    return reply;
}

} // namespace raxauth::cli
