// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/settings/settings.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace raxauth::cli {

/// The group of the profile raxauth: its members keep their local passwords and keys.
inline constexpr const char* kExemptGroup = "raxauth-exempt";

/// An account of this host with a uid that raxauth manages.
struct LocalPerson {
    std::string name;
    uid_t uid = 0;
    std::string home;
    bool exempt = false;       ///< by the group above, or by the configuration
    bool has_password = false; ///< a local one; only root can see it
    bool has_keys = false;     ///< ~/.ssh/authorized_keys
    bool is_expired = false;   ///< the account itself (chage -E); only root can see it

    /// Gets in today by something that raxauth will refuse.
    bool would_lose() const { return !exempt && (has_password || has_keys); }
};

/// The accounts of /etc/passwd within accounts.minimum_uid and maximum_uid, in order of their uid.
/// A directory may know more, and is not searched.
std::vector<LocalPerson> people_in_range(const settings::Settings& settings);
/// Those of them that are not exempt.
std::vector<LocalPerson> people_managed(const settings::Settings& settings);

/// Whether root gets in by a password or a key of its own; true where that cannot be seen.
bool root_has_a_way_in();

} // namespace raxauth::cli
