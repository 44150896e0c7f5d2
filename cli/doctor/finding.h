// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/surroundings.h"

#include <optional>
#include <string>
#include <vector>

namespace raxauth::cli::doctor {

/// Something that keeps people out, lets people in, or will one day.
struct Finding {
    std::string check; ///< "pam", "sshd" ...: a stable word for scripts
    std::string what;
    std::string why;
    std::string cure; ///< a command where one cures it
    /// A note is worth knowing and needs no cure: the exit status stays 0.
    bool is_note = false;
};
using Findings = std::vector<Finding>;

// Each looks at one part of the host and adds what it finds. None changes anything, but for the
// empty folder of /run without which sshd does not check its configuration.

void examine_configuration(const Surroundings& around, Findings& findings);
void examine_daemon(const Surroundings& around, Findings& findings);
/// As the daemon's user: name look-up, TLS, clock, and whether Identity answers at that address.
void examine_identity(const Surroundings& around, Findings& findings);
void examine_pam(const Surroundings& around, Findings& findings);
void examine_sshd(const Surroundings& around, Findings& findings);
/// Accounts, processes and the kernel's view of them.
void examine_host(const Surroundings& around, Findings& findings);

/// The configuration, or nothing where it has errors: its own check tells of those.
std::optional<settings::Settings> usable_settings(const Surroundings& around);

} // namespace raxauth::cli::doctor
