// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace raxauth::sessions {

/// The person has left, processes have stayed (logind's state "closing"): such a session neither
/// uses nor makes an entry. False where there is no logind.
bool is_closing(const std::string& logind_session);

/// logind knows the session no more. False where there is no logind.
bool is_forgotten(const std::string& logind_session);

} // namespace raxauth::sessions
