// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/caller/session_facts.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace raxauth::caller {

/// Who called, by the bus's own word.
struct Caller {
    std::string unique_name;
    uid_t uid = contract::kUnsetId;
    pid_t pid = 0;
    bool is_root() const noexcept { return uid == 0; }
};

/// What is known about the PAM transaction (or the command line) behind a call. Root's word is
/// taken for all of it; for anybody else the daemon filled in user, service and session itself.
struct Context {
    Caller caller;
    std::string user; ///< local account, valid by the grammar
    /// Where the caller has asked NSS already: the uid, `user` being the name as NSS writes it;
    /// kUnsetId for a name that NSS does not know.
    std::optional<uid_t> account_uid;
    std::string service;            ///< sanitised
    std::string tty;                ///< sanitised
    std::string remote_host;        ///< sanitised
    std::string remote_user;        ///< sanitised
    std::optional<Secret> password; ///< the stack already had one
    Secret ticket;
    SessionFacts session;
    bool signed_in = false;
    bool interactive = true;
    bool no_reuse = false;
    std::string locale;                 ///< sanitised; of the program's terminal, where it said so
    std::string factor;                 ///< enrolment: which kind; sanitised
    std::string verb;                   ///< factor management: what to do; sanitised
    std::vector<std::string> arguments; ///< of the verb; sanitised
};

} // namespace raxauth::caller
