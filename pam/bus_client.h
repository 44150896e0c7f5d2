// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "pam/dialogue.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace raxauth::pam {

struct AccountReply {
    State state = State::Unavailable;
    std::string reason;
    std::vector<Message> messages;
};

struct SessionReply {
    std::string handle;
    std::vector<std::pair<std::string, std::string>> environment;
};

template <class Value>
using CallResult = std::variant<Value, CallFailure>;

/// A private connection to the system bus, made with the first call and closed without flushing.
///
/// libsystemd's own time-out does not cover connecting, so nothing here waits inside libsystemd:
/// connect, authentication, Hello, activation and reply share one monotonic deadline and one
/// ppoll(2) loop. EINTR is nothing special; signals stay the application's. No thread, no child.
/// Not to be used in a forked child: each hook makes its own and lets it go before it returns,
/// except that a conversation holds it while the person types.
class BusClient final : public ConversationService {
  public:
    /// `address`: "unix:path=…". `timeout`: the whole of one call. The first reply is due sooner,
    /// within contract::kActivationTimeout.
    BusClient(const char* address, std::chrono::milliseconds timeout)
        : address_(address), timeout_(timeout) {}

    /// Begins to connect, so that the bus works while the caller gets the context together. The
    /// next call's time runs from here, and tells what went wrong.
    void connect_early();

    Reply begin(DialogueKind kind, const Context& context) override;
    /// Goes to the unique name that answered begin(): a password meant for one daemon never
    /// reaches another.
    Reply answer(std::uint64_t id, std::uint64_t serial,
                 const std::vector<Secret>& answers) override;
    void cancel(std::uint64_t id) noexcept override;

    CallResult<AccountReply> check_account(const Context& context);
    CallResult<SessionReply> open_session(const Context& context);
    /// Nothing if it went well.
    std::optional<CallFailure> close_session(const std::string& handle);

  private:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Deadline = TimePoint;

    std::optional<CallFailure> connect(Deadline deadline);
    std::optional<CallFailure> wait_until_ready(Deadline deadline);
    /// Lets libsystemd work once, or waits for something to do. 0 or a negative errno.
    int turn(Deadline deadline);
    /// Sends to the daemon and waits for its answer. `append(message)` puts the arguments in and
    /// returns a negative errno when it could not.
    template <class Append>
    CallResult<BusMessage> call(const char* member, Deadline deadline, Append append);
    CallResult<BusMessage> call(const char* member, const Context& context);
    CallResult<BusMessage> await_reply(const BusMessage& request, Deadline deadline);
    Deadline deadline_of_next_call();

    const char* address_;
    std::chrono::milliseconds timeout_;
    std::optional<Deadline> begun_; // of the call for which we connected early
    Bus bus_;
    int fd_ = -1;        // the bus's
    std::string daemon_; // unique name, once it has answered
};

} // namespace raxauth::pam
