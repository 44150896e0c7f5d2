// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/journal/history.h"

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

} // namespace raxauth::bus
