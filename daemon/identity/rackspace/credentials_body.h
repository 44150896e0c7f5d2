// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/json_writer.h"

#include <optional>
#include <string_view>

/// Request bodies with secrets in them. nullopt: something in it is no valid UTF-8 text; the caller
/// treats it as wrong credentials (see JsonWriter).
namespace raxauth::identity::rackspace {

/// What the resulting token is to be good for.
enum class TokenScope { Full, SetupMfa };

std::optional<Secret> password_body(const Account& account, const Secret& password,
                                    TokenScope scope = TokenScope::Full);
std::optional<Secret> api_key_body(const Account& account, const Secret& api_key);
/// The tenant goes with the passcode too: Identity checks it on the second step only.
std::optional<Secret> passcode_body(const Account& account, const Secret& passcode);

/// For changing a password: `{"RAX-AUTH:changePasswordCredentials":{…}}`. Names no tenant.
std::optional<Secret> change_password_body(const Account& account, const Secret& present,
                                           const Secret& fresh);
/// For one member in a named object: `{"OBJECT":{"MEMBER":"TEXT"}}`. The names are ours.
std::optional<Secret> member_body(std::string_view object, std::string_view member,
                                  std::string_view text);

} // namespace raxauth::identity::rackspace
