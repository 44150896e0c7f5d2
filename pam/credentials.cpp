// SPDX-License-Identifier: Apache-2.0
#include "pam/hooks.h"
#include "pam/subject.h"
#include "pam/ticket_variable.h"
#include "pam/transaction.h"

#include <security/pam_modules.h>

namespace raxauth::pam {
namespace {

/// The ticket leaves the PAM environment as soon as nobody needs it there. Where one process does
/// everything, open_session finds it in the handle. sshd establishes credentials in its monitor,
/// without the handle's data and *before* it opens the session, and once more in the person's own
/// process, where a ticket nobody took must not go on to the shell.
void withdraw_ticket_if_done(const Invocation& call, const Transaction* transaction) {
    const bool session_may_need_it = (call.flags & PAM_ESTABLISH_CRED) != 0 &&
                                     (transaction == nullptr || transaction->ticket.empty());
    if (!session_may_need_it) {
        withdraw_ticket(call.pamh);
    }
}

} // namespace

int set_credentials(const Invocation& call) {
    const Transaction* const transaction = find_transaction(call.pamh);
    withdraw_ticket_if_done(call, transaction);
    // Also after sudo changed PAM_USER to its target.
    if (transaction != nullptr && !transaction->signed_in_user.empty()) {
        return PAM_SUCCESS;
    }
    int code = PAM_SYSTEM_ERR;
    const auto subject = identify_subject(call, code);
    if (!subject) {
        return code;
    }
    switch (subject->ownership) {
    case Ownership::Ours:
        // sshd's monitor knows nothing of the sign-in, and a lone PAM_IGNORE reads as a refusal.
        return PAM_SUCCESS;
    case Ownership::Unknown:
    case Ownership::NotOurs:
    case Ownership::Refused:
        return PAM_IGNORE;
    case Ownership::LookupFailed:
        break;
    }
    return PAM_CRED_UNAVAIL;
}

} // namespace raxauth::pam
