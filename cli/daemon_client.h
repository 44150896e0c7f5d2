// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus/connection.h"

#include <chrono>

namespace raxauth::cli {

/// A connection to the daemon. Every wait has a deadline; nothing is sent twice.
class DaemonClient {
  public:
    /// Connects to the bus at `address` and finds the daemon, which is started by that if need be.
    /// From then on its unique name is addressed: what a person types for one daemon never reaches
    /// another.
    /// Errors: Failure (Unreachable).
    explicit DaemonClient(const char* address);

    /// A call of the daemon's own interface, still without arguments.
    BusMessage prepare(const char* member);
    /// Sends it and waits for the reply.
    /// Errors: Failure, from the error reply or the lack of any.
    BusMessage send(const BusMessage& call, std::chrono::seconds timeout = kTimeout);
    /// For calls without arguments.
    BusMessage call(const char* member) { return send(prepare(member)); }

    /// For a dialogue, which begins here and leaves the bus.
    client::Connection& bus() noexcept { return bus_; }
    const char* daemon() const noexcept { return daemon_.c_str(); }

    static constexpr std::chrono::seconds kTimeout{30};

  private:
    client::Connection bus_;
    std::string daemon_;
};

/// Throws the Failure that stands for a message that could not be made or read.
void check_message(int r, const char* what);

} // namespace raxauth::cli
