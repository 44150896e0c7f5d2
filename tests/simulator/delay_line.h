// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"

#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

struct MHD_Connection;

namespace raxauth::simulator {

/// Holds connections back without keeping one of the server's threads: some until a time, some
/// until their client goes away. One thread of its own does the waiting.
class DelayLine {
  public:
    using Moment = std::chrono::steady_clock::time_point;

    DelayLine();
    ~DelayLine();
    DelayLine(const DelayLine&) = delete;
    DelayLine& operator=(const DelayLine&) = delete;

    /// Suspends `connection` (call it on the thread that serves it) and resumes it at `due`. False,
    /// and nothing suspended, once the line is closed.
    bool hold_until(MHD_Connection* connection, Moment due);
    /// Suspends `connection` and resumes it when the other end of `socket` is gone; `*is_gone` is
    /// set before that.
    bool hold_until_gone(MHD_Connection* connection, int socket, bool* is_gone);

    /// Resumes everything held, with `is_gone` set, and refuses newcomers. Must come before the
    /// server's stop, which does not bear suspended connections.
    void close();

  private:
    struct Timed {
        Moment due;
        MHD_Connection* connection;
        bool operator<(const Timed& other) const { return due > other.due; }
    };
    struct Watched {
        MHD_Connection* connection;
        int socket;
        bool* is_gone;
    };

    void run();
    void wake() const;
    void resume_due();
    void resume_gone(const std::vector<int>& gone);

    std::mutex mutex_;
    std::vector<Timed> timed_; ///< a heap, the next due first
    std::vector<Watched> watched_;
    bool closed_ = false;
    UniqueFd wake_;
    std::thread thread_;
};

} // namespace raxauth::simulator
