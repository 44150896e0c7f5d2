// SPDX-License-Identifier: Apache-2.0
#include "daemon/sessions/random_handle.h"

#include <cerrno>
#include <sys/random.h>
#include <system_error>

namespace raxauth::sessions {

Secret random_handle() {
    unsigned char bytes[32];
    // Up to 256 bytes getrandom(2) gives all or nothing once the kernel's pool is ready.
    if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) {
        throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    constexpr char kDigits[] = "0123456789abcdef";
    Secret text;
    text.reserve(2 * sizeof bytes);
    for (const unsigned char byte : bytes) {
        text.append(kDigits[byte >> 4U]);
        text.append(kDigits[byte & 0x0FU]);
    }
    wipe(bytes, sizeof bytes);
    return text;
}

} // namespace raxauth::sessions
