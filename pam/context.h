// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "pam/subject.h"

#include <optional>
#include <security/pam_modules.h>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace raxauth::pam {

/// What PAM and the kernel say about the calling application: the `context` of the bus contract.
/// Strings are sanitised and at most contract::kMaxContextStringBytes long; an empty one is not
/// sent.
struct Context {
    std::string user;
    std::string service;
    std::string tty;
    std::string remote_host;
    std::string remote_user;
    std::string session; // logind's id
    unsigned audit_session = contract::kUnsetId;
    unsigned login_uid = contract::kUnsetId;
    uid_t real_uid = 0;
    std::optional<uid_t> account_uid; // see OwnershipDecision
    bool signed_in = false;
    bool interactive = false;
    bool no_reuse = false;
    std::string ticket; // worth something until it is redeemed, which this very context does
};

/// Asks PAM's items and /proc/self about a transaction of `subject`. Never the environment. What
/// cannot be found stays unset.
Context collect_context(const pam_handle_t* pamh, const Subject& subject);

/// The number that a file such as /proc/self/loginuid holds; kUnsetId if there is none.
unsigned kernel_id_in(std::string_view text) noexcept;

/// logind's session id as the text of /proc/PID/cgroup tells it; empty outside sessions. By the
/// rule of sd_pid_get_session(3), which needs a dozen system calls more for each line.
std::string logind_session_in(std::string_view cgroups);

} // namespace raxauth::pam
