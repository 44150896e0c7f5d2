// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/verdict.h"
#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/flows/services.h"
#include "daemon/loop/task.h"

#include <string>
#include <vector>

namespace raxauth::flows {

/// The answer of PAM's account phase. `granted` here means that no rule speaks against the login;
/// it opens nothing by itself, since authentication is another hook's business.
struct AccountVerdict {
    State state = State::Denied;
    Reason reason = Reason::InternalFault;
    std::vector<conversation::Message> messages;
    std::string why;
};

/// Applies the local rules, what the session's sign-in says (also when sudo's own ticket skipped
/// authenticate), and without_sign_in for logins that raxauth did not authenticate. Asks the
/// provider nothing.
Task<AccountVerdict> check_account(const caller::Context& context, Services services);

} // namespace raxauth::flows
