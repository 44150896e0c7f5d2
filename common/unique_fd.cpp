// SPDX-License-Identifier: Apache-2.0
#include "common/unique_fd.h"

#include <cerrno>
#include <unistd.h>

namespace raxauth {

void UniqueFd::reset(int fd) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) {
        const int saved = errno;
        static_cast<void>(::close(old)); // nothing sensible can be done about a failing close
        errno = saved;
    }
}

} // namespace raxauth
