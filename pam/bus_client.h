// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus/channel.h"
#include "pam/dialogue.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace raxauth::pam {

using client::AccountReply;

struct SessionReply {
    std::string handle;
    std::vector<std::pair<std::string, std::string>> environment;
};

template <class Value>
using CallResult = std::variant<Value, CallFailure>;

/// The calls that the hooks make, each under one deadline, and what their errors mean to the person
/// who signs in. The bus is connected with the first call. A dialogue leaves it with its first step
/// and goes on over its own channel: nobody's prompt holds a connection of the bus.
class BusClient final : public ConversationService {
  public:
    /// `address`: "unix:path=…". `timeout`: the whole of one call. The first reply is due sooner,
    /// within contract::kActivationTimeout.
    BusClient(const char* address, std::chrono::milliseconds timeout)
        : address_(address), timeout_(timeout) {}

    /// Begins to connect, so that the bus works while the caller gets the context together. The
    /// next call's time runs from here, and tells what went wrong.
    void connect_early();

    void interrupt_on(int fd) noexcept override;
    Reply begin(DialogueKind kind, const Context& context) override;
    Reply answer(std::uint64_t serial, const std::vector<Secret>& answers) override;
    void cancel() noexcept override;

    CallResult<AccountReply> check_account(const Context& context);
    CallResult<SessionReply> open_session(const Context& context);
    /// Nothing if it went well.
    std::optional<CallFailure> close_session(const std::string& handle);

  private:
    /// Calls the daemon over the bus. `append(message)` puts the arguments in and returns a
    /// negative errno when it could not.
    template <class Append>
    client::Result<BusMessage> call(const char* member, Append append);
    client::Deadline deadline_of_next_call();

    const char* address_;
    std::chrono::milliseconds timeout_;
    std::optional<client::Deadline> begun_; ///< of the call for which we connected early
    bool answered_ = false;                 ///< the daemon runs: the next reply has its whole time
    client::Connection bus_;
    client::Channel channel_;
};

} // namespace raxauth::pam
