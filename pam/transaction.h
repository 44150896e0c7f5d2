// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <security/pam_modules.h>
#include <string>
#include <sys/types.h>

namespace raxauth::pam {

/// What one hook leaves for the later ones of the same PAM transaction, as pam data of the handle.
/// sshd loses it between its authenticating child and the process that opens the session.
struct Transaction {
    std::string signed_in_user;   // empty: nobody signed in here
    bool is_fresh = false;        // no account check has asked about that sign-in yet
    Secret ticket;                // until open_session has redeemed it
    bool credentials_set = false; // setcred saw the ticket in the PAM environment before
    std::string session_handle;   // empty: no session opened
    pid_t opener = 0;             // who opened it; a forked copy of the handle closes nothing
};

/// The handle's transaction, made with the first call and gone with the handle.
/// Throws std::bad_alloc when libpam will not keep it.
Transaction& transaction_of(pam_handle_t* pamh);

/// The same, but nullptr where no hook has left anything.
Transaction* find_transaction(const pam_handle_t* pamh) noexcept;

} // namespace raxauth::pam
