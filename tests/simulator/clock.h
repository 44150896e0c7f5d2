// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

namespace raxauth::simulator {

/// Wall-clock time at the precision Identity writes into its replies.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Where the simulator gets its notion of time from; the unit tests move theirs by hand.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual Time now() const = 0;
};

/// The machine's clock, shifted by what the control interface asked for.
class ShiftedClock final : public Clock {
  public:
    Time now() const override;
    void shift_to(std::chrono::seconds offset) { offset_ = offset; }
    std::chrono::seconds offset() const { return offset_; }

  private:
    std::atomic<std::chrono::seconds> offset_{std::chrono::seconds{0}};
};

/// `format` is one of the words of the switch `date_format`: "z_ms" (2015-06-05T16:24:57.637Z),
/// "z", "offset_ms" (2014-01-09T15:08:53.645-06:00), "offset". All four were seen in the
/// documentation.
std::string iso8601(Time time, std::string_view format = "z_ms");

} // namespace raxauth::simulator
