// SPDX-License-Identifier: Apache-2.0
#include "pam/bus_client.h"
#include "pam/codes.h"
#include "pam/dialogue.h"
#include "pam/hooks.h"
#include "pam/stack_password.h"
#include "pam/subject.h"
#include "pam/ticket.h"
#include "pam/transaction.h"

#include <security/pam_modules.h>
#include <syslog.h>

namespace raxauth::pam {
namespace {

/// Leaves the ticket where open_session finds it: in the handle, and, for sshd, which runs that in
/// another process, in the PAM environment.
void keep_ticket(const Invocation& call, Transaction& transaction, Secret ticket) {
    if (ticket.empty()) {
        return;
    }
    if (!publish_ticket(call.pamh, ticket)) {
        call.log.line(LOG_WARNING, "cannot keep the session ticket in the PAM environment");
    }
    transaction.ticket = std::move(ticket);
}

Verdict sign_in(const Invocation& call, const Subject& subject) {
    const pam_conv* conv = conversation_of(call.pamh);
    Conversation conversation(conv, (call.flags & PAM_SILENT) != 0);
    SharedPassword password(call.pamh, PAM_AUTHTOK, call.options);
    BusClient service(call.bus_address, call.options.timeout);
    service.connect_early();
    Context context = collect_context(call.pamh, subject);
    context.interactive = conversation.is_interactive();
    context.no_reuse = call.options.no_reuse;
    Verdict verdict = run_dialogue(DialogueKind::SignIn, context, service, conversation, password);
    // A conversation function, or a module it led to, may have put somebody else in place.
    if (verdict.outcome == Outcome::Granted && current_user(call.pamh) != subject.user) {
        return {Outcome::Denied, "PAM_USER changed during the conversation", {}};
    }
    return verdict;
}

} // namespace

int authenticate(const Invocation& call) {
    // A handle may be used for another sign-in, by another user: nothing of the last one counts.
    if (Transaction* last = find_transaction(call.pamh)) {
        last->signed_in_user.clear();
        last->is_fresh = false;
        last->ticket.clear();
        last->credentials_set = false;
    }
    withdraw_ticket(call.pamh);
    int code = PAM_SYSTEM_ERR;
    const auto subject = identify_subject(call, code);
    if (!subject) {
        return code;
    }
    if (const auto verdict = verdict_without_daemon(*subject)) {
        if (verdict->outcome == Outcome::NotOurs) {
            // Every login of root would be a line otherwise.
            call.log.debug("not ours: %s", verdict->reason.c_str());
        } else {
            log_verdict(call, "sign-in", *subject, *verdict);
        }
        return authenticate_code(verdict->outcome, call.options.ignore_unknown_user);
    }

    Verdict verdict = sign_in(call, *subject);
    log_verdict(call, "sign-in", *subject, verdict);
    if (verdict.outcome == Outcome::Granted) {
        Transaction& transaction = transaction_of(call.pamh);
        transaction.signed_in_user = subject->user;
        transaction.is_fresh = true;
        keep_ticket(call, transaction, std::move(verdict.ticket));
    }
    return authenticate_code(verdict.outcome, call.options.ignore_unknown_user);
}

} // namespace raxauth::pam
