// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/factor_management.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/provider_words.h"
#include "daemon/limits/limiter.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/task.h"
#include "daemon/policy/local_accounts.h"
#include "daemon/sessions/session_store.h"
#include "daemon/settings/settings.h"

#include <chrono>
#include <functional>

namespace raxauth::flows {

class PendingEnrolments;

/// What a flow works with. Everything that does IO is behind an interface, so that tests can put a
/// scripted world there. All of it outlives the flow; the settings are those that the conversation
/// began with.
struct Services {
    const settings::Settings& settings;
    identity::Identity& identity;
    limits::Limiter& limiter;
    policy::LocalAccounts& local_accounts;
    sessions::SessionStore& sessions;
    const Clock& clock;
    std::function<Task<void>(std::chrono::microseconds)> sleep;
    identity::FactorManagement* factors; ///< null where the identity provider has no such thing
    PendingEnrolments& enrolments;
    const identity::ProviderWords& words; ///< what people read of the provider
};

} // namespace raxauth::flows
