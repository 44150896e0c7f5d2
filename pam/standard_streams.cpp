// SPDX-License-Identifier: Apache-2.0
#include "pam/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace raxauth::pam {

StandardStreams::StandardStreams() noexcept {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
        if (::fcntl(stream, F_GETFD) >= 0) {
            continue;
        }
        // The lowest free number, which is `stream`, unless another thread was quicker.
        UniqueFd placeholder(::open("/dev/null", O_RDWR | O_CLOEXEC));
        if (placeholder.get() >= 0 && placeholder.get() <= STDERR_FILENO) {
            placeholders_[static_cast<std::size_t>(stream)] = std::move(placeholder);
        }
    }
}

} // namespace raxauth::pam
