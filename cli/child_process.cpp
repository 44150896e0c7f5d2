// SPDX-License-Identifier: Apache-2.0
#include "cli/child_process.h"

#include "cli/failure.h"
#include "common/unique_fd.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

constexpr std::size_t kMaxOutputBytes = std::size_t{1} << 20U;

void check(int error, const std::string& program) {
    if (error != 0) {
        throw Failure(ExitStatus::Refused,
                      fmt::format("{} cannot be run: {}", program, std::strerror(error)),
                      "Is it installed?");
    }
}

class SpawnActions {
  public:
    SpawnActions() { posix_spawn_file_actions_init(&actions_); }
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;
    ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
    posix_spawn_file_actions_t* get() noexcept { return &actions_; }

  private:
    posix_spawn_file_actions_t actions_{};
};

std::string read_all(int fd) {
    std::string output;
    std::array<char, 4096> chunk{};
    for (;;) {
        const ssize_t count = ::read(fd, chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return output;
        }
        const std::size_t room = kMaxOutputBytes - output.size();
        output.append(chunk.data(), std::min(room, static_cast<std::size_t>(count)));
    }
}

} // namespace

ChildResult run_child(const std::string& program, const std::vector<std::string>& arguments) {
    std::array<int, 2> ends{};
    check(::pipe2(ends.data(), O_CLOEXEC) == 0 ? 0 : errno, program);
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    SpawnActions actions;
    check(posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0),
          program);
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
        check(posix_spawn_file_actions_adddup2(actions.get(), writing.get(), fd), program);
    }
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char locale[] = "LC_ALL=C";
    char* environment[] = {path, locale, nullptr};
    pid_t child = -1;
    check(::posix_spawn(&child, program.c_str(), actions.get(), nullptr, argv.data(), environment),
          program);
    writing.reset();
    ChildResult result;
    result.output = read_all(reading.get());
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

} // namespace raxauth::cli
