// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/task.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace raxauth {

/// Calls back once after its time. Dropping it cancels; it may be dropped in its own callback.
class Timer {
  public:
    Timer() = default;
    /// Sets it going (again): the callback comes once, `delay` from now. Saves making a new timer
    /// where one is moved often. No effect on an empty Timer.
    void restart(std::chrono::microseconds delay);
    /// Keeps the callback for a later restart().
    void pause() noexcept;

  private:
    friend class Loop;
    struct State;
    explicit Timer(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

/// sd-event's priority of what answers a program at once (the bus, what the worker found out for
/// it): before the network, where a hundred replies may lie. 0 is that of everything else.
inline constexpr std::int64_t kPrompt = -10;

/// Watches a descriptor; `events` are EPOLLIN, EPOLLOUT. Dropping it ends the watch (the descriptor
/// stays its owner's); it may be dropped in its own callback.
class IoWatch {
  public:
    IoWatch() = default;
    IoWatch(IoWatch&&) noexcept = default;
    IoWatch& operator=(IoWatch&& other) noexcept;
    IoWatch(const IoWatch&) = delete;
    IoWatch& operator=(const IoWatch&) = delete;
    ~IoWatch() { drop(); }
    void change(std::uint32_t events);

  private:
    friend class Loop;
    struct State;
    explicit IoWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}
    void drop() noexcept;
    std::shared_ptr<State> state_;
};

/// Calls back in the next turn of the loop, once for each time it was armed in a turn. Dropping it
/// cancels; it may be dropped in its own callback.
class Deferred {
  public:
    Deferred() = default;
    void arm();

  private:
    friend class Loop;
    struct State;
    explicit Deferred(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

/// The daemon's one event loop (sd-event). Everything runs on its thread except what is given to
/// the Worker. Callbacks must not throw: what escapes one is logged and ends the daemon. It
/// outlives what it hands out.
class Loop {
  public:
    /// Errors: std::system_error when the kernel refuses.
    Loop();
    /// For tests: timers follow `clock`, which the test moves, instead of the system's. One that is
    /// due fires in the next turn of the loop, the earliest first. `clock` outlives the loop.
    explicit Loop(const Clock& clock);
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop();

    sd_event* event() const noexcept { return event_.get(); }
    /// The monotonic time that goes with its timers: what compares times with what a timer does
    /// takes it from here.
    MonotonicTime now() const;

    /// Monotonic time including suspend (CLOCK_BOOTTIME); accuracy is 1 us, since sd-event takes 0
    /// for "within 250 ms". Counted from now, not from when this turn of the loop began, so that
    /// it never fires early.
    [[nodiscard]] Timer after(std::chrono::microseconds delay, std::function<void()> callback);
    [[nodiscard]] IoWatch watch(int fd, std::uint32_t events,
                                std::function<void(std::uint32_t)> callback,
                                std::int64_t priority = 0);
    [[nodiscard]] Deferred deferred(std::function<void()> callback);
    /// Runs `callback` in the next turn of the loop, in the order posted. The way to destroy an
    /// object that is somewhere below on the stack.
    void post(std::function<void()> callback);
    Task<void> sleep(std::chrono::microseconds delay);

    /// Runs until stop(); returns its code. Errors: std::system_error when the loop itself fails.
    int run();
    /// `code` is not negative. Only the first call counts.
    void stop(int code) noexcept;

  private:
    friend struct Timer::State;
    void run_posted();
    static int on_prepare(sd_event_source* source, void* userdata) noexcept;
    void set_off_the_next_due();

    EventHandle event_;
    const Clock* clock_ = nullptr;        ///< null: the system's
    std::vector<Timer::State*> on_clock_; ///< timers that wait for `clock_`
    EventSource before_each_turn_;        ///< looks after them
    std::deque<std::function<void()>> posted_;
    Deferred posted_turn_; ///< runs run_posted()
};

} // namespace raxauth
