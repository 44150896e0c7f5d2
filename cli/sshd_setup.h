// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace raxauth::cli {

struct SshdPlaces {
    std::string source; ///< our drop-in as installed with the package; empty: where that is
    std::string directory = "/etc/ssh";
    std::string configuration = "/etc/ssh/sshd_config";
    std::string drop_ins = "/etc/ssh/sshd_config.d";
    std::string program = "/usr/sbin/sshd";
    /// Without it `sshd -t` fails; missing as long as sshd never ran.
    std::string privilege_separation = "/run/sshd";
    std::string systemctl = "/usr/bin/systemctl";
};

struct SshdSetupOptions {
    bool replace = false; ///< also where a file of that name says something else
    bool reload = false;  ///< and have sshd read it
    bool remove = false;  ///< take it away again
};

} // namespace raxauth::cli
