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

Verdict judge(const Invocation& call, const Subject& subject) {
    BusClient service(call.bus_address, call.options.timeout);
    service.connect_early();
    Context context = collect_context(call.pamh, subject);
    const Transaction* const transaction = find_transaction(call.pamh);
    context.signed_in = transaction != nullptr && transaction->signed_in_user == subject.user;
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
    std::vector<Secret> none;
    static_cast<void>(conversation.exchange(reply.messages, none)); // the verdict stands unshown
    return without_daemon(call, context, subject,
                          {outcome_of(reply.state), std::move(reply.reason), {}});
}

/// pam_unix, which does not get to it, would say the same.
void tell_expired(const Invocation& call) {
    Conversation conversation(conversation_of(call.pamh), (call.flags & PAM_SILENT) != 0);
    std::vector<Secret> none;
    static_cast<void>(conversation.exchange(
        {{contract::MessageKind::Error,
          "Your account on this host has expired. Ask the host's administrator."}},
        none));
}

} // namespace

int check_account(const Invocation& call) {
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
    const Verdict verdict = judge(call, *subject);
    log_verdict(call, "account check", *subject, verdict);
    return account_code(verdict.outcome, call.options.ignore_unknown_user);
}

} // namespace raxauth::pam
