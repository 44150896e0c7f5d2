// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace raxauth::journal {

/// One line, in the form of either receiver.
struct LogLine {
    std::string native; ///< journald's own protocol; see systemd.io/JOURNAL_NATIVE_PROTOCOL
    std::string syslog; ///< as syslog(3) writes it to /dev/log
};

/// The end of a datagram socket that some logger listens on. Never waits.
class LogSocket {
  public:
    explicit LogSocket(std::string path) : path_(std::move(path)) {}

    enum class Sent {
        Yes,
        Full,   ///< the logger does not read; later, perhaps
        Absent, ///< nobody listens, or nobody who understands
    };
    Sent send(std::string_view datagram);

  private:
    bool connect();

    const std::string path_;
    UniqueFd fd_;
};

/// Lines on their way to journald, or to syslog where there is no journald. sd_journal_sendv(3) and
/// syslog(3) wait for a logger that does not read, and with them every sign-in: here lines wait, a
/// bounded number of them, and those beyond are counted.
class LogQueue {
  public:
    static constexpr std::size_t kMost = 2048;

    /// `lost_line` makes the line that tells how many were lost.
    LogQueue(std::string native, std::string syslog,
             std::function<LogLine(std::uint64_t)> lost_line)
        : native_(std::move(native)), syslog_(std::move(syslog)), lost_line_(std::move(lost_line)) {
    }

    void write(LogLine line);
    /// Sends what waits, as far as it is taken. True: nothing waits any more.
    bool flush();
    std::size_t waiting() const noexcept { return waiting_.size(); }
    std::uint64_t lost() const noexcept { return lost_; }

  private:
    /// False: it has to wait.
    bool send(const LogLine& line);

    LogSocket native_;
    LogSocket syslog_;
    const std::function<LogLine(std::uint64_t)> lost_line_;
    std::deque<LogLine> waiting_;
    std::uint64_t lost_ = 0; ///< and not told yet
};

} // namespace raxauth::journal
