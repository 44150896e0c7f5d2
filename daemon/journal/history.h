// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/journal/journal.h"
#include "daemon/loop/clock.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

namespace raxauth::journal {

/// A verdict as it is remembered for `raxauth status --last`.
struct PastVerdict {
    WallTime at{};
    std::string hook;
    std::string user;
    std::string service;
    std::string remote_host;
    State state = State::Unavailable;
    Reason reason = Reason::None;
    std::string why;
    std::chrono::milliseconds took{0};
};

/// The latest verdicts, in memory, bounded: those that root's programs asked for, and apart from
/// them those of everybody else, so that nobody can wash out what sshd and sudo were told.
class History {
  public:
    static constexpr std::size_t kMost = 512; ///< of either kind

    explicit History(const Clock& clock) : clock_(clock) {}
    /// Writes the line to the journal and remembers it.
    void record(const VerdictLine& given);
    /// Newest first; `visit` returns false to stop.
    void each(const std::function<bool(const PastVerdict&)>& visit) const;

  private:
    struct Recorded {
        std::uint64_t number = 0; ///< in the order of recording
        PastVerdict verdict;
    };
    using Ring = std::deque<Recorded>; ///< newest first

    const Clock& clock_;
    std::uint64_t recorded_ = 0;
    Ring of_root_;
    Ring of_others_;
};

} // namespace raxauth::journal
