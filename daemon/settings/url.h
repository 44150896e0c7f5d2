// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace raxauth::settings {

/// A URL as the configuration may have it: a strict subset of what libcurl takes, so that nothing
/// is read in two ways. No user name, query or fragment.
struct Url {
    std::string scheme;    ///< lower case
    std::string authority; ///< host and port, lower case
    std::string host;      ///< without brackets
    std::string path;      ///< empty, or begins with '/'; no '/' at its end
};

std::optional<Url> parse_url(std::string_view text);

/// localhost, 127.0.0.0/8 or ::1: what is sent there in clear stays on this machine. False for
/// text that is no such URL.
bool is_loopback(const Url& url);
bool is_loopback_url(std::string_view text);

} // namespace raxauth::settings
