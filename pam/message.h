// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "common/secret.h"
#include "common/verdict.h"
#include "pam/outcome.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace raxauth::pam {

/// One line of a dialogue: asked or shown. The text has been through sanitise_lines(). It may be a
/// secret (a key to be enrolled), so it is wiped when the message goes. Never moved: what a
/// moved-from string still holds cannot be reached.
struct Message {
    Message(contract::MessageKind what, std::string_view words) : kind(what), text(words) {}
    Message(const Message&) = default;
    Message& operator=(const Message&) = default;
    ~Message() { wipe(text.data(), text.size()); }

    contract::MessageKind kind;
    std::string text;
};

/// What the daemon answers in a conversation: what to ask next, or the end.
struct Step {
    std::uint64_t id = 0;
    std::uint64_t serial = 0;
    State state = State::Unavailable;
    std::string reason; // sanitised
    std::vector<Message> messages;
    Secret ticket;
};

/// Why there was no step. The reason is for the log.
struct CallFailure {
    Outcome outcome = Outcome::Fault; // Unavailable, Denied or Fault
    std::string reason;
};

using Reply = std::variant<Step, CallFailure>;

/// Everything but Ask, which is no end and so a fault where an end is due.
Outcome outcome_of(State state) noexcept;

} // namespace raxauth::pam
