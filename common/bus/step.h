// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus/call_error.h"
#include "common/bus_contract.h"
#include "common/secret.h"
#include "common/verdict.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <systemd/sd-bus.h>
#include <vector>

/// Reading of replies. Nothing here is lenient: a reply that breaks a rule of org.raxauth.Auth1(5)
/// is Malformed.
namespace raxauth::client {

/// One line of a dialogue: asked or shown. The text has been through sanitise_lines(). It may be a
/// secret (a key to be enrolled), so it is wiped when the message goes. Never moved: what a
/// moved-from string still holds cannot be reached.
struct Message {
    Message(contract::MessageKind which, std::string_view words) : kind(which), text(words) {}
    Message(const Message&) = default;
    Message& operator=(const Message&) = default;
    ~Message() { wipe(text.data(), text.size()); }

    contract::MessageKind kind;
    std::string text;
};

/// What the daemon answers in a dialogue: what to ask next, or the end.
struct Step {
    std::uint64_t serial = 0;
    State state = State::Unavailable;
    std::string reason; ///< sanitised
    std::vector<Message> messages;
    Secret ticket;       ///< with Granted outside a login session
    std::string account; ///< sanitised
    Secret result;       ///< JSON; with Granted, of factor management
    Secret password;     ///< with Granted, where it is not what was typed for it
};

/// Which rule of org.raxauth.Auth1(5) a step breaks: too many messages or questions, a verdict that
/// asks. Null: none.
const char* broken_rule(const Step& step) noexcept;

/// Reads the reply to a Begin... or an Answer. OtherVersion: another signature than kStepSignature.
Result<Step> read_step(sd_bus_message* reply);
/// Reads the signal Ended: a verdict without details.
Result<Step> read_end(sd_bus_message* signal);

/// The reply to CheckAccount.
struct AccountReply {
    State state = State::Unavailable;
    std::string reason; ///< sanitised
    std::vector<Message> messages;
};
Result<AccountReply> read_account(sd_bus_message* reply);

/// What may stand in the PAM environment as a ticket.
bool is_ticket(std::string_view text) noexcept;

} // namespace raxauth::client
