// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace raxauth::identity {

/// The names of one provider that people and the journal are shown: all that a text about it needs.
struct ProviderWords {
    std::string name;          ///< "Rackspace": before "password", "passcode", "account"
    std::string service;       ///< "Rackspace Identity": who cannot be reached, who refuses
    std::string administrator; ///< "your Rackspace account administrator": whom to ask
    /// Where MFA is set up without this host: "in the Rackspace Cloud Control Panel".
    std::string mfa_elsewhere;
    /// Where a password is changed without this host.
    std::string password_elsewhere;
};

} // namespace raxauth::identity
