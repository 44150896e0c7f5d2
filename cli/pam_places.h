// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace raxauth::cli {

/// Where libpam looks: for a service, the first file counts; for a module without a path, each
/// folder in turn (Debian's, then the one of other distributions).
struct PamPlaces {
    std::vector<std::string> services{"/etc/pam.d", "/usr/lib/pam.d"};
    std::vector<std::string> modules; ///< empty: where this raxauth's own module is installed
    std::string update = "/usr/sbin/pam-auth-update";
    std::string profiles = "/usr/share/pam-configs";
};

} // namespace raxauth::cli
