// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/provider_words.h"

namespace raxauth::identity::rackspace {

ProviderWords words();

} // namespace raxauth::identity::rackspace
