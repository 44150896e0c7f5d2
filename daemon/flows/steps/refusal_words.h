// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/conversation/verdict.h"
#include "daemon/identity/factor_management.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/provider_words.h"
#include "daemon/limits/limiter.h"
#include "daemon/loop/clock.h"

#include <string>
#include <string_view>

/// What a refusal means, to the person and in the journal.
namespace raxauth::flows {

/// For an answer of the provider to a sign-in that is no token. (A token here is a fault of the
/// caller, and is refused too.)
conversation::Verdict refusal_of(const identity::Answer& answer,
                                 const identity::ProviderWords& words);

/// A refused management call. `request` is what was asked for, for the journal.
conversation::Verdict refusal_of(const identity::FactorRefusal& refusal, std::string_view request,
                                 const identity::ProviderWords& words);

/// A limit of this host's own; `rule` names it, for the journal.
conversation::Verdict throttled(const limits::LimitRefusal& refusal, WallTime now,
                                std::string_view rule);
/// A wrong passcode that used up what this host lets through.
conversation::Verdict last_wrong_passcode(const limits::LimitRefusal& refusal, WallTime now);

/// The provider does not offer this: `what` is a clause, "There are no bypass codes".
conversation::Verdict not_offered(std::string_view what, const identity::ProviderWords& words);

/// For an account that must have MFA where it cannot be set up here.
std::string set_up_elsewhere(const identity::ProviderWords& words);

} // namespace raxauth::flows
