// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"
#include "daemon/loop/loop.h"

#include <cstdint>
#include <functional>

namespace raxauth {

/// Many descriptors that are watched as one: an epoll(7) set of their own, which can be paused with
/// one call whatever its size. `ready` hears of one descriptor in a turn of the loop, so that
/// sources of a higher priority come between. A descriptor that is closed leaves by itself.
class WatchSet {
  public:
    /// `loop` outlives it. Errors: std::system_error when the kernel refuses.
    WatchSet(Loop& loop, std::function<void(int fd, std::uint32_t events)> ready);

    /// Watches `fd` for `events` (EPOLLIN, EPOLLOUT), or changes what it is watched for.
    /// Errors: std::system_error.
    void watch(int fd, std::uint32_t events);
    void drop(int fd) noexcept;

    void pause();
    void resume();

  private:
    UniqueFd epoll_;
    IoWatch turn_;
    bool paused_ = false;
};

} // namespace raxauth
