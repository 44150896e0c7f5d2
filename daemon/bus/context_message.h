// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/caller/session_facts.h"

#include <optional>
#include <string>
#include <systemd/sd-bus.h>
#include <vector>

namespace raxauth::bus {

/// The `a{sv}` context as it came: claims that hold from uid 0 only.
struct ClaimedContext {
    std::string user;
    std::string service;
    std::string tty;
    std::string remote_host;
    std::string remote_user;
    std::optional<Secret> password;
    Secret ticket;
    caller::SessionFacts session;
    std::optional<uid_t> account_uid;
    bool signed_in = false;
    bool interactive = true;
    bool no_reuse = false;
    std::string locale;
    std::string factor;
    std::string verb;
    std::vector<std::string> arguments;
};

/// Reads the context that stands next in `call`. Unknown keys are passed over (module and daemon
/// may be of different versions); a known key of another type, an overlong string or a bad
/// descriptor make it nothing: InvalidContext.
std::optional<ClaimedContext> read_context(sd_bus_message* call);

/// Reads the answers (`ah`) that stand next in `call`, through their pipes. Nothing: more than
/// eight, or one that breaks the rules.
std::optional<std::vector<Secret>> read_answers(sd_bus_message* call);

} // namespace raxauth::bus
