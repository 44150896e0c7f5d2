// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace raxauth::simulator {

/// All of these draw from OpenSSL's generator and throw std::runtime_error if it fails.
std::string random_hex(std::size_t characters);
std::string random_digits(std::size_t count);
/// Characters of the alphabet A-Z a-z 0-9 _ - that Identity's session ids and tokens are made of.
std::string random_url_safe(std::size_t characters);
std::string random_bytes(std::size_t count);
/// Even over [0, bound).
std::uint32_t random_below(std::uint32_t bound);

/// First 12 hex digits of the SHA-256 of `secret`: names a token or session in a log without giving
/// it away. For high-entropy values only.
std::string fingerprint(std::string_view secret);

} // namespace raxauth::simulator
