// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/conversation/verdict.h"
#include "daemon/flows/services.h"
#include "daemon/flows/sign_in.h"
#include "daemon/flows/subject.h"
#include "daemon/loop/task.h"

#include <memory>
#include <optional>

namespace raxauth::flows {

/// Sets up a second factor in the middle of a sign-in whose password the provider has just
/// accepted. `typed` is all that was typed for it, as a client that knows one answer only would
/// repeat it. Nothing: it is on, and the sign-in goes on with both factors. A verdict: it is not.
/// All references outlive the Task. A conversation that is cancelled leaves nothing behind; if the
/// connection is lost, the set-up can be resumed for 15 minutes (PendingEnrolments).
Task<std::optional<conversation::Verdict>>
enrol_at_sign_in(conversation::Person& person, const caller::Context& context, Services& services,
                 const Subject& subject, const Secret& password, const Secret& typed);

/// `raxauth enrol`: one more second factor for the person of this session, who signs in first where
/// the session has no sign-in.
Task<conversation::Verdict> enrol(conversation::Person& person, caller::Context context,
                                  Services services, std::shared_ptr<SignInTrace> trace);

} // namespace raxauth::flows
