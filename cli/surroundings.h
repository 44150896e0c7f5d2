// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/pam_places.h"
#include "cli/sshd_setup.h"
#include "common/bus_contract.h"
#include "daemon/settings/settings_file.h"

#include <string>

namespace raxauth::cli {

/// Everything outside that the verbs touch. The installed program always has these values; tests
/// are another program with others. Nothing here is ever taken from the environment.
struct Surroundings {
    const char* bus_address = contract::kBusAddress;
    settings::SettingsPlace settings;
    SshdPlaces sshd;
    PamPlaces pam;
    std::string daemon_user = "raxauth";
};

} // namespace raxauth::cli
