// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/conversation/verdict.h"
#include "daemon/flows/services.h"
#include "daemon/flows/sign_in.h"
#include "daemon/flows/subject.h"
#include "daemon/identity/factor_management.h"
#include "daemon/limits/limiter.h"
#include "daemon/loop/task.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace raxauth::flows {

/// What looks after the second factor from a terminal: `raxauth mfa`, `devices`, `bypass-codes`.
/// `context.verb` says what, see org.raxauth.Auth1(5); the result is JSON. The person acts with the
/// token of their own session, and signs in first where it has none.
Task<conversation::Verdict> manage_factors(conversation::Person& person, caller::Context context,
                                           Services services, std::shared_ptr<SignInTrace> trace);

/// With what right a person acts: their session's token.
struct SessionAccess {
    std::optional<conversation::Verdict> refusal;
    Subject subject;
    Secret token; ///< a copy, for the time of the conversation
    std::string user_id;
    sessions::SessionKey key;
    std::uint64_t generation = 0;
};
/// The session's entry, or a sign-in that makes one. All references outlive the Task.
Task<SessionAccess> open_session_access(conversation::Person& person,
                                        const caller::Context& context, Services& services,
                                        std::shared_ptr<SignInTrace> trace);

/// What Identity's no means and what to do about it. `what` is what was asked for, for the journal.
conversation::Verdict refused_by_identity(const identity::FactorRefusal& refusal,
                                          std::string_view what);
/// A limit of this host's own; `rule` names it, for the journal.
conversation::Verdict throttled(const limits::LimitRefusal& refusal, WallTime now,
                                std::string_view rule);
/// A step without a question: whoever called waits for one reply no longer than its time-out, and
/// several requests in a row may take longer than that. From the next step on it is a new call.
Task<void> gain_time(conversation::Person& person);
/// Without blanks at either end.
Secret trimmed(const Secret& answer);

/// What an authenticator that was set up here is called at Identity.
inline constexpr const char* kDeviceName = "raxauth";
inline constexpr const char* kSetUpElsewhere =
    "Rackspace demands multi-factor authentication for this account and it is not set up yet. "
    "Sign in to the Cloud Control Panel, open Account > My Profile & Settings, add a device there, "
    "then try again.";

} // namespace raxauth::flows
