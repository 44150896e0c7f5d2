// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/url.h"

#include "common/letter_case.h"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <utility>

namespace raxauth::settings {
namespace {

constexpr std::size_t kMaxUrlBytes = 512;

bool only(std::string_view text, bool (*allowed)(char)) {
    return std::all_of(text.begin(), text.end(), allowed);
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_port(std::string_view text) {
    if (text.empty() || text.size() > 5 ||
        !only(text, [](char c) { return c >= '0' && c <= '9'; })) {
        return false;
    }
    const int port = std::stoi(std::string(text));
    return port >= 1 && port <= 65535;
}

} // namespace

std::optional<Url> parse_url(std::string_view text) {
    const std::size_t colon = text.find("://");
    if (colon == std::string_view::npos || text.size() > kMaxUrlBytes) {
        return std::nullopt;
    }
    Url url;
    url.scheme = lower_case(text.substr(0, colon));
    text.remove_prefix(colon + 3);
    const std::size_t slash = std::min(text.find('/'), text.size());
    url.authority = lower_case(text.substr(0, slash));
    url.path = text.substr(slash);
    while (!url.path.empty() && url.path.back() == '/') {
        url.path.pop_back();
    }
    std::string_view rest = url.authority;
    if (rest.substr(0, 1) == "[") {
        const std::size_t end = rest.find(']');
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        url.host = rest.substr(1, end - 1);
        rest.remove_prefix(end + 1);
        in6_addr address{};
        if (inet_pton(AF_INET6, url.host.c_str(), &address) != 1) {
            return std::nullopt;
        }
    } else {
        const std::size_t end = std::min(rest.find(':'), rest.size());
        url.host = rest.substr(0, end);
        rest.remove_prefix(end);
        if (url.host.empty() || !only(url.host, [](char c) {
                return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
            })) {
            return std::nullopt;
        }
    }
    const bool path_ok = only(url.path, [](char c) {
        return is_alphanumeric(c) ||
               std::string_view("/-._~%+:,=").find(c) != std::string_view::npos;
    });
    const bool port_ok = rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
    return path_ok && port_ok ? std::optional(std::move(url)) : std::nullopt;
}

bool is_loopback(const Url& url) {
    in_addr v4{};
    in6_addr v6{};
    return url.host == "localhost" ||
           (inet_pton(AF_INET, url.host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24U) == 127) ||
           (inet_pton(AF_INET6, url.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

bool is_loopback_url(std::string_view text) {
    const auto url = parse_url(text);
    return url && is_loopback(*url);
}

} // namespace raxauth::settings
