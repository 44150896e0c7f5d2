// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/loop.h"

#include <algorithm>
#include <chrono>
#include <systemd/sd-event.h>

namespace raxauth::testing {

/// Runs what is ready now, and what becomes ready by that; waits for nothing. Bounded, so that
/// callbacks that post each other for ever fail a test instead of hanging it.
inline bool run_until_idle(Loop& loop) {
    for (int turn = 0; turn < 100'000; ++turn) {
        if (sd_event_run(loop.event(), 0) <= 0) {
            return true;
        }
    }
    return false;
}

/// Runs the loop until `done()` holds; false when it does not within `longest`.
template <class Done>
bool run_until(Loop& loop, Done done,
               std::chrono::microseconds longest = std::chrono::seconds{10}) {
    // What another thread does wakes no loop: it is looked at every now and then.
    constexpr std::chrono::microseconds kLook{10'000};
    const auto end = std::chrono::steady_clock::now() + longest;
    while (!done()) {
        const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(
            end - std::chrono::steady_clock::now());
        const auto left = std::min(whole, kLook);
        if (left.count() <= 0 ||
            sd_event_run(loop.event(), static_cast<std::uint64_t>(left.count())) < 0) {
            return done();
        }
    }
    return true;
}

} // namespace raxauth::testing
