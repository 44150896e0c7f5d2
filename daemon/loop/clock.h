// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace raxauth {

using WallTime = std::chrono::system_clock::time_point;
using MonotonicTime = std::chrono::steady_clock::time_point;

/// What time it is; passed in so that tests can move it. Wall time is for what other machines and
/// people say (token expiry, limiter windows that survive a restart), monotonic time for waiting.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual WallTime wall() const = 0;
    virtual MonotonicTime monotonic() const = 0;
};

class SystemClock final : public Clock {
  public:
    WallTime wall() const override { return std::chrono::system_clock::now(); }
    MonotonicTime monotonic() const override { return std::chrono::steady_clock::now(); }
};

} // namespace raxauth
