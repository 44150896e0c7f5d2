// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/identity.h"
#include "daemon/settings/settings.h"

#include <optional>
#include <string_view>

namespace raxauth::policy {

/// Which Rackspace user stands behind a local one: [accounts.map], else the template. Nothing when
/// what comes out is no valid account name.
std::optional<identity::Account> account_for(const settings::AccountSettings& settings,
                                             std::string_view local_user);

} // namespace raxauth::policy
