// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/identity/identity.h"
#include "daemon/loop/clock.h"

#include <string>

/// The words a person reads. What they must know stands in the prompt itself: sshd holds back
/// information messages until the next prompt. The first factor's prompt contains "password", the
/// second's "passcode", and both say who asks and for which service.
namespace raxauth::flows {

/// Never names the Rackspace account: a stranger could read the account map from it.
conversation::Message password_prompt(const caller::Context& context, bool single_prompt);

/// The first factor at a later PAM call of a session whose second factor counts.
conversation::Message session_password_prompt(const caller::Context& context, WallTime signed_in_at,
                                              WallTime now);

struct PasscodePrompt {
    identity::Factor factor = identity::Factor::Passcode;
    bool may_resend = false;
    std::string note; ///< what happened just before, a sentence; may be empty
};
conversation::Message passcode_prompt(const caller::Context& context, const PasscodePrompt& prompt);

/// "14:05", or with the date when that is another day. Local time of the host.
std::string time_of_day(WallTime when, WallTime now);

} // namespace raxauth::flows
