// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

namespace raxauth::limits {

/// Where a sign-in comes from, as the limiter counts: a remote host (an IPv6 address by its /64),
/// a login session of somebody, or the machine itself.
struct Origin {
    std::string key; ///< "host 192.0.2.7", "net 2001:db8:1:2::/64", "session of 1000", "local"
    bool own_session =
        false; ///< from a login session of the very account: strangers cannot be here
};

/// The key of this machine's own programs that belong to no login session: its console, greeters.
inline constexpr std::string_view kLocalOrigin = "local";

/// `remote_host` is what PAM says (PAM_RHOST): an address or a name; names count as they are, in
/// lower case, no look-up is made. A loopback address, or none, with a login uid counts as that
/// person's session, without one as local. `login_uid` is contract::kUnsetId where there is none.
Origin origin_of(std::string_view remote_host, uid_t login_uid, uid_t account_uid);

/// The network around an IPv6 origin, "net 2001:db8:1::/48": a /48 holds 65536
/// origins for its owner. Empty for every other key; of a /48 the same again.
std::string network_of(std::string_view key);

} // namespace raxauth::limits
