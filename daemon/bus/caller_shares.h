// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/clock.h"

#include <cstddef>
#include <sys/types.h>
#include <unordered_map>

namespace raxauth::bus {

/// How much of the daemon one local user other than root may take, so that nobody keeps others from
/// signing in. Calls are bounded by rate, since each may write a line (journald drops what a
/// service writes beyond 10000 lines in 30 s) and asks NSS; and by how many wait for NSS at once,
/// since the worker takes them in order. All on the loop's thread.
class CallerShares {
  public:
    static constexpr double kBurst = 200;
    static constexpr double kPerSecond = 50;
    static constexpr unsigned kAtOnce = 16;

    explicit CallerShares(const Clock& clock) : clock_(clock) {}
    CallerShares(const CallerShares&) = delete;
    CallerShares& operator=(const CallerShares&) = delete;

    /// A place among the calls of one user, until it is destroyed. Not outlived by the shares.
    class Place {
      public:
        Place(CallerShares& shares, uid_t uid);
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();
        /// False: this user has had their share, and the call is to be refused.
        bool taken() const noexcept { return taken_; }

      private:
        CallerShares& shares_;
        uid_t uid_;
        bool taken_;
    };

  private:
    struct Share {
        double left = kBurst;
        MonotonicTime counted_at{};
        MonotonicTime warned_at{};
        bool warned = false;
        unsigned at_once = 0;
    };

    bool take(uid_t uid);
    void give_back(uid_t uid) noexcept;
    void forget_idle();
    void warn(Share& share, uid_t uid);

    const Clock& clock_;
    std::unordered_map<uid_t, Share> shares_;
};

} // namespace raxauth::bus
