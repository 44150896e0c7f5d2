// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/factor_management.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/owned_token.h"
#include "daemon/identity/provider_words.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/loop.h"
#include "daemon/settings/settings.h"

#include <memory>
#include <string>

namespace raxauth::identity {

/// A client of the provider that the settings name, with all it needs.
struct Provider {
    std::shared_ptr<Identity> identity;
    FactorManagement* factors = nullptr; ///< the same object; null: the provider has no such thing
    ProviderWords words;
};

/// The only place that knows every provider. `loop`, `revoker` and `clock` outlive the client;
/// `revoker` sees to the tokens it gives out. Errors: std::runtime_error when libcurl refuses.
Provider make_provider(Loop& loop, const settings::IdentitySettings& settings,
                       TokenRevoker& revoker, const Clock& clock);

/// Names the source of tokens by these settings. A token of one issuer must never reach another.
std::string issuer_of(const settings::IdentitySettings& settings);

} // namespace raxauth::identity
