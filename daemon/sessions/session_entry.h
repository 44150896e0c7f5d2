// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/sessions/session_store.h"

/// Shared by the sources of SessionStore alone.
namespace raxauth::sessions {

struct SessionStore::Ticket {
    Secret text;
    PreHash password;
    std::string service;
    MonotonicTime expires;
    SignedIn signed_in;
    Timer timer;
};

struct SessionStore::Entry {
    Session session;
    pid_t leader_pid = 0; ///< 0: none is watched
    std::string leader_started;
    UniqueFd leader;
    IoWatch leader_watch;
    Timer expiry;
};

/// Field 22 of /proc/PID/stat (proc(5)): tells a process from a later one of the same id. Empty
/// when it is gone.
std::string process_start(pid_t pid);

/// The person has left, processes have stayed (logind's state "closing"): such a session neither
/// uses nor makes an entry. False where there is no logind.
bool is_closing(const std::string& logind_session);

/// logind knows the session no more. False where there is no logind.
bool is_forgotten(const std::string& logind_session);

} // namespace raxauth::sessions
