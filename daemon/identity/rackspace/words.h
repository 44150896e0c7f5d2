// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/provider_words.h"

namespace raxauth::identity {

/// What people read of Rackspace.
ProviderWords rackspace_words();

} // namespace raxauth::identity
