// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace raxauth::caller {

/// What is known about the login session a process belongs to. From root's PAM context, or read
/// from /proc by the daemon for everybody else.
struct SessionFacts {
    std::uint32_t audit_session = contract::kUnsetId; ///< /proc/PID/sessionid
    std::string logind_session;                       ///< empty: none
    uid_t login_uid = contract::kUnsetId;             ///< /proc/PID/loginuid
    uid_t real_uid = contract::kUnsetId;

    /// Inside a login session: pam_loginuid, or logind, has been there before.
    bool inside_session() const noexcept {
        return audit_session != contract::kUnsetId || !logind_session.empty();
    }
};

} // namespace raxauth::caller
