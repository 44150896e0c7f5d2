// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace raxauth::identity {

struct HttpReply {
    int status = 0;
    Secret body;
    std::chrono::microseconds round_trip{0}; ///< request sent to first byte of the reply
    Secret header_lines; ///< "Name: value\n" of the final reply; secret: it may hold a session id

    /// The values of all headers of that name (letter case aside), in order. Views into
    /// `header_lines`.
    std::vector<std::string_view> headers(std::string_view name) const;
    std::optional<std::string_view> header(std::string_view name) const;
};

struct HttpFailure {
    std::string detail;      ///< for the journal; sanitised, no secret
    bool maybe_sent = false; ///< the request may have reached the server
    bool nonsense = false;   ///< something came that is no usable reply: too large, not HTTP
};

using HttpResult = std::variant<HttpReply, HttpFailure>;

} // namespace raxauth::identity
