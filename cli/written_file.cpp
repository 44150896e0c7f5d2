// SPDX-License-Identifier: Apache-2.0
#include "cli/written_file.h"

#include "cli/failure.h"
#include "common/unique_fd.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

namespace raxauth::cli {

void throw_errno(const std::string& path, int error) {
    throw Failure(ExitStatus::Refused, fmt::format("{}: {}", path, std::strerror(error)));
}

std::optional<std::string> read_file(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        return std::nullopt;
    }
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

void write_atomically(const std::string& path, std::string_view bytes) {
    std::string temporary = path + ".XXXXXX";
    const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!fd) {
        throw_errno(path, errno);
    }
    bool good = ::fchmod(fd.get(), 0644) == 0;
    while (good && !bytes.empty()) {
        const ssize_t count = ::write(fd.get(), bytes.data(), bytes.size());
        good = count >= 0 || errno == EINTR;
        bytes.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    good = good && ::fsync(fd.get()) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
    if (!good) {
        const int error = errno;
        static_cast<void>(::unlink(temporary.c_str()));
        throw_errno(path, error);
    }
}

} // namespace raxauth::cli
