// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "common/secret.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <vector>

namespace raxauth::client {

/// The `context` of a call: what the caller says of itself. An empty text, an id that is not set
/// and a flag that is false are not sent: the daemon's defaults are the same.
struct CallContext {
    std::string user;
    std::string service;
    std::string tty;
    std::string remote_host;
    std::string remote_user;
    std::string session; ///< logind's id
    std::string locale;
    std::string factor;
    std::string verb;
    std::vector<std::string> arguments;
    std::optional<unsigned> audit_session;
    std::optional<uid_t> login_uid;
    std::optional<uid_t> real_uid;
    std::optional<uid_t> account_uid; ///< what NSS says of `user`
    bool signed_in = false;
    bool no_reuse = false;
    bool interactive = false; ///< always sent
    Secret ticket;            ///< good for one OpenSession
};

/// Writes the `a{sv}` into `call`, with the descriptor `channel` unless that is negative.
/// Errors: a negative errno.
int append_context(sd_bus_message* call, const CallContext& context, int channel = -1);

} // namespace raxauth::client
