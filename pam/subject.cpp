// SPDX-License-Identifier: Apache-2.0
#include "pam/subject.h"

#include "common/text.h"
#include "common/user_name.h"

#include <security/pam_modules.h>
#include <syslog.h>

namespace raxauth::pam {
namespace {

struct Description {
    Outcome outcome;
    int priority;
    const char* text;
};

constexpr Description kDescriptions[] = {
    {Outcome::Denied, LOG_NOTICE, "denied"},
    {Outcome::MaxTries, LOG_NOTICE, "denied, no more tries"},
    {Outcome::Unavailable, LOG_ERR, "not possible now"},
    {Outcome::NotOurs, LOG_INFO, "not ours"},
    {Outcome::Expired, LOG_NOTICE, "expired"},
    {Outcome::Cancelled, LOG_INFO, "cancelled"},
    {Outcome::Fault, LOG_CRIT, "failed"},
};

} // namespace

std::string current_user(const pam_handle_t* pamh) {
    const void* user = nullptr;
    if (pam_get_item(pamh, PAM_USER, &user) != PAM_SUCCESS || user == nullptr) {
        return {};
    }
    return static_cast<const char*>(user);
}

std::optional<Subject> identify_subject(const Invocation& call, int& code) {
    const char* name = nullptr;
    code = pam_get_user(call.pamh, &name, /*prompt=*/nullptr);
    if (code != PAM_SUCCESS || name == nullptr) {
        call.log.debug("no user name: %s", pam_strerror(call.pamh, code));
        const bool is_cancel = code == PAM_CONV_ERR || code == PAM_CONV_AGAIN;
        code = is_cancel ? PAM_CONV_ERR : PAM_SYSTEM_ERR;
        return std::nullopt;
    }
    Subject subject;
    subject.user = name;
    OwnershipDecision decision = decide_ownership(subject.user, call.options, SystemAccounts());
    subject.ownership = decision.ownership;
    subject.account_uid = decision.uid;
    subject.nss_name = std::move(decision.name);
    subject.why = std::move(decision.why);
    return subject;
}

std::optional<Verdict> verdict_without_daemon(const Subject& subject) {
    switch (subject.ownership) {
    case Ownership::Ours:
    case Ownership::Unknown:
        return std::nullopt;
    case Ownership::NotOurs:
        return Verdict{Outcome::NotOurs, subject.why, {}};
    case Ownership::Refused:
    case Ownership::LookupFailed:
        break;
    }
    return Verdict{Outcome::Denied, subject.why, {}};
}

std::string shown_name(const Subject& subject) {
    // Somebody who mistakes the prompt types a password at "login:".
    if (subject.ownership == Ownership::Unknown || subject.ownership == Ownership::Refused) {
        return "an unknown name of " + std::to_string(subject.user.size()) + " bytes";
    }
    return '"' + sanitise(subject.user, kMaxUserNameBytes) + '"';
}

void log_verdict(const Invocation& call, const char* what, const Subject& subject,
                 const Verdict& verdict) {
    const std::string shown = shown_name(subject);
    for (const Description& description : kDescriptions) {
        if (description.outcome == verdict.outcome) {
            call.log.line(description.priority, "%s of %s: %s (%s)", what, shown.c_str(),
                          description.text, verdict.reason.c_str());
            return;
        }
    }
    call.log.debug("%s of %s: granted (%s)", what, shown.c_str(), verdict.reason.c_str());
}

} // namespace raxauth::pam
