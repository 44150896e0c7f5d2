// SPDX-License-Identifier: Apache-2.0
// sd-event sources behind owners that may be dropped anywhere, also in their own callback: each
// dispatch holds a reference to the state for as long as the callback runs, and the state's source
// is taken off the loop when its owner lets go.
#include "daemon/loop/loop.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <system_error>
#include <systemd/sd-journal.h>
#include <utility>

namespace raxauth {
namespace {

int check(int result, const char* what) {
    if (result < 0) {
        throw std::system_error(-result, std::generic_category(), what);
    }
    return result;
}

/// An exception that gets this far is a bug: nothing below could go on from it.
template <class Callback>
void run_or_abort(Callback&& callback) noexcept {
    try {
        callback();
    } catch (const std::exception& fault) {
        sd_journal_print(LOG_CRIT, "uncaught exception in the event loop: %s", fault.what());
        std::abort();
    } catch (...) {
        sd_journal_print(LOG_CRIT, "uncaught foreign exception in the event loop");
        std::abort();
    }
}

std::uint64_t boottime_after(std::chrono::microseconds delay) {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    const std::uint64_t now_usec = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000U +
                                   (static_cast<std::uint64_t>(now.tv_nsec) + 999U) / 1'000U;
    // A century is as good as for ever, and far from sd-event's own "never" (UINT64_MAX).
    constexpr std::int64_t kLongest = 100LL * 366 * 86'400 * 1'000'000;
    return now_usec +
           static_cast<std::uint64_t>(std::clamp<std::int64_t>(delay.count(), 0, kLongest));
}

/// sd-event's own word for a timer without a time.
constexpr std::uint64_t kNever = UINT64_MAX;

bool finished(sd_event* event) noexcept {
    return sd_event_get_state(event) == SD_EVENT_FINISHED;
}

} // namespace

// --- Timer ---------------------------------------------------------------------------------------

struct Timer::State : std::enable_shared_from_this<Timer::State> {
    explicit State(Loop& its_loop) : loop(its_loop) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { leave_clock(); }

    Loop& loop; ///< outlives what it hands out
    std::function<void()> callback;
    EventSource source;
    MonotonicTime due{}; ///< by the loop's own clock, where it has one

    static int on_time(sd_event_source* /*source*/, std::uint64_t /*usec*/,
                       void* userdata) noexcept {
        const auto self = static_cast<State*>(userdata)->shared_from_this();
        self->leave_clock();
        run_or_abort(self->callback);
        return 0;
    }
    void start(std::chrono::microseconds delay) {
        if (loop.clock_ != nullptr) { // its time comes with the clock: Loop::set_off_the_next_due()
            leave_clock();
            due = loop.clock_->monotonic() + delay;
            loop.on_clock_.push_back(this);
            return;
        }
        check(sd_event_source_set_time(source.get(), boottime_after(delay)), "move a timer");
        check(sd_event_source_set_enabled(source.get(), SD_EVENT_ONESHOT), "start a timer");
    }
    void leave_clock() noexcept { std::erase(loop.on_clock_, this); }
};

void Timer::restart(std::chrono::microseconds delay) {
    if (state_ && !finished(sd_event_source_get_event(state_->source.get()))) {
        state_->start(delay);
    }
}

void Timer::pause() noexcept {
    if (state_) {
        state_->leave_clock();
        static_cast<void>(sd_event_source_set_enabled(state_->source.get(), SD_EVENT_OFF));
    }
}

// --- IoWatch -------------------------------------------------------------------------------------

struct IoWatch::State : std::enable_shared_from_this<IoWatch::State> {
    std::function<void(std::uint32_t)> callback;
    EventSource source;

    static int on_io(sd_event_source* /*source*/, int /*fd*/, std::uint32_t events,
                     void* userdata) noexcept {
        const auto self = static_cast<State*>(userdata)->shared_from_this();
        run_or_abort([&] { self->callback(events); });
        return 0;
    }
};

/// Off the loop at once, even while its callback still runs (and keeps the state): the descriptor
/// may be closed, or watched anew, before that returns.
void IoWatch::drop() noexcept {
    if (state_) {
        state_->source.reset();
        state_.reset();
    }
}

IoWatch& IoWatch::operator=(IoWatch&& other) noexcept {
    if (this != &other) {
        drop();
        state_ = std::move(other.state_);
    }
    return *this;
}

void IoWatch::change(std::uint32_t events) {
    if (state_ && !finished(sd_event_source_get_event(state_->source.get()))) {
        check(sd_event_source_set_io_events(state_->source.get(), events), "change a watch");
    }
}

// --- Deferred ------------------------------------------------------------------------------------

struct Deferred::State : std::enable_shared_from_this<Deferred::State> {
    sd_event* event = nullptr; ///< the Loop outlives what it hands out
    std::function<void()> callback;
    EventSource source; ///< while armed

