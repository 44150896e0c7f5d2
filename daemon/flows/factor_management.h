// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/conversation/verdict.h"
#include "daemon/flows/services.h"
#include "daemon/flows/sign_in.h"
#include "daemon/loop/task.h"

#include <memory>

namespace raxauth::flows {

/// Managing the second factor from a terminal: `raxauth mfa`, `devices`, `bypass-codes`.
/// `context.verb` says what to do, see org.raxauth.Auth1(5); the result is JSON. The person acts
/// with the token of their own session, and signs in first where it has none.
Task<conversation::Verdict> manage_factors(conversation::Person& person, caller::Context context,
                                           Services services, std::shared_ptr<SignInTrace> trace);

} // namespace raxauth::flows
