// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/factor_management.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/provider_words.h"
#include "daemon/settings/settings.h"

#include <memory>
#include <string>

namespace raxauth {

/// One generation of settings with the client of the identity provider it names. A conversation
/// keeps the one it began with, whatever is reloaded meanwhile. All generations of one process name
/// the same provider and address, so a token may go to any of their clients.
struct Configuration {
    settings::Settings settings;
    std::shared_ptr<identity::Identity> identity;
    identity::FactorManagement* factors =
        nullptr; ///< the same object; null: there is no such thing
    identity::ProviderWords words;
};

/// The configuration that is used now; null while the one on disk is unusable (see `trouble`).
struct ConfigurationInForce {
    std::shared_ptr<const Configuration> configuration;
    std::string trouble; ///< what is wrong on disk, one fault a line; empty: nothing
};

} // namespace raxauth
