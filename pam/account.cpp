// SPDX-License-Identifier: Apache-2.0
#include "pam/bus_client.h"
#include "pam/codes.h"
#include "pam/hooks.h"
#include "pam/subject.h"
#include "pam/transaction.h"

#include <security/pam_modules.h>

namespace raxauth::pam {
namespace {

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
        return {failure->outcome, std::move(failure->reason), {}};
    }
    auto& reply = std::get<AccountReply>(result);
    std::erase_if(reply.messages, [](const Message& message) {
        return contract::wants_answer(message.kind); // nobody is asked anything here
    });
    std::vector<Secret> none;
    static_cast<void>(conversation.exchange(reply.messages, none)); // the verdict stands unshown
    return {outcome_of(reply.state), std::move(reply.reason), {}};
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
            log_verdict(call, "account check", subject->user, *verdict);
        }
        return account_code(verdict->outcome, call.options.ignore_unknown_user);
    }
    const Verdict verdict = judge(call, *subject);
    log_verdict(call, "account check", subject->user, verdict);
    return account_code(verdict.outcome, call.options.ignore_unknown_user);
}

} // namespace raxauth::pam
