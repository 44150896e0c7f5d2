// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/loop/clock.h"
#include "daemon/sessions/session_store.h"
#include "daemon/settings/settings.h"

#include <cstdint>
#include <optional>
#include <string>

namespace raxauth::flows {

/// Which prompts a session's earlier sign-in saves at a later PAM call, and why no more.
struct ReuseDecision {
    settings::Reuse mode = settings::Reuse::None;
    std::string why; ///< one clause for journal and `raxauth status`: "services.sudo.reuse = none"
    sessions::SessionKey key;
    std::uint64_t generation = 0;
    WallTime signed_in_at{};
    bool recheck = false; ///< ask Identity first whether the token is still valid
};

/// The sign-in of this login session, if it counts for `account` (who the person is at Identity by
/// the configuration as it is now); else null. Another account's token is not this person's.
const sessions::Session* standing_sign_in(const sessions::SessionKey& key,
                                          const identity::Account& account,
                                          sessions::SessionStore& sessions);

/// Local rules alone: same session, same account, same real uid, the service's rule, age, access
/// rules. `account` as for standing_sign_in(). See raxauth.toml(5), [services.NAME].
ReuseDecision decide_reuse(const caller::Context& context, uid_t account_uid,
                           const identity::Account& account, const settings::ServicePolicy& policy,
                           const settings::SessionSettings& settings,
                           sessions::SessionStore& sessions, const Clock& clock);

/// What was decided before the person typed, or the provider answered, may hold no more: reuse_for
/// is over, or the session's sign-in is another one. Nothing: it holds.
std::optional<std::string> lost_since(const ReuseDecision& before, const ReuseDecision& now);

} // namespace raxauth::flows
