// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pam/hooks.h"
#include "pam/outcome.h"
#include "pam/ownership.h"

#include <optional>
#include <string>

namespace raxauth::pam {

/// Whom a PAM transaction is about.
struct Subject {
    std::string user;
    Ownership ownership = Ownership::LookupFailed;
    std::optional<uid_t> account_uid; // see OwnershipDecision
    std::string why;                  // for the log
};

/// The user as PAM has it now, and whether that is one of ours; the application asks for the name
/// if it has none yet. Nothing if there is no name: `code` says why, as a PAM code that is no
/// success.
std::optional<Subject> identify_subject(const Invocation& call, int& code);

/// What the module can say by itself, with no daemon: nothing for a user that the daemon judges.
std::optional<Verdict> verdict_without_daemon(const Subject& subject);

/// PAM_USER as it is now; empty if there is none.
std::string current_user(const pam_handle_t* pamh);

/// One line for each verdict that is not a success, so that an administrator sees why.
void log_verdict(const Invocation& call, const char* what, const Subject& subject,
                 const Verdict& verdict);

/// The name as the log may show it: of one that NSS does not know, or that is refused, the length
/// alone.
std::string shown_name(const Subject& subject);

} // namespace raxauth::pam
