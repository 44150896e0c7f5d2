// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/first_step_time.h"

#include <chrono>
#include <random>

namespace raxauth::flows {
namespace {

/// Before the real time is known.
constexpr std::chrono::milliseconds kTypicalFirstStep{250};

} // namespace

Task<void> take_the_time_of_a_first_step(Services& services) {
    std::chrono::microseconds typical = services.identity.reachability().round_trip;
    if (typical.count() <= 0) {
        typical = kTypicalFirstStep;
    }
    static thread_local std::minstd_rand random{std::random_device{}()};
    std::uniform_real_distribution<double> jitter(0.9, 1.2);
    const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::duration<double, std::micro>(static_cast<double>(typical.count()) *
                                                  jitter(random)));
    co_await services.sleep(wait);
}

} // namespace raxauth::flows
