// SPDX-License-Identifier: Apache-2.0
#include "daemon/sessions/logind_watch.h"

#include <cstddef>
#include <cstring>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace raxauth::sessions {

LogindWatch::LogindWatch(Loop& loop, std::string directory, Changed changed)
    : loop_(loop), directory_(std::move(directory)), changed_(std::move(changed)) {}

void LogindWatch::begin() {
    if (inotify_) {
        return;
    }
    UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    // logind writes a new file and renames it: one event for each change.
    if (!inotify || ::inotify_add_watch(inotify.get(), directory_.c_str(),
                                        IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) < 0) {
        return; // no logind
    }
    inotify_ = std::move(inotify);
    watch_ = loop_.watch(inotify_.get(), EPOLLIN, [this](std::uint32_t) { read(); });
}

void LogindWatch::read() {
    alignas(inotify_event) char buffer[4096];
    const ssize_t got = ::read(inotify_.get(), buffer, sizeof buffer);
    std::vector<std::string> names;
    bool gone = false;
    for (std::size_t at = 0; got > 0 && at < static_cast<std::size_t>(got);) {
        inotify_event event{};
        std::memcpy(&event, buffer + at, sizeof event);
        if ((event.mask & IN_Q_OVERFLOW) != 0) {
            names.emplace_back();
        } else if (event.len > 0) {
            names.emplace_back(buffer + at + sizeof event);
        }
        gone = gone || (event.mask & IN_IGNORED) != 0;
        at += sizeof event + event.len;
    }
    if (gone) { // the directory itself: whoever needs it begins anew
        watch_ = IoWatch();
        inotify_.reset();
    }
    for (const std::string& name : names) {
        changed_(name);
    }
}

} // namespace raxauth::sessions
