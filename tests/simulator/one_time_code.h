// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/clock.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace raxauth::simulator {

/// The six digits an authenticator with `base32_secret` shows at `at` (TOTP, SHA-1, 30 s, by
/// liboath). Throws std::invalid_argument if the secret is no base32.
std::string totp(std::string_view base32_secret, Time at);

/// Whether `code` is right at `now` or at most so many steps before or after.
bool totp_matches(std::string_view base32_secret, std::string_view code, Time now,
                  std::int64_t steps_back, std::int64_t steps_ahead);

/// A fresh secret of 20 bytes as 32 base32 characters.
std::string new_otp_secret();

} // namespace raxauth::simulator
