// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/conversation/registry.h"
#include "daemon/flows/pending_enrolments.h"
#include "daemon/flows/services.h"
#include "daemon/identity/configuration.h"
#include "daemon/identity/revocation.h"
#include "daemon/journal/history.h"
#include "daemon/loop/loop.h"

#include <functional>

namespace raxauth::bus {

/// The parts of the daemon that calls on the bus work with. All outlive the service.
struct Rooms {
    Loop& loop;
    const Clock& clock;
    limits::Limiter& limiter;
    policy::LocalAccounts& local_accounts;
    sessions::SessionStore& sessions;
    conversation::Registry& registry;
    journal::History& history;
    const identity::Revocations& revocations;
    flows::PendingEnrolments& enrolments;
    std::function<ConfigurationInForce()> configuration;
    std::function<void()> reload;
};

/// What a flow works with.
flows::Services services_of(const Rooms& rooms, const Configuration& configuration);

/// The entry that stands for the session of a person who calls, whose name is as NSS spells it;
/// null: they have not signed in there.
const sessions::Session* standing_sign_in(const Rooms& rooms, const caller::Context& person,
                                          const Configuration& configuration);

} // namespace raxauth::bus
