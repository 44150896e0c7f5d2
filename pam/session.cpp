// SPDX-License-Identifier: Apache-2.0
#include "pam/bus_client.h"
#include "pam/hooks.h"
#include "pam/subject.h"
#include "pam/ticket.h"
#include "pam/transaction.h"

#include <security/pam_modules.h>
#include <syslog.h>
#include <unistd.h>

namespace raxauth::pam {
namespace {

/// The ticket of the sign-in this session comes from, taken out of wherever it lies.
Secret take_ticket(const Invocation& call, Transaction* transaction) {
    Secret ticket = published_ticket(call.pamh);
    withdraw_ticket(call.pamh);
    if (transaction != nullptr && !transaction->ticket.empty()) {
        ticket = std::move(transaction->ticket);
    }
    return ticket;
}

/// A ticket is good for the user who signed in; sudo opens its session for somebody else.
bool is_for(const Transaction* transaction, const std::string& user) {
    return transaction == nullptr || transaction->signed_in_user.empty() ||
           transaction->signed_in_user == user;
}

void put_environment(const Invocation& call, const SessionReply& session) {
    for (const auto& [name, value] : session.environment) {
        std::string assignment = name;
        assignment += '=';
        assignment += value;
        if (pam_putenv(call.pamh, assignment.c_str()) != PAM_SUCCESS) {
            call.log.line(LOG_WARNING, "cannot set %s", name.c_str());
        }
    }
}

} // namespace

int open_session(const Invocation& call) {
    Transaction* const transaction = find_transaction(call.pamh);
    Secret ticket = take_ticket(call, transaction);
    if (ticket.empty()) {
        return PAM_SUCCESS;
    }
    int code = PAM_SYSTEM_ERR;
    const auto subject = identify_subject(call, code);
    if (!subject) {
        return PAM_SESSION_ERR;
    }
    // A ticket that is not redeemed grants nothing, and its token is revoked.
    if (subject->ownership != Ownership::Ours || !is_for(transaction, subject->user)) {
        call.log.debug("session is not the one of the sign-in");
        return PAM_SUCCESS;
    }

    Context context = collect_context(call.pamh, *subject);
    context.ticket = std::move(ticket);
    BusClient service(call.bus_address, call.options.timeout);
    const auto result = service.open_session(context);
    if (const auto* failure = std::get_if<CallFailure>(&result)) {
        call.log.line(LOG_ERR, "session of %s not registered: %s", shown_name(*subject).c_str(),
                      failure->reason.c_str());
        return PAM_SESSION_ERR;
    }
    const auto& session = std::get<SessionReply>(result);
    Transaction& opened = transaction_of(call.pamh);
    opened.session_handle = session.handle;
    opened.opener = ::getpid();
    put_environment(call, session);
    return PAM_SUCCESS;
}

int close_session(const Invocation& call) {
    Transaction* const transaction = find_transaction(call.pamh);
    // Only the process that opened: su from root's shell opens and closes sessions within somebody
    // else's, and a forked copy of the handle speaks for nobody.
    if (transaction == nullptr || transaction->session_handle.empty() ||
        transaction->opener != ::getpid()) {
        return PAM_SUCCESS;
    }
    const std::string handle = std::exchange(transaction->session_handle, {});
    BusClient service(call.bus_address, call.options.timeout);
    if (const auto failure = service.close_session(handle)) {
        // The daemon sees the end of this process as well.
        call.log.line(LOG_WARNING, "session not closed at the daemon: %s", failure->reason.c_str());
        return PAM_SESSION_ERR;
    }
    return PAM_SUCCESS;
}

} // namespace raxauth::pam
