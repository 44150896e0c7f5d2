// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/conversation/verdict.h"
#include "daemon/flows/services.h"
#include "daemon/loop/task.h"

#include <functional>
#include <memory>
#include <string>

namespace raxauth::flows {

/// What the journal wants to know of a sign-in besides its verdict. Filled as the flow learns it.
struct SignInTrace {
    std::string account; ///< user name at the identity provider
    std::string reuse;   ///< why this session's earlier sign-in counted, or did not
    std::string stage;   ///< what had been proven when the person left, if anything
    /// Told of each passcode that Identity refused, the how-manieth of the conversation it was.
    std::function<void(const std::string& account, unsigned number)> wrong_passcode;
};

/// The whole of a sign-in: local account, rules, password, challenge, passcode, verdict. Does no IO
/// of its own. `context` (with the password in it) lives in the returned coroutine.
Task<conversation::Verdict> sign_in(conversation::Person& person, caller::Context context,
                                    Services services, std::shared_ptr<SignInTrace> trace);

} // namespace raxauth::flows
