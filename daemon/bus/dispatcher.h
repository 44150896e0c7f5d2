// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "daemon/bus/caller_shares.h"
#include "daemon/bus/callers.h"
#include "daemon/bus/rooms.h"
#include "daemon/caller/context.h"
#include "daemon/loop/task.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

namespace raxauth::bus {

/// An error to reply with.
struct Refusal {
    const char* error;
    std::string text;
};

/// Who calls, and the calls being served: each first asks the bus who its sender is,
/// asynchronously, so it runs as a small coroutine that owns the message until it has answered it.
class Dispatcher {
  public:
    /// Synchronous: at start-up only. Errors: std::system_error.
    Dispatcher(const Rooms& rooms, sd_bus* bus);
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;

    /// Runs `task`, which answers `call` later, keeping it until it is done.
    void serve(sd_bus_message* call, Task<void> task);

    /// Errors: std::runtime_error when the caller has left the bus.
    Task<caller::Caller> find_caller(const BusMessage& call);
    /// The caller, if it is root; else the call has been refused.
    Task<bool> is_from_root(const BusMessage& call);

    struct Established {
        std::variant<caller::Context, Refusal> who;
        /// Of an ordinary user: their place among those who call, to be held until the reply, since
        /// a call may ask NSS for more.
        std::unique_ptr<CallerShares::Place> share;
    };
    /// Turns claims into a context: root is believed, others act for themselves alone.
    Task<Established> establish(caller::Caller caller, caller::Context claims);
    struct Accepted {
        caller::Context context;
        std::unique_ptr<CallerShares::Place> share; ///< see Established
    };
    /// The same for a call that is refused where there is no context: none then.
    Task<std::optional<Accepted>> establish_or_refuse(const BusMessage& call, caller::Caller caller,
                                                      caller::Context claims);

  private:
    void count_out(std::uint64_t id);
    void served(std::uint64_t id);
    void tell_of_hidden_processes();

    const Rooms& rooms_;
    Callers callers_;
    CallerShares shares_;
    bool told_of_hidden_ = false;
    std::uint64_t last_served_ = 0;
    std::unordered_map<std::string, std::size_t> served_senders_; ///< calls of each in serving_
    struct Served {
        std::string sender;
        Job job;
    };
    std::unordered_map<std::uint64_t, Served> serving_; ///< last: the jobs refer to all above
};

} // namespace raxauth::bus
