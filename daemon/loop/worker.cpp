// SPDX-License-Identifier: Apache-2.0
#include "daemon/loop/worker.h"

#include "common/unique_fd.h"

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <vector>

namespace raxauth {
namespace {

struct Piece {
    std::function<void()> work;
    std::function<void()> finished;
};

/// No signal is ever delivered to the thread: they are the loop's (signalfd).
class BlockedSignals {
  public:
    BlockedSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;
    ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_{};
};

} // namespace

struct Worker::Thread {
    Thread(Loop& loop, std::size_t limit) : queue_limit(limit) {
        wakeup.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!wakeup) {
            throw std::system_error(errno, std::generic_category(), "create an eventfd");
        }
        watch = loop.watch(wakeup.get(), EPOLLIN, [this](std::uint32_t) { deliver(); }, kPrompt);
        const BlockedSignals blocked; // inherited by the thread
        thread = std::thread([this] { run(); });
    }
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
    ~Thread() {
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        more.notify_one();
        thread.join();
    }

    void submit(Piece piece, Order order) {
        {
            const std::lock_guard lock(mutex);
            std::deque<Piece>& queue = order == Order::Urgent ? urgent : queued;
            if (queue.size() >= queue_limit) {
                throw WorkerBusy();
            }
            queue.push_back(std::move(piece));
        }
        more.notify_one();
    }

    /// The thread. Pieces are destroyed on the loop's side, where their owners live.
    void run() noexcept {
        std::unique_lock lock(mutex);
        for (;;) {
            more.wait(lock, [this] { return stopping || !urgent.empty() || !queued.empty(); });
            if (stopping) {
                return;
            }
            std::deque<Piece>& queue = urgent.empty() ? queued : urgent;
            Piece piece = std::move(queue.front());
            queue.pop_front();
            lock.unlock();
            piece.work();
            lock.lock();
            done.push_back(std::move(piece));
            lock.unlock(); // or the loop would wake only to wait for it
            // Cannot fail but by a full counter, which wakes just as well.
            static_cast<void>(eventfd_write(wakeup.get(), 1));
            lock.lock();
        }
    }

    /// On the loop. A callback may destroy the Worker: nothing of `this` is touched after the swap.
    void deliver() {
        eventfd_t count = 0;
        static_cast<void>(eventfd_read(wakeup.get(), &count)); // what counts is what is done
        std::vector<Piece> now;
        {
            const std::lock_guard lock(mutex);
            now.swap(done);
        }
        for (Piece& piece : now) {
            piece.work = nullptr;
            piece.finished();
        }
    }

    const std::size_t queue_limit;
    std::mutex mutex;
    std::condition_variable more;
    std::deque<Piece> urgent;
    std::deque<Piece> queued;
    std::vector<Piece> done;
    bool stopping = false;
    UniqueFd wakeup;
    IoWatch watch;
    std::thread thread; ///< last: it uses all of the above
};

Worker::Worker(Loop& loop, std::size_t queue_limit)
    : thread_(std::make_unique<Thread>(loop, queue_limit)) {}

Worker::~Worker() = default;

void Worker::submit(std::function<void()> work, std::function<void()> finished, Order order) {
    thread_->submit({std::move(work), std::move(finished)}, order);
}

} // namespace raxauth
