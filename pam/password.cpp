// SPDX-License-Identifier: Apache-2.0
#include "pam/bus_client.h"
#include "pam/codes.h"
#include "pam/dialogue.h"
#include "pam/hooks.h"
#include "pam/stack_password.h"
#include "pam/subject.h"

#include <security/pam_modules.h>

namespace raxauth::pam {
namespace {

/// First phase: nothing changes yet, in any module. Only: could we?
Verdict check_daemon(const Invocation& call) {
    BusClient service(call.bus_address, call.options.timeout);
    if (auto failure = service.start_daemon()) {
        return {failure->outcome, std::move(failure->reason), {}};
    }
    return {Outcome::Granted, "ready", {}};
}

Verdict change(const Invocation& call, const Subject& subject) {
    Conversation conversation(conversation_of(call.pamh), (call.flags & PAM_SILENT) != 0);
    SharedPassword old_password(call.pamh, PAM_OLDAUTHTOK, call.options);
    Context context = collect_context(call.pamh, subject.user);
    context.interactive = conversation.is_interactive();
    BusClient service(call.bus_address, call.options.timeout);
    return run_dialogue(DialogueKind::PasswordChange, context, service, conversation, old_password);
}

/// Whose password lies elsewhere; the next module changes it.
bool is_of_others(Ownership ownership) {
    return ownership == Ownership::NotOurs || ownership == Ownership::Unknown ||
           ownership == Ownership::Refused;
}

} // namespace

int change_password(const Invocation& call) {
    // An expired Rackspace password is seen, and changed, while signing in. Whoever demands this
    // here means another module's password.
    if ((call.flags & PAM_CHANGE_EXPIRED_AUTHTOK) != 0) {
        return PAM_IGNORE;
    }
    int code = PAM_SYSTEM_ERR;
    const auto subject = identify_subject(call, code);
    if (!subject) {
        return code;
    }
    if (is_of_others(subject->ownership)) {
        call.log.debug("not ours: %s", subject->why.c_str());
        return password_code(Outcome::NotOurs);
    }
    Verdict verdict;
    if (subject->ownership == Ownership::LookupFailed) {
        verdict = {Outcome::Denied, subject->why, {}};
    } else if ((call.flags & PAM_PRELIM_CHECK) != 0) {
        verdict = check_daemon(call);
    } else {
        verdict = change(call, *subject);
    }
    log_verdict(call, "password change", subject->user, verdict);
    return password_code(verdict.outcome);
}

} // namespace raxauth::pam
