// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "common/text.h"
#include "daemon/caller/context.h"
#include "daemon/journal/history.h"

#include <fmt/core.h>
#include <string>
#include <string_view>

namespace raxauth::bus {

/// The journal line of a verdict, as far as the context tells. It refers to `context`.
inline journal::VerdictLine line_for(std::string_view hook, const caller::Context& context) {
    journal::VerdictLine line;
    line.hook = hook;
    line.user = context.user;
    line.user_unknown = context.account_uid == contract::kUnsetId;
    line.service = context.service;
    line.remote_host = context.remote_host;
    line.tty = context.tty;
    line.asked_by_root = context.caller.is_root();
    return line;
}

/// Writes down a verdict that no conversation led to.
inline void record(journal::History& history, std::string_view hook, const caller::Context& context,
                   State state, Reason reason, std::string_view why) {
    journal::VerdictLine line = line_for(hook, context);
    line.state = state;
    line.reason = reason;
    line.why = why;
    history.record(line);
}

/// A program that is not root's asks for somebody else: a database server with PAM, say. Nobody
/// can find out why it does not work without a line.
inline void record_foreign(journal::History& history, std::string_view hook,
                           const caller::Caller& caller, const std::string& user) {
    caller::Context context;
    context.caller = caller;
    context.user = sanitise(user, 64);
    context.service = "user";
    record(history, hook, context, State::Unavailable, Reason::NotSupported,
           fmt::format("asked for by uid {}: a program that is not root's signs in its own user "
                       "alone",
                       caller.uid));
}

} // namespace raxauth::bus
