// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pam/hooks.h"
#include "pam/outcome.h"
#include "pam/ownership.h"

#include <optional>
#include <string>

namespace raxauth::pam {

/// The user that a PAM transaction is about.
struct Subject {
    std::string user;     // as PAM has it
    std::string nss_name; // as NSS writes it; empty: not a user of ours
    Ownership ownership = Ownership::LookupFailed;
    std::optional<uid_t> account_uid; // see OwnershipDecision
    std::string why;                  // for the log
};

/// The user as PAM has it now, and whether raxauth manages that user. If PAM has no name yet, the
/// application asks for it. Nothing if there is no name: `code` says why, as a PAM code that is no
/// success.
std::optional<Subject> identify_subject(const Invocation& call, int& code);

/// The module's own verdict, without the daemon; nothing for a user that the daemon decides about.
std::optional<Verdict> verdict_without_daemon(const Subject& subject);

/// PAM_USER as it is now; empty if there is none.
std::string current_user(const pam_handle_t* pamh);

/// One line for each verdict that is not a success, so that an administrator sees why.
void log_verdict(const Invocation& call, const char* what, const Subject& subject,
                 const Verdict& verdict);

/// The name as the log may show it. Of a name that NSS does not know, or that is refused, only the
/// length.
std::string shown_name(const Subject& subject);

} // namespace raxauth::pam
