// SPDX-License-Identifier: Apache-2.0
#include "common/secret_pipe.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace raxauth {
namespace {

/// Moves a descriptor out of the range of standard streams.
UniqueFd above_standard_streams(UniqueFd fd) noexcept {
    if (!fd || fd.get() > STDERR_FILENO) {
        return fd;
    }
    return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

} // namespace

UniqueFd send_through_pipe(std::string_view bytes) noexcept {
    if (bytes.size() > kMaxSecretBytes) {
        errno = EMSGSIZE;
        return {};
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        return {};
    }
    UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    reading = above_standard_streams(std::move(reading));
    if (!reading) {
        return {};
    }
    // At most PIPE_BUF bytes into an empty pipe: the kernel takes all or nothing (pipe(7)).
    if (!bytes.empty()) {
        const ssize_t written = ::write(writing.get(), bytes.data(), bytes.size());
        if (written != static_cast<ssize_t>(bytes.size())) {
            if (written >= 0) {
                errno = EAGAIN;
            }
            return {};
        }
    }
    return reading;
}

bool PipeReceiver::open() noexcept {
    int ends[2];
    if (!reading_ && ::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        reading_ = UniqueFd(ends[0]);
        writing_ = UniqueFd(ends[1]);
    }
    return static_cast<bool>(reading_);
}

bool PipeReceiver::receive(int fd, Secret& into) {
    into.clear();
    struct stat status{};
    if (::fstat(fd, &status) < 0 || !S_ISFIFO(status.st_mode)) {
        return false;
    }
    // O_NONBLOCK belongs to the open file, which the sender may still have: the sender can clear it
    // before we read. A flag of splice() holds for that one call.
    if (!open()) {
        return false;
    }
    char buffer[kMaxSecretBytes + 1];
    std::size_t have = 0;
    bool complete = false;
    while (have < sizeof buffer) {
        const ssize_t moved =
            ::splice(fd, nullptr, writing_.get(), nullptr, sizeof buffer - have, SPLICE_F_NONBLOCK);
        if (moved < 0 && errno == EINTR) {
            continue;
        }
        if (moved <= 0) {
            complete = moved == 0; // the end; EAGAIN means the sender has not closed yet
            break;
        }
        const std::size_t due = have + static_cast<std::size_t>(moved);
        while (have < due) { // one read for each packet, should the sender's be a pipe of packets
            const ssize_t got = ::read(reading_.get(), buffer + have, due - have);
            if (got <= 0) {
                reading_ = UniqueFd(); // or the next answer would begin with the rest of this one
                writing_ = UniqueFd();
                wipe(buffer, have);
                return false;
            }
            have += static_cast<std::size_t>(got);
        }
    }
    if (complete) {
        into.append(std::string_view(buffer, have));
    }
    wipe(buffer, have);
    return complete;
}

bool receive_from_pipe(int fd, Secret& into) {
    return PipeReceiver().receive(fd, into);
}

} // namespace raxauth
