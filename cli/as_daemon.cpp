// SPDX-License-Identifier: Apache-2.0
#include "cli/as_daemon.h"

#include "cli/failure.h"
#include "cli/write_all.h"
#include "common/unique_fd.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

constexpr std::size_t kMaxResultBytes = std::size_t{1} << 20U;

[[noreturn]] void throw_errno(const char* what) {
    throw Failure(ExitStatus::Refused, fmt::format("{}: {}", what, std::strerror(errno)));
}

bool become(const passwd& user) {
    return ::initgroups(user.pw_name, user.pw_gid) == 0 &&
           ::setresgid(user.pw_gid, user.pw_gid, user.pw_gid) == 0 &&
           ::setresuid(user.pw_uid, user.pw_uid, user.pw_uid) == 0 && ::chdir("/") == 0;
}

/// Never returns, and leaves without the parent's exit handlers and buffers.
[[noreturn]] void work_in_child(const passwd& user, const std::function<std::string()>& work,
                                int result) {
    bool good = false;
    try {
        good = become(user) && write_all(result, work());
    } catch (...) {
        good = false;
    }
    ::_exit(good ? 0 : 1);
}

std::string read_all(int fd) {
    std::string result;
    std::array<char, 4096> chunk{};
    for (;;) {
        const ssize_t count = ::read(fd, chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0 || result.size() > kMaxResultBytes) {
            return result;
        }
        result.append(chunk.data(), static_cast<std::size_t>(count));
    }
}

} // namespace

std::optional<std::string> as_daemon_user(const std::string& user,
                                          const std::function<std::string()>& work) {
    // one thread alone asks NSS here
    const passwd* const found = ::geteuid() == 0 ? ::getpwnam(user.c_str()) : nullptr; // NOLINT
    if (found == nullptr || found->pw_uid == 0) {
        return std::nullopt;
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw_errno("pipe");
    }
    UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    static_cast<void>(std::fflush(nullptr)); // or the child would have it too
    const pid_t child = ::fork();
    if (child < 0) {
        throw_errno("fork");
    }
    if (child == 0) {
        work_in_child(*found, work, writing.get());
    }
    writing.reset();
    std::string result = read_all(reading.get());
    reading.reset(); // a child that has more to say must not wait for us, nor we for it
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        throw Failure(ExitStatus::Refused, fmt::format("a check as user {} did not end", user));
    }
    return result;
}

} // namespace raxauth::cli
