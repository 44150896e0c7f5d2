// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/identity/identity.h"

#include <optional>
#include <string_view>

/// Request bodies with secrets in them, built straight into a Secret: no JSON tree, no std::string.
///
/// nullopt: something in it is no valid UTF-8 text. JSON cannot carry such bytes and Identity
/// cannot have stored them, so no guess is made at what encoding was meant (a wrong guess would
/// count as a failed attempt): the caller treats them as wrong credentials.
namespace raxauth::identity {

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

/// Appends `text` as a JSON string with its quotes (RFC 8259); false, with an incomplete string
/// left behind, when it is no valid UTF-8.
bool append_json_string(Secret& body, std::string_view text);

} // namespace raxauth::identity
