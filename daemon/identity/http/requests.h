// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/identity/http/http_transport.h"

#include <string>
#include <string_view>

/// What all requests to Identity v2.0 are put together from.
namespace raxauth::identity {

HttpHeader header(std::string name, const Secret& value);
HttpHeader header(std::string name, std::string_view value);

/// Appends `text` as a path segment or query value: everything but unreserved characters
/// (RFC 3986) is percent-escaped, whatever a token or an id may be made of. "." and ".." come out
/// as they are: not for text that could be one of them.
void append_escaped(Secret& url, std::string_view text);

/// 2xx.
bool is_success(int status) noexcept;

} // namespace raxauth::identity
