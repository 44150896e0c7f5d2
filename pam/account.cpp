// SPDX-License-Identifier: Apache-2.0
#include "pam/bus_client.h"
#include "pam/codes.h"
#include "pam/expiry.h"
#include "pam/hooks.h"
#include "pam/last_rules.h"
#include "pam/subject.h"
#include "pam/transaction.h"

#include <chrono>
#include <ctime>
#include <security/pam_modules.h>
#include <syslog.h>
#include <utility>

namespace raxauth::pam {
namespace {

/// An outage must not stop what people's machines do by themselves: cron, at, user@.service, sudo
/// by its own ticket. Where the configuration last in force demands no sign-in of the service, a
/// daemon that cannot answer is no reason for a no.
Verdict without_daemon(const Invocation& call, const Context& context, const Subject& subject,
                       Verdict verdict) {
    if (verdict.outcome != Outcome::Unavailable || subject.ownership != Ownership::Ours) {
        return verdict;
    }
    LastRule rule = last_rule_of(context.service, call.state_directory);
    if (rule.demand != Demand::Nothing) {
        verdict.reason += "; " + rule.why;
        return verdict;
    }
    call.log.line(LOG_WARNING, "account check of %s: goes on without raxauthd (%s; %s)",
                  shown_name(subject).c_str(), verdict.reason.c_str(), rule.why.c_str());
    return {Outcome::Granted, std::move(rule.why), {}};
}

Verdict judge(const Invocation& call, const Subject& subject, bool has_just_signed_in) {
    BusClient service(call.bus_address, call.options.timeout);
    service.connect_early();
    Context context = collect_context(call.pamh, subject);
    context.signed_in = has_just_signed_in;
    Conversation conversation(conversation_of(call.pamh), (call.flags & PAM_SILENT) != 0);
    context.interactive = conversation.is_interactive();

    auto result = service.check_account(context);
    if (auto* failure = std::get_if<CallFailure>(&result)) {
        return without_daemon(call, context, subject,
                              {failure->outcome, std::move(failure->reason), {}});
    }
    auto& reply = std::get<AccountReply>(result);
    std::erase_if(reply.messages, [](const Message& message) {
        return contract::wants_answer(message.kind); // nobody is asked anything here
    });
    conversation.show_verdict(reply.messages);
    return without_daemon(call, context, subject,
                          {outcome_of(reply.state), std::move(reply.reason), {}});
}

/// pam_unix, which does not get to it, would say the same.
void tell_expired(const Invocation& call) {
    Conversation conversation(conversation_of(call.pamh), (call.flags & PAM_SILENT) != 0);
    conversation.show_verdict({{contract::MessageKind::Error, "Your account on this host has "
                                                              "expired. Ask the host's "
                                                              "administrator."}});
}

} // namespace

int check_account(const Invocation& call) {
    // A sign-in counts for the account check that follows it, and for no other: a program may go on
    // to use the handle for somebody whom another module lets in without our hook.
    Transaction* const transaction = find_transaction(call.pamh);
    const bool has_just_signed_in =
        transaction != nullptr && std::exchange(transaction->is_fresh, false);
    const std::string signed_in_user =
        transaction != nullptr ? transaction->signed_in_user : std::string();
    int code = PAM_SYSTEM_ERR;
    const auto subject = identify_subject(call, code);
    if (!subject) {
        return PAM_SYSTEM_ERR;
    }
    if (const auto verdict = verdict_without_daemon(*subject)) {
        if (verdict->outcome == Outcome::NotOurs) {
            call.log.debug("not ours: %s", verdict->reason.c_str());
        } else {
            log_verdict(call, "account check", *subject, *verdict);
        }
        return account_code(verdict->outcome, call.options.ignore_unknown_user);
    }
    if (subject->ownership == Ownership::Ours &&
        is_account_expired(subject->user,
                           std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()),
                           call.log)) {
        const Verdict expired{Outcome::Expired, "the account's expiry date in shadow is over", {}};
        log_verdict(call, "account check", *subject, expired);
        tell_expired(call);
        return account_code(expired.outcome, call.options.ignore_unknown_user);
    }
    const Verdict verdict =
        judge(call, *subject, has_just_signed_in && signed_in_user == subject->user);
    log_verdict(call, "account check", *subject, verdict);
    return account_code(verdict.outcome, call.options.ignore_unknown_user);
}

} // namespace raxauth::pam
