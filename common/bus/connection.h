// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus/call_error.h"
#include "common/bus_handles.h"
#include "common/unique_fd.h"

#include <chrono>
#include <optional>

namespace raxauth::client {

using Deadline = std::chrono::steady_clock::time_point;

/// One connection: to the bus, or peer to peer over a socket pair. Closed without flushing.
///
/// libsystemd's own time-out does not cover connecting, so nothing here waits inside libsystemd:
/// connect, authentication, Hello, activation and reply share one deadline and one ppoll(2) loop.
/// EINTR is nothing special; signals stay the application's. No thread, no child. Not to be used in
/// a forked child.
class Connection {
  public:
    /// Begins to connect to the bus at "unix:path=..."; it authenticates with the first call. No
    /// effect when connected.
    std::optional<CallError> connect(const char* address, Deadline deadline);
    /// Begins to speak as the client at one end of a socket pair. Waits for nothing.
    std::optional<CallError> adopt(UniqueFd peer);
    void close() noexcept { bus_.reset(); }

    explicit operator bool() const noexcept { return static_cast<bool>(bus_); }
    sd_bus* bus() const noexcept { return bus_.get(); }

    /// A call without arguments as yet, whose buffers are wiped. `destination`: null peer to peer.
    Result<BusMessage> new_call(const char* destination, const char* object, const char* interface,
                                const char* member);
    /// Until the other end has let us in. To be waited for before a descriptor is sent: libsystemd
    /// asks whether the other end takes those, and would wait for it by itself.
    std::optional<CallError> wait_until_ready(Deadline deadline);
    /// Sends and waits for the reply, which is wiped too.
    Result<BusMessage> send(const BusMessage& call, Deadline deadline);
    /// Sends what nobody answers, if the socket takes it at once.
    void send_at_once(const BusMessage& call) noexcept;
    /// From now on a wait ends as soon as `fd` is readable: Interrupted. -1: no more.
    void interrupt_on(int fd) noexcept { interrupt_ = fd; }
    /// Takes in what has come, and waits for nothing. False: the connection has ended.
    bool take_in() noexcept;

  private:
    /// Lets libsystemd work once, or waits for something to do. 0 or a negative errno.
    int turn(Deadline deadline);

    Bus bus_;
    int fd_ = -1; ///< the bus's
    int interrupt_ = -1;
};

} // namespace raxauth::client
