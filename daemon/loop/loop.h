// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "daemon/loop/task.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

namespace raxauth {

/// Calls back once after its time. Dropping it cancels; it may be dropped in its own callback.
class Timer {
  public:
    Timer() = default;

  private:
    friend class Loop;
    struct State;
    explicit Timer(std::shared_ptr<State> state) : state_(std::move(state)) {}
    struct Cancel;
    std::shared_ptr<State> state_;

  public:
    Timer(Timer&&) noexcept = default;
    Timer& operator=(Timer&& other) noexcept;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer();
};

/// Watches a descriptor; `events` are EPOLLIN, EPOLLOUT. Dropping it ends the watch (the descriptor
/// stays its owner's); it may be dropped in its own callback.
class IoWatch {
  public:
    IoWatch() = default;
    IoWatch(IoWatch&&) noexcept = default;
    IoWatch& operator=(IoWatch&& other) noexcept;
    IoWatch(const IoWatch&) = delete;
    IoWatch& operator=(const IoWatch&) = delete;
    ~IoWatch();
    void change(std::uint32_t events);

  private:
    friend class Loop;
    struct State;
    explicit IoWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

/// The daemon's one event loop (sd-event). Everything runs on its thread except what is given to
/// the Worker. Callbacks must not throw: what escapes one is logged and ends the daemon.
class Loop {
  public:
    /// Errors: std::system_error when the kernel refuses.
    Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop();

    sd_event* event() const noexcept { return event_.get(); }

    /// Monotonic time including suspend (CLOCK_BOOTTIME), rounded up to a microsecond; accuracy is
    /// 1 us, since sd-event takes 0 for "within 250 ms".
    [[nodiscard]] Timer after(std::chrono::microseconds delay, std::function<void()> callback);
    [[nodiscard]] IoWatch watch(int fd, std::uint32_t events,
                                std::function<void(std::uint32_t)> callback);
    /// Runs `callback` in the next turn of the loop, in the order posted. The way to destroy an
    /// object that is somewhere below on the stack.
    void post(std::function<void()> callback);
    Task<void> sleep(std::chrono::microseconds delay);

    /// Runs until stop(); returns its code.
    int run();
    void stop(int code) noexcept;

  private:
    void drain_posted();

    EventHandle event_;
    EventSource posted_source_;
    std::deque<std::function<void()>> posted_;
};

} // namespace raxauth
