// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <security/pam_modules.h>

namespace raxauth::pam {

/// RAXAUTH_TICKET in the PAM environment: all that sshd brings from the child that authenticates to
/// the process that opens the session. It must never reach the person's shell, so the code that
/// takes it also removes it.
bool publish_ticket(pam_handle_t* pamh, const Secret& ticket);
/// Empty if there is none. People may write into the PAM environment (pam_env): a value that
/// cannot be a ticket is ignored.
Secret published_ticket(pam_handle_t* pamh);
void withdraw_ticket(pam_handle_t* pamh) noexcept;

} // namespace raxauth::pam
