// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus/call_context.h"
#include "common/bus/connection.h"
#include "common/bus/step.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace raxauth::client {

/// A dialogue's own channel to the daemon: one end of a socket pair, whose other end went with the
/// Begin... call. The daemon is the server there. Its hang-up is the end of the dialogue.
class Channel {
  public:
    Channel() = default;
    Channel(Channel&&) = delete; // the connection's callbacks know where it is

    /// Makes the pair, keeps one end and gives the other. Errors: an empty descriptor, errno set.
    UniqueFd open();
    /// Begins to authenticate, so that this is done when the person has typed. Waits for nothing.
    std::optional<CallError> start();
    /// Answers the questions of the step `serial`, and waits for what follows. Local with EMSGSIZE:
    /// an answer is longer than kMaxAnswerBytes, and nothing was sent.
    Result<Step> answer(std::uint64_t serial, const std::vector<Secret>& answers,
                        Deadline deadline);
    /// From now on a wait for an answer ends as soon as `fd` is readable: Interrupted. -1: no more.
    void interrupt_on(int fd) noexcept { connection_.interrupt_on(fd); }
    /// Says that nobody will answer any more. Waits for nothing: hanging up means the same.
    void cancel() noexcept;
    /// The same, and waits until the daemon has heard it: it may undo what was begun.
    void cancel(Deadline deadline) noexcept;
    void close() noexcept;

  private:
    Result<BusMessage> new_cancel() noexcept;
    static int on_message(sd_bus_message* message, void* self, sd_bus_error* error) noexcept;

    UniqueFd own_end_; ///< until start()
    Connection connection_;
    BusMessage ended_; ///< the signal Ended
};

/// A call of Answer that is not sent yet, on a connection over a channel. Local with EMSGSIZE: an
/// answer is longer than kMaxAnswerBytes.
Result<BusMessage> new_answer(Connection& channel, std::uint64_t serial,
                              const std::vector<Secret>& answers);

/// Begin... over `bus`, a connection to the bus: gives the daemon the other end of `channel`.
Result<Step> begin(Connection& bus, const char* destination, const char* member,
                   const CallContext& context, Channel& channel, Deadline deadline);

} // namespace raxauth::client
