// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <optional>
#include <string>

namespace raxauth::enrolment {

/// What a person is shown of an authenticator's key URI, beside its QR code.
struct KeyUri {
    Secret key;        ///< base32 in capitals, in fours for typing: "ABCD EFGH ..."
    std::string label; ///< "Rackspace:alice": percent-decoded and sanitised; not secret
};

/// Reads the key URI that Identity gives with a new authenticator. It is foreign: taken are at most
/// 1024 bytes of `otpauth://totp/LABEL?PARAMETERS` in URI characters alone (RFC 3986, without a
/// fragment), with a label and exactly one `secret` of 16 to 128 base32 digits; anything else is
/// nothing. Other parameters are left unread: Identity names none but the issuer.
/// Source: the "Key Uri Format" of Google Authenticator; base32 as in RFC 4648, section 6.
std::optional<KeyUri> read_key_uri(const Secret& uri);

} // namespace raxauth::enrolment
