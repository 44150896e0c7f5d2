// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/conversation/verdict.h"
#include "daemon/flows/services.h"
#include "daemon/identity/identity.h"
#include "daemon/limits/origin.h"
#include "daemon/loop/task.h"
#include "daemon/policy/local_accounts.h"

#include <optional>
#include <string>

namespace raxauth::flows {

/// The user that a procedure is about: the local account, and the account at the provider that it
/// maps to.
struct Subject {
    std::string user; ///< local name as NSS writes it; empty: NSS knows none
    uid_t uid = contract::kUnsetId;
    identity::Account account;
    limits::Origin origin;
    std::string service; ///< the PAM service, for limits that hold for one service alone
    /// The verdict that ends every procedure at once: this account is not judged here (exempt), or
    /// not now (NSS failed).
    std::optional<conversation::Verdict> early;
    /// The verdict, decided already. A sign-in still asks for the password, so that the prompts do
    /// not show who may sign in and who exists at all.
    std::optional<conversation::Verdict> refusal;
};

struct LookUp {
    std::optional<policy::LocalAccount> account; ///< nothing: NSS knows no such user
    bool failed = false; ///< not "no such user": nobody is exempt, or unknown, by accident
};

/// What NSS says of the user of `context`: asked here, unless the caller has just done so and
/// no groups are wanted. See docs/decisions/0019. `context` and `services` outlive the Task.
Task<LookUp> find_local_account(const caller::Context& context, const Services& services);

/// Looks the user of `context` up and applies the local rules: exemptions, account map, binding.
/// `context` and `services` outlive the Task.
Task<Subject> find_subject(const caller::Context& context, Services& services);

/// Is the caller the person of this login session, and not somebody who became them in another's?
bool is_own_session(const caller::Context& context);

/// The same person and place, without the secrets: for a procedure within another.
caller::Context context_of_same(const caller::Context& context);

} // namespace raxauth::flows
