// SPDX-License-Identifier: Apache-2.0
#include "common/error_words.h"

#include <cstring>

namespace raxauth {

std::string error_words(int error) {
    const char* const words = ::strerrordesc_np(error);
    return words != nullptr ? words : "unknown error";
}

} // namespace raxauth
