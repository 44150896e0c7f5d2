// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/identity.h"
#include "daemon/loop/clock.h"

#include <chrono>
#include <string>
#include <utility>

namespace raxauth::testing {

inline constexpr identity::ProvenFactors kPasswordAlone{true, false, false};
inline constexpr identity::ProvenFactors kBothFactors{true, false, true};
inline constexpr identity::ProvenFactors kApiKey{false, true, false};

/// What Identity says of a user who proved something.
struct Proof {
    std::string token = "token-1";
    std::string name = "alice.smith";
    identity::ProvenFactors proven = kBothFactors;
    std::string domain = "5821004";
    std::vector<identity::Role> roles{};
    std::string tenant_id{};
    std::chrono::seconds good_for{std::chrono::hours{24}};

    identity::TokenIssued issue(identity::TokenRevoker& revoker, const Clock& clock) const {
        identity::UserFacts user;
        user.id = "10042";
        user.name = name;
        user.domain_id = domain;
        user.default_region = "DFW";
        user.tenant_id = tenant_id;
        user.roles = roles;
        return {identity::OwnedToken(Secret(token), clock.wall() + good_for, revoker),
                std::move(user), proven};
    }
};

} // namespace raxauth::testing
