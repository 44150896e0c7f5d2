// SPDX-License-Identifier: Apache-2.0
#include "daemon/journal/log_queue.h"

#include <cerrno>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

namespace raxauth::journal {

bool LogSocket::connect() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path_.size() >= sizeof name.sun_path) {
        return false;
    }
    path_.copy(name.sun_path, path_.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) < 0) {
        return false;
    }
    fd_ = std::move(fd);
    return true;
}

LogSocket::Sent LogSocket::send(std::string_view datagram) {
    for (int tries = 0; tries < 2; ++tries) {
        if (!fd_ && !connect()) {
            return Sent::Absent;
        }
        if (::send(fd_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            return Sent::Yes;
        }
        if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) {
            return Sent::Full;
        }
        fd_.reset(); // the logger was started anew: once more, to the new one
    }
    return Sent::Absent;
}

bool LogQueue::send(const LogLine& line) {
    LogSocket::Sent sent = native_.send(line.native);
    if (sent == LogSocket::Sent::Absent) {
        sent = syslog_.send(line.syslog);
    }
    return sent != LogSocket::Sent::Full;
}

void LogQueue::write(LogLine line) {
    if (flush() && send(line)) {
        return;
    }
    if (waiting_.size() >= kMost) {
        ++lost_;
        return;
    }
    waiting_.push_back(std::move(line));
}

bool LogQueue::flush() {
    while (!waiting_.empty()) {
        if (!send(waiting_.front())) {
            return false;
        }
        waiting_.pop_front();
    }
    if (lost_ > 0) {
        if (!send(lost_line_(lost_))) {
            return false;
        }
        lost_ = 0;
    }
    return true;
}

} // namespace raxauth::journal
