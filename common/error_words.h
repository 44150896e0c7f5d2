// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace raxauth {

/// What errno `error` means, in English whatever the locale; safe in any thread (unlike
/// strerror(3)).
std::string error_words(int error);

} // namespace raxauth
