// SPDX-License-Identifier: Apache-2.0
#include "pam/hooks.h"
#include "pam/subject.h"
#include "pam/ticket.h"
#include "pam/transaction.h"

#include <security/pam_modules.h>
#include <utility>

namespace raxauth::pam {
namespace {

/// The ticket leaves the PAM environment as soon as nobody needs it there. Where one process does
/// everything, open_session finds it in the handle. sshd calls this hook twice, both times with
/// PAM_ESTABLISH_CRED and without the data of the child that authenticated: in its monitor before
/// it opens the session, and in the person's own process, where a ticket that nobody took (no
/// session line of ours) must not go on to the shell.
void withdraw_ticket_if_done(const Invocation& call) {
    if (published_ticket(call.pamh).empty()) {
        return;
    }
    Transaction& transaction = transaction_of(call.pamh);
    const bool is_first = !std::exchange(transaction.credentials_set, true);
    const bool session_may_need_it =
        is_first && transaction.ticket.empty() && (call.flags & PAM_ESTABLISH_CRED) != 0;
    if (!session_may_need_it) {
        withdraw_ticket(call.pamh);
    }
}

} // namespace

int set_credentials(const Invocation& call) {
    withdraw_ticket_if_done(call);
    const Transaction* const transaction = find_transaction(call.pamh);
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
