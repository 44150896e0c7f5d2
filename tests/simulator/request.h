// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace raxauth::simulator {

/// One HTTP request, read whole.
struct Request {
    std::string method;
    std::string path; ///< percent-decoded, without the query
    std::vector<std::pair<std::string, std::string>> query;
    std::vector<std::pair<std::string, std::string>> headers; ///< names in lower case
    std::string body;

    std::optional<std::string> header(std::string_view name) const {
        const auto found = find(headers, name);
        return found == headers.end() ? std::nullopt : std::optional(found->second);
    }
    std::size_t count_headers(std::string_view name) const {
        return static_cast<std::size_t>(std::count_if(
            headers.begin(), headers.end(), [&](const auto& each) { return each.first == name; }));
    }
    std::string query_value(std::string_view name) const {
        const auto found = find(query, name);
        return found == query.end() ? std::string() : found->second;
    }

  private:
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    static Pairs::const_iterator find(const Pairs& pairs, std::string_view name) {
        return std::find_if(pairs.begin(), pairs.end(),
                            [&](const auto& each) { return each.first == name; });
    }
};

/// What the request log says of a request; never a secret.
struct Trace {
    std::string user;
    std::string step = "other";
    std::string outcome;
    std::string fault; ///< the fault done to it; empty: none
    std::string
        tenant; ///< tenantId or tenantName that was really looked at (directly under `auth`)
    std::string domain;  ///< RAX-AUTH:domainId asked for
    std::string session; ///< fingerprint of X-SessionId
    std::string token;   ///< fingerprint of X-Auth-Token, or of the token in the body
    std::string issued;  ///< fingerprint of the token issued, if one was
    bool sms_sent = false;
};

} // namespace raxauth::simulator
