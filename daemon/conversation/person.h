// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "common/secret.h"
#include "daemon/loop/task.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace raxauth::conversation {

struct Message {
    contract::MessageKind kind;
    std::string text; ///< already fit for a terminal: foreign parts went through sanitise()
    /// In place of `text` where that must not be in anybody else's memory: it goes over the
    /// dialogue's own channel, never over the bus.
    std::shared_ptr<const Secret> secret_text = nullptr;
};

/// What a flow may do with the person at the other end.
class Person {
  public:
    virtual ~Person() = default;

    /// Shows `messages` in order and delivers the answers to those that want one, in order. There
    /// are exactly as many answers as questions. When the person or the caller gives up, or the
    /// deadline passes, the Task never finishes: the flow is destroyed instead.
    virtual Task<std::vector<Secret>> ask(std::vector<Message> messages) = 0;
    /// Shown with the next question or the verdict: sshd delays information, so what a person must
    /// know belongs into a prompt.
    virtual void tell(Message message) = 0;
    /// From now on there is this much time, in place of what was left: a passcode may be long on
    /// its way, and setting up a second factor takes longer than a sign-in. `key` is the setting,
    /// for the journal; it stays valid.
    virtual void allow(std::chrono::milliseconds time, std::string_view key) = 0;
    /// The caller said Cancel, and has not merely left: the person wants nothing left behind. Known
    /// when the flow is destroyed.
    virtual bool withdrawn() const = 0;
};

} // namespace raxauth::conversation
