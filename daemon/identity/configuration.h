// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/factor_management.h"
#include "daemon/identity/http/http_transport.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/provider_words.h"
#include "daemon/settings/settings.h"

#include <functional>
#include <memory>
#include <string>

namespace raxauth {

/// One generation of settings with the Identity client made for it. A conversation keeps the one it
/// began with, whatever is reloaded meanwhile.
struct Configuration {
    settings::Settings settings;
    std::unique_ptr<identity::HttpTransport> transport; ///< used by `identity`, so it goes last
    std::unique_ptr<identity::Identity> identity;
    identity::ProviderWords words;                  ///< the names that people read of it
    const identity::TokenRevoker* issuer = nullptr; ///< of the tokens that `identity` gives out
    identity::FactorManagement* factors =
        nullptr; ///< the same object; null: the service has no such thing
};

/// What is in force now; null while the configuration on disk is unusable (see `trouble`).
struct ConfigurationInForce {
    std::shared_ptr<const Configuration> configuration;
    std::string trouble; ///< what is wrong on disk, one fault a line; empty: nothing
};

} // namespace raxauth
