// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "common/secret.h"
#include "daemon/loop/task.h"

#include <string>
#include <vector>

namespace raxauth::conversation {

struct Message {
    contract::MessageKind kind;
    std::string text; ///< already fit for a terminal: foreign parts went through sanitise()
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
};

} // namespace raxauth::conversation
