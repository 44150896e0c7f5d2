// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/rooms.h"

#include "daemon/flows/reuse.h"
#include "daemon/policy/account_map.h"

namespace raxauth::bus {

flows::Services services_of(const Rooms& rooms, const Configuration& configuration) {
    return flows::Services{
        configuration.settings,
        *configuration.identity,
        rooms.limiter,
        rooms.local_accounts,
        rooms.sessions,
        rooms.clock,
        [&loop = rooms.loop](std::chrono::microseconds time) { return loop.sleep(time); },
        configuration.factors,
        rooms.enrolments,
        configuration.words,
    };
}

const sessions::Session* standing_sign_in(const Rooms& rooms, const caller::Context& person,
                                          const Configuration& configuration) {
    const auto account = policy::account_for(configuration.settings.accounts, person.user);
    return account ? flows::standing_sign_in(sessions::SessionKey::of(person.session, person.user),
                                             *account, rooms.sessions)
                   : nullptr;
}

} // namespace raxauth::bus
