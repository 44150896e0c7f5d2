// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

namespace raxauth {

template <class T = void>
class Task;

namespace detail {

/// A finished Task resumes the coroutine that awaited it.
struct ResumeContinuation {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) const noexcept {
        const std::coroutine_handle<> next = done.promise().continuation;
        return next ? next : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
};

struct PromiseBase {
    std::coroutine_handle<> continuation;
    std::suspend_always initial_suspend() const noexcept { return {}; }
    ResumeContinuation final_suspend() const noexcept { return {}; }
};

template <class T>
struct Promise : PromiseBase {
    std::variant<std::monostate, T, std::exception_ptr> result;
    Task<T> get_return_object() noexcept;
    template <class Value>
    void return_value(Value&& value) {
        result.template emplace<1>(std::forward<Value>(value));
    }
    void unhandled_exception() noexcept { result.template emplace<2>(std::current_exception()); }
    T take() {
        if (auto* fault = std::get_if<2>(&result)) {
            std::rethrow_exception(*fault);
        }
        return std::move(std::get<1>(result));
    }
};

template <>
struct Promise<void> : PromiseBase {
    std::exception_ptr fault;
    Task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { fault = std::current_exception(); }
    void take() const {
        if (fault) {
            std::rethrow_exception(fault);
        }
    }
};

} // namespace detail

/// A lazily started coroutine that runs on the event loop's thread and delivers one value, or
/// throws. It starts when awaited. Destroying a Task that has not finished cancels it and, through
/// the objects in its frame, everything under it: transfers, timers, pending questions.
///
/// What may stand in one full expression with a `co_await`: g++ 12 destroys an object twice that is
/// built in place there, out of parts with destructors. So give these a name in a statement before:
///
///     {secret, name}, Message{kind, text}   an object written with braces
///     [name] { ... }                        a lambda that captures such a part
///     on ? first() : second()               a choice between objects
///
/// An argument in braces that becomes an array ({a, b} for a vector) does not even compile. All
/// else is safe, by value too: results of functions, constructor calls, moved and copied variables,
/// references; and the awaited value may be used in place: `use(co_await task(), "more")`.
/// tests/daemon/loop/task_test.cpp shows both.
template <class T>
class [[nodiscard]] Task {
  public:
    using promise_type = detail::Promise<T>;

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            drop();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() { drop(); }

    auto operator co_await() && noexcept {
        struct Awaiter {
            std::coroutine_handle<promise_type> handle;
            bool await_ready() const noexcept { return handle.done(); }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
                handle.promise().continuation = awaiting;
                return handle;
            }
            T await_resume() const { return handle.promise().take(); }
        };
        return Awaiter{handle_};
    }

  private:
    friend promise_type;
    explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
    void drop() noexcept {
        if (handle_) {
            std::exchange(handle_, nullptr).destroy();
        }
    }

    std::coroutine_handle<promise_type> handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() noexcept {
    return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}

inline Task<void> detail::Promise<void>::get_return_object() noexcept {
    return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

/// A Task set going from ordinary code. Dropping the Job cancels it. The task must not let an
/// exception escape (that is a bug, and aborts); a Job must not be dropped from inside its own
/// task: hand that to Loop::post().
class Job {
  public:
    Job() = default;
    Job(Job&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
    Job& operator=(Job&& other) noexcept {
        if (this != &other) {
            drop();
            root_ = std::exchange(other.root_, nullptr);
        }
        return *this;
    }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    ~Job() { drop(); }

    /// Runs `task` until it first has to wait.
    static Job start(Task<void> task) {
        Job job = run(std::move(task));
        job.root_.resume();
        return job;
    }
    bool finished() const noexcept { return !root_ || root_.done(); }

    struct promise_type {
        Job get_return_object() noexcept {
            return Job(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };

  private:
    explicit Job(std::coroutine_handle<promise_type> root) noexcept : root_(root) {}
    static Job run(Task<void> task) { co_await std::move(task); }
    void drop() noexcept {
        if (root_) {
            std::exchange(root_, nullptr).destroy();
        }
    }

    std::coroutine_handle<promise_type> root_;
};

/// One value that a callback hands to the one coroutine awaiting it. It lives where the coroutine
/// can reach it (its frame, or an object its frame owns); when the frame is destroyed first, the
/// owner of the callback must have been told not to call any more.
template <class T>
class OneShot {
  public:
    OneShot() = default;
    OneShot(const OneShot&) = delete;
    OneShot& operator=(const OneShot&) = delete;

    /// Delivers and resumes the awaiting coroutine before it returns, so this is the last thing a
    /// callback does: the object that called may be gone afterwards. A second value is ignored.
    void set(T value) {
        if (result_.index() == 0) {
            result_.template emplace<1>(std::move(value));
            resume();
        }
    }
    void fail(std::exception_ptr fault) {
        if (result_.index() == 0) {
            result_.template emplace<2>(std::move(fault));
            resume();
        }
    }
    bool settled() const noexcept { return result_.index() != 0; }

    bool await_ready() const noexcept { return settled(); }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept { awaiting_ = awaiting; }
    T await_resume() {
        if (auto* fault = std::get_if<2>(&result_)) {
            std::rethrow_exception(*fault);
        }
        return std::move(std::get<1>(result_));
    }

  private:
    void resume() {
        if (awaiting_) {
            std::exchange(awaiting_, nullptr).resume();
        }
    }

    std::coroutine_handle<> awaiting_;
    std::variant<std::monostate, T, std::exception_ptr> result_;
};

} // namespace raxauth