    static int on_turn(sd_event_source* /*source*/, void* userdata) noexcept {
        const auto self = static_cast<State*>(userdata)->shared_from_this();
        self->source.reset();
        run_or_abort(self->callback);
        return 0;
    }
};

void Deferred::arm() {
    if (!state_ || state_->source || finished(state_->event)) {
        return;
    }
    // A new source each time: sd-event takes the one that has been pending longest first, and a
    // defer source counts as pending from its creation (tried on 252). One that is switched on
    // again and again would starve every timer and descriptor of the same priority.
    const int r =
        sd_event_add_defer(state_->event, out(state_->source), &State::on_turn, state_.get());
    check(r, "arm a callback");
}

// --- Loop ----------------------------------------------------------------------------------------

Loop::Loop() {
    const int r = sd_event_new(out(event_));
    check(r, "create the event loop");
    posted_turn_ = deferred([this] { run_posted(); });
}

Loop::Loop(const Clock& clock) : Loop() {
    clock_ = &clock;
    const int r = sd_event_add_time(event_.get(), out(before_each_turn_), CLOCK_BOOTTIME, kNever,
                                    /* accuracy= */ 1, nullptr, this);
    check(r, "follow a clock");
    check(sd_event_source_set_prepare(before_each_turn_.get(), &on_prepare), "follow a clock");
}

Loop::~Loop() = default;

MonotonicTime Loop::now() const {
    return clock_ != nullptr ? clock_->monotonic() : std::chrono::steady_clock::now();
}

Timer Loop::after(std::chrono::microseconds delay, std::function<void()> callback) {
    auto state = std::make_shared<Timer::State>(*this);
    state->callback = std::move(callback);
    const std::uint64_t first = clock_ != nullptr ? kNever : boottime_after(delay);
    const int r = sd_event_add_time(event_.get(), out(state->source), CLOCK_BOOTTIME, first,
                                    /* accuracy= */ 1, &Timer::State::on_time, state.get());
    check(r, "add a timer");
    if (clock_ != nullptr) {
        state->start(delay);
    }
    return Timer(std::move(state));
}

int Loop::on_prepare(sd_event_source* /*source*/, void* userdata) noexcept {
    run_or_abort([userdata] { static_cast<Loop*>(userdata)->set_off_the_next_due(); });
    return 0;
}

/// One in each turn, so that they come in the order of their times: sd-event has no order among
/// timers that are found to be due together.
void Loop::set_off_the_next_due() {
    const auto next =
        std::min_element(on_clock_.begin(), on_clock_.end(),
                         [](const auto* one, const auto* other) { return one->due < other->due; });
    if (next == on_clock_.end() || (*next)->due > clock_->monotonic()) {
        return;
    }
    sd_event_source* const source = (*next)->source.get();
    check(sd_event_source_set_time(source, 1), "set a timer off");
    check(sd_event_source_set_enabled(source, SD_EVENT_ONESHOT), "set a timer off");
}

IoWatch Loop::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback,
                    std::int64_t priority) {
    auto state = std::make_shared<IoWatch::State>();
    state->callback = std::move(callback);
    const int r = sd_event_add_io(event_.get(), out(state->source), fd, events,
                                  &IoWatch::State::on_io, state.get());
    check(r, "watch a descriptor");
    check(sd_event_source_set_priority(state->source.get(), priority), "prefer a watch");
    return IoWatch(std::move(state));
}

Deferred Loop::deferred(std::function<void()> callback) {
    auto state = std::make_shared<Deferred::State>();
    state->event = event_.get();
    state->callback = std::move(callback);
    return Deferred(std::move(state));
}

void Loop::post(std::function<void()> callback) {
    posted_.push_back(std::move(callback));
    posted_turn_.arm();
}

void Loop::run_posted() {
    // What is posted meanwhile belongs to the next turn, so that posting cannot starve the rest.
    std::deque<std::function<void()>> now;
    now.swap(posted_);
    while (!now.empty()) {
        const auto callback = std::move(now.front());
        now.pop_front();
        callback();
    }
}

Task<void> Loop::sleep(std::chrono::microseconds delay) {
    OneShot<bool> over;
    const Timer timer = after(delay, [&over] { over.set(true); });
    co_await over;
}

int Loop::run() {
    return check(sd_event_loop(event_.get()), "run the event loop");
}

void Loop::stop(int code) noexcept {
    static_cast<void>(sd_event_exit(event_.get(), code));
}

} // namespace raxauth
