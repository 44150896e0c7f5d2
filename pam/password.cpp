// SPDX-License-Identifier: Apache-2.0
#include "pam/bus_client.h"
#include "pam/codes.h"
#include "pam/dialogue.h"
#include "pam/hooks.h"
#include "pam/stack_password.h"
#include "pam/subject.h"

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <unistd.h>

namespace raxauth::pam {
namespace {

/// First phase: nothing changes yet, in any module. Only: could we, and is it ours? The daemon
/// knows of exemptions that the module does not. A yes here would jump over the next module's first
/// phase, which is where it asks for the present password.
Verdict check_daemon(const Invocation& call, const Subject& subject) {
    BusClient service(call.bus_address, call.options.timeout);
    auto result = service.check_account(collect_context(call.pamh, subject));
    if (auto* failure = std::get_if<CallFailure>(&result)) {
        return {failure->outcome, std::move(failure->reason), {}};
    }
    if (outcome_of(std::get<AccountReply>(result).state) == Outcome::NotOurs) {
        return {Outcome::NotOurs, "exempt", {}};
    }
    return {Outcome::Granted, "ready", {}};
}

Verdict change(const Invocation& call, const Subject& subject) {
    Conversation conversation(conversation_of(call.pamh), (call.flags & PAM_SILENT) != 0);
    SharedPassword old_password(call.pamh, PAM_OLDAUTHTOK, call.options);
    Context context = collect_context(call.pamh, subject);
    context.interactive = conversation.is_interactive();
    BusClient service(call.bus_address, call.options.timeout);
    return run_dialogue(DialogueKind::PasswordChange, context, service, conversation, old_password);
}

/// Users whose password is not at the provider: the next module changes it.
bool is_of_others(Ownership ownership) {
    return ownership == Ownership::NotOurs || ownership == Ownership::Unknown ||
           ownership == Ownership::Refused;
}

/// pam-auth-update writes use_authtok behind every module but the first of the password stack:
/// the first module asks for the new password, also for users that it does not manage. Otherwise
/// nobody could change a local password any more.
int leave_to_next_module(const Invocation& call) {
    if ((call.flags & PAM_UPDATE_AUTHTOK) != 0) {
        const char* new_password = nullptr; // libpam's, asked for twice unless it has one
        const int code = pam_get_authtok(call.pamh, PAM_AUTHTOK, &new_password, nullptr);
        if (code != PAM_SUCCESS) {
            return code;
        }
    }
    return password_code(Outcome::NotOurs);
}

} // namespace

int change_password(const Invocation& call) {
    // An expired Rackspace password is changed while signing in. A demand for a change here means
    // another module's password.
    if ((call.flags & PAM_CHANGE_EXPIRED_AUTHTOK) != 0) {
        return leave_to_next_module(call);
    }
    int code = PAM_SYSTEM_ERR;
    const auto subject = identify_subject(call, code);
    if (!subject) {
        return code;
    }
    // chpasswd, adduser, cloud-init, "passwd alice" by root: they set a local password, which gets
    // nobody in past raxauth. A Rackspace password only its owner can change.
    if (::getuid() == 0) {
        call.log.debug("root sets a local password");
        return leave_to_next_module(call);
    }
    if (is_of_others(subject->ownership)) {
        call.log.debug("not ours: %s", subject->why.c_str());
        return leave_to_next_module(call);
    }
    Verdict verdict;
    if (subject->ownership == Ownership::LookupFailed) {
        verdict = {Outcome::Denied, subject->why, {}};
    } else if ((call.flags & PAM_PRELIM_CHECK) != 0) {
        verdict = check_daemon(call, *subject);
    } else {
        verdict = change(call, *subject);
    }
    log_verdict(call, "password change", *subject, verdict);
    if (verdict.outcome == Outcome::NotOurs) {
        return leave_to_next_module(call);
    }
    return password_code(verdict.outcome);
}

} // namespace raxauth::pam
