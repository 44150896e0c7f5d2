// SPDX-License-Identifier: Apache-2.0
#include "cli/write_all.h"

#include "cli/failure.h"

#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <unistd.h>

namespace raxauth::cli {

bool write_all(int fd, std::string_view text) noexcept {
    while (!text.empty()) {
        const ssize_t count = ::write(fd, text.data(), text.size());
        if (count < 0 && errno != EINTR) {
            return false;
        }
        text.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    return true;
}

void write_out(std::string_view text) {
    if (!write_all(STDOUT_FILENO, text)) {
        throw Failure(ExitStatus::Refused,
                      fmt::format("cannot write to standard output: {}", std::strerror(errno)));
    }
}

} // namespace raxauth::cli
