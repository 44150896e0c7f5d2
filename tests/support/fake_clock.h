// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/clock.h"

namespace raxauth::testing {

/// Stands still until it is moved.
class FakeClock final : public Clock {
  public:
    WallTime wall() const override { return wall_; }
    MonotonicTime monotonic() const override { return monotonic_; }

    void advance(std::chrono::microseconds time) {
        wall_ += time;
        monotonic_ += time;
    }

    /// Somebody sets the wall clock; time itself goes on as before.
    void set_wall(std::chrono::microseconds by) { wall_ += by; }

  private:
    // 2026-01-15 12:00 UTC: no daylight saving near, no day's end near.
    WallTime wall_{std::chrono::seconds{1'768'478'400}};
    MonotonicTime monotonic_{std::chrono::hours{1}};
};

} // namespace raxauth::testing
