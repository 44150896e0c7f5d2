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
#include <variant>

namespace raxauth::flows {

/// For a sign-in that met an expired password: the new one, which the provider has accepted, or how
/// it ended without one. `typed` is all that was typed for the sign-in. All references outlive the
/// Task.
Task<std::variant<Secret, conversation::Verdict>>
change_expired_password(conversation::Person& person, const caller::Context& context,
                        Services& services, const Subject& subject, const Secret& present,
                        const Secret& typed);

/// passwd(1) and `raxauth password`: only the person changes their own password, and root does not.
/// Needs no token and no second factor: the provider asks for the present password alone.
Task<conversation::Verdict> change_password(conversation::Person& person, caller::Context context,
                                            Services services, std::shared_ptr<SignInTrace> trace);

} // namespace raxauth::flows
