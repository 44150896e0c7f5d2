// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/words.h"

namespace raxauth::identity::rackspace {

ProviderWords words() {
    return {
        .name = "Rackspace",
        .service = "Rackspace Identity",
        .administrator = "your Rackspace account administrator",
        .mfa_elsewhere = "in the Cloud Control Panel (Account > My Profile & Settings)",
        .password_elsewhere = "in the Cloud Control Panel",
    };
}

} // namespace raxauth::identity::rackspace
