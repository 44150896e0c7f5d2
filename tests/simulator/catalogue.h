// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace raxauth::simulator {

/// The service catalogue of the documentation's sample, for `tenant`, as a JSON array on one line.
/// `copies` repeats the services, to make a catalogue of an account with more of them.
std::string catalogue_text(const std::string& tenant, std::int64_t copies);

/// The same endpoints as one flat list, as GET /v2.0/tokens/{id}/endpoints gives them.
std::string endpoints_text(const std::string& tenant);

} // namespace raxauth::simulator
