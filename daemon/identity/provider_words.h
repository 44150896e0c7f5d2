// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace raxauth::identity {

/// The names of one provider, as prompts, messages and the journal show them.
struct ProviderWords {
    std::string name;               ///< before "password", "passcode", "account"
    std::string service;            ///< who cannot be reached, who refuses
    std::string administrator;      ///< whom to ask
    std::string mfa_elsewhere;      ///< where MFA is set up without this host: "in the ... panel"
    std::string password_elsewhere; ///< where a password is changed without this host
};

} // namespace raxauth::identity
