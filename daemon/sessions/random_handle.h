// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

namespace raxauth::sessions {

/// 256 bits from the kernel, in hexadecimal (64 characters). Errors: std::system_error.
Secret random_handle();

} // namespace raxauth::sessions
