// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/loop.h"
#include "daemon/loop/task.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace raxauth {

/// Thrown at the caller when too much work is queued already.
struct WorkerBusy : std::runtime_error {
    WorkerBusy() : std::runtime_error("worker queue is full") {}
};

/// The one thread for what may take long or block: memory-hard hashing, NSS look-ups, files.
/// Work is done in order, what is urgent before the rest. The queue is bounded; a full one refuses
/// new work.
class Worker {
  public:
    /// Urgent is what root's programs wait for: sshd must not stand behind the look-ups that a user
    /// without rights has begun.
    enum class Order { Plain, Urgent };

    /// `loop` outlives the worker. Errors: std::system_error.
    explicit Worker(Loop& loop, std::size_t queue_limit = 1024);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    /// Waits for the piece of work under way; queued work is dropped.
    ~Worker();

    /// Runs `work` on the thread and delivers its value (or exception) on the loop. Dropping the
    /// Task abandons the result, not the work: `work` must own everything it touches.
    template <class Work>
    Task<std::invoke_result_t<Work>> run(Work work, Order order = Order::Plain) {
        using Value = std::invoke_result_t<Work>;
        struct Shared {
            OneShot<bool> done;
            std::optional<Value> value;
            std::exception_ptr fault;
            bool abandoned = false;
        };
        struct Abandon {
            std::shared_ptr<Shared> shared;
            ~Abandon() { shared->abandoned = true; }
        };
        auto shared = std::make_shared<Shared>();
        const Abandon guard{shared};
        submit(
            [shared, work = std::move(work)]() mutable {
                try {
                    shared->value.emplace(work());
                } catch (...) {
                    shared->fault = std::current_exception();
                }
            },
            [shared] {
                if (!shared->abandoned) {
                    shared->done.set(true);
                }
            },
            order);
        co_await shared->done;
        if (shared->fault) {
            std::rethrow_exception(shared->fault);
        }
        co_return std::move(*shared->value);
    }

  private:
    /// `work` runs on the thread, then `finished` on the loop.
    void submit(std::function<void()> work, std::function<void()> finished, Order order);

    struct Thread;
    std::unique_ptr<Thread> thread_;
};

} // namespace raxauth
