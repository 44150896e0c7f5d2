// SPDX-License-Identifier: Apache-2.0
#include "daemon/loop/watch_set.h"

#include <cerrno>
#include <sys/epoll.h>
#include <system_error>
#include <utility>

namespace raxauth {

WatchSet::WatchSet(Loop& loop, std::function<void(int fd, std::uint32_t events)> ready)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) {
        throw std::system_error(errno, std::generic_category(), "make a set of descriptors");
    }
    turn_ = loop.watch(epoll_.get(), EPOLLIN,
                       [set = epoll_.get(), ready = std::move(ready)](std::uint32_t /*events*/) {
                           epoll_event event{};
                           if (::epoll_wait(set, &event, 1, 0) == 1) {
                               ready(event.data.fd, event.events);
                           }
                       });
}

void WatchSet::watch(int fd, std::uint32_t events) {
    epoll_event wanted{};
    wanted.events = events;
    wanted.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) < 0 &&
        (errno != EEXIST || ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &wanted) < 0)) {
        throw std::system_error(errno, std::generic_category(), "watch a descriptor");
    }
}

void WatchSet::drop(int fd) noexcept {
    static_cast<void>(
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr)); // closed: gone already
}

void WatchSet::pause() {
    if (!std::exchange(paused_, true)) {
        turn_.change(0);
    }
}

void WatchSet::resume() {
    if (std::exchange(paused_, false)) {
        turn_.change(EPOLLIN);
    }
}

} // namespace raxauth
