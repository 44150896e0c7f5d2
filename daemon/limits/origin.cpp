// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/origin.h"

#include "common/bus_contract.h"
#include "common/letter_case.h"
#include "common/text.h"

#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <fmt/core.h>
#include <netinet/in.h>
#include <optional>

namespace raxauth::limits {
namespace {

constexpr std::size_t kMaxHostBytes = 253; // a name in the DNS
constexpr std::string_view kNetwork = "net ";

std::string format_v4(const in_addr& address) {
    std::array<char, INET_ADDRSTRLEN> text{};
    inet_ntop(AF_INET, &address, text.data(), text.size());
    return text.data();
}

std::string format_network(in6_addr address, std::size_t bits) {
    std::memset(&address.s6_addr[bits / 8], 0, sizeof address.s6_addr - bits / 8);
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(AF_INET6, &address, text.data(), text.size());
    return fmt::format("{}{}/{}", kNetwork, text.data(), bits);
}

/// The key for a remote address or name, nothing when it is this machine.
std::optional<std::string> remote_key(std::string_view remote_host) {
    std::string host = lower_case(sanitise(remote_host, kMaxHostBytes));
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    if (!host.empty() && host.back() == '.') {
        host.pop_back();
    }
    // "UNKNOWN" is what sshd says when its peer has no address.
    if (host.empty() || host == "unknown" || host == "localhost" ||
        host == "localhost.localdomain" || host == "ip6-localhost" || host == "ip6-loopback") {
        return std::nullopt;
    }

    in_addr v4{};
    in6_addr v6{};
    bool is_v4 = inet_pton(AF_INET, host.c_str(), &v4) == 1;
    std::string scope;
    if (!is_v4) {
        // The scope tells links apart that use the same fe80::/64.
        const std::size_t percent = host.find('%');
        scope = percent == std::string::npos ? "" : host.substr(percent);
        if (inet_pton(AF_INET6, host.substr(0, percent).c_str(), &v6) != 1) {
            return "host " + host;
        }
        // A socket that listens on both families shows IPv4 peers as ::ffff:192.0.2.7.
        is_v4 = IN6_IS_ADDR_V4MAPPED(&v6);
        if (is_v4) {
            std::memcpy(&v4, &v6.s6_addr[12], sizeof v4);
        }
    }
    if (is_v4) {
        if ((ntohl(v4.s_addr) >> 24U) == 127) {
            return std::nullopt;
        }
        return "host " + format_v4(v4);
    }
    if (IN6_IS_ADDR_LOOPBACK(&v6)) {
        return std::nullopt;
    }
    // One subscriber has a whole /64: single addresses would be as many origins as he likes.
    return format_network(v6, 64) + scope;
}

} // namespace

Origin origin_of(std::string_view remote_host, uid_t login_uid, uid_t account_uid) {
    if (std::optional<std::string> remote = remote_key(remote_host)) {
        return {std::move(*remote), /* own_session= */ false};
    }
    if (login_uid == contract::kUnsetId) {
        return {std::string(kLocalOrigin), /* own_session= */ false};
    }
    return {"session of " + std::to_string(login_uid), login_uid == account_uid};
}

std::string network_of(std::string_view key) {
    if (key.substr(0, kNetwork.size()) != kNetwork) {
        return {};
    }
    const std::string_view address = key.substr(kNetwork.size(), key.find('/') - kNetwork.size());
    in6_addr v6{};
    if (inet_pton(AF_INET6, std::string(address).c_str(), &v6) != 1 || IN6_IS_ADDR_LINKLOCAL(&v6)) {
        return {};
    }
    return format_network(v6, 48);
}

} // namespace raxauth::limits
