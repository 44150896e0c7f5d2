// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/identity/identity.h"

#include <optional>
#include <string_view>
#include <vector>

namespace raxauth::identity::rackspace {

/// Finds the MFA challenge in the values of *all* WWW-Authenticate headers of a reply: the first
/// challenge of scheme OS-MF that carries a usable session id. Nothing usable: nullopt.
///
/// The server sends `OS-MF sessionId='…', factor='PASSCODE'` with single quotes, which are ordinary
/// token characters in HTTP, so that no common parser reads it right. Taken here: single, double or
/// no quotes; any order, spacing and letter case; several challenges in one header, joined by
/// commas; foreign challenges before and after. A session id is usable when it is not empty, has at
/// most 4096 bytes and only visible ASCII, since it goes back as a header. A factor other than
/// OTPPASSCODE is a passcode.
/// See docs/identity-v2.md, "The challenge", and RFC 9110, section 11.6.1.
std::optional<Challenge> find_os_mf_challenge(const std::vector<std::string_view>& headers);

/// Is there a challenge of scheme OS-MF at all, usable or not?
bool mentions_os_mf(const std::vector<std::string_view>& headers);

} // namespace raxauth::identity::rackspace
