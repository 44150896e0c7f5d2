// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pam/context.h"
#include "pam/conversation.h"
#include "pam/message.h"
#include "pam/outcome.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace raxauth::pam {

enum class DialogueKind { SignIn, PasswordChange };

/// The daemon's side of a conversation: BusClient, or a script in tests.
class ConversationService {
  public:
    ConversationService() = default;
    ConversationService(const ConversationService&) = delete;
    ConversationService& operator=(const ConversationService&) = delete;
    virtual ~ConversationService() = default;

    /// From now on a wait ends as soon as `fd` is readable, as Cancelled. -1: no more.
    virtual void interrupt_on(int fd) noexcept = 0;
    virtual Reply begin(DialogueKind kind, const Context& context) = 0;
    virtual Reply answer(std::uint64_t serial, const std::vector<Secret>& answers) = 0;
    /// Says that nobody will answer any more. Waits for nothing.
    virtual void cancel() noexcept = 0;
};

/// The password the stack shares between its modules.
class StackPassword {
  public:
    StackPassword() = default;
    StackPassword(const StackPassword&) = delete;
    StackPassword& operator=(const StackPassword&) = delete;
    virtual ~StackPassword() = default;

    /// What an earlier module asked for, if this module's line says to take it.
    virtual std::optional<Secret> first_pass() = 0;
    /// use_first_pass: the person is never asked for the password here.
    virtual bool may_ask() const = 0;
    /// Keeps what the person typed, for modules that come later.
    virtual void typed(const Secret& password) = 0;
    /// The password at the end of the dialogue is another than was typed for it: later modules
    /// (keyrings, pam_mount) get this one.
    virtual void became(const Secret& password) = 0;
};

/// The module is a dumb terminal: it shows the daemon's messages, collects the answers and stops at
/// a verdict. It decides nothing but when to give up: a cancelled or failed
/// conversation (the daemon is told and nothing more is sent), and a daemon that never comes to an
/// end or breaks the limits of org.raxauth.Auth1(5) (Fault).
Verdict run_dialogue(DialogueKind kind, const Context& context, ConversationService& service,
                     Conversation& conversation, StackPassword& password);

} // namespace raxauth::pam
