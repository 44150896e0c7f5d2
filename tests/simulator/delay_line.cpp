// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/delay_line.h"

#include <microhttpd.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace raxauth::simulator {

DelayLine::DelayLine() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) {
        throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    thread_ = std::thread([this] { run(); });
}

DelayLine::~DelayLine() {
    close();
    thread_.join();
}

bool DelayLine::hold_until(MHD_Connection* connection, Moment due) {
    {
        const std::scoped_lock lock(mutex_);
        if (closed_) {
            return false;
        }
        MHD_suspend_connection(connection);
        timed_.push_back({due, connection});
        std::push_heap(timed_.begin(), timed_.end());
        if (timed_.front().connection != connection) {
            return true; // somebody else is due before: the thread wakes by itself
        }
    }
    wake();
    return true;
}

bool DelayLine::hold_until_gone(MHD_Connection* connection, int socket, bool* is_gone) {
    {
        const std::scoped_lock lock(mutex_);
        if (closed_) {
            return false;
        }
        MHD_suspend_connection(connection);
        watched_.push_back({connection, socket, is_gone});
    }
    wake();
    return true;
}

void DelayLine::close() {
    {
        const std::scoped_lock lock(mutex_);
        closed_ = true;
        for (const Timed& each : timed_) {
            MHD_resume_connection(each.connection);
        }
        for (const Watched& each : watched_) {
            *each.is_gone = true;
            MHD_resume_connection(each.connection);
        }
        timed_.clear();
        watched_.clear();
    }
    wake();
}

void DelayLine::wake() const {
    static_cast<void>(eventfd_write(wake_.get(), 1));
}

void DelayLine::resume_due() {
    const Moment now = std::chrono::steady_clock::now();
    while (!timed_.empty() && timed_.front().due <= now) {
        MHD_resume_connection(timed_.front().connection);
        std::pop_heap(timed_.begin(), timed_.end());
        timed_.pop_back();
    }
}

void DelayLine::resume_gone(const std::vector<int>& gone) {
    std::erase_if(watched_, [&](const Watched& each) {
        if (std::find(gone.begin(), gone.end(), each.socket) == gone.end()) {
            return false;
        }
        *each.is_gone = true;
        MHD_resume_connection(each.connection);
        return true;
    });
}

void DelayLine::run() {
    std::vector<pollfd> polled;
    for (;;) {
        std::timespec wait{};
        bool forever = true;
        {
            const std::scoped_lock lock(mutex_);
            if (closed_) {
                return;
            }
            resume_due();
            polled.assign(1, {wake_.get(), POLLIN, 0});
            for (const Watched& each : watched_) {
                polled.push_back({each.socket, POLLRDHUP, 0});
            }
            if (!timed_.empty()) {
                const auto left = std::max(timed_.front().due - std::chrono::steady_clock::now(),
                                           Moment::duration::zero());
                const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
                wait.tv_sec = seconds.count();
                wait.tv_nsec = std::chrono::nanoseconds(left - seconds).count();
                forever = false;
            }
        }
        if (ppoll(polled.data(), polled.size(), forever ? nullptr : &wait, nullptr) <= 0) {
            continue;
        }
        eventfd_t count = 0;
        static_cast<void>(eventfd_read(wake_.get(), &count));
        std::vector<int> gone;
        for (std::size_t i = 1; i < polled.size(); ++i) {
            if (polled[i].revents != 0) {
                gone.push_back(polled[i].fd);
            }
        }
        const std::scoped_lock lock(mutex_);
        resume_gone(gone);
    }
}

} // namespace raxauth::simulator
