// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdio>
#include <vector>

namespace raxauth::bench {

/// Microseconds that `work` takes.
template <class Work>
double timed(Work&& work) {
    const auto begun = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
    return took.count();
}

/// One line of JSON for the script that asked: microseconds, in order.
inline void print_samples(const std::vector<double>& samples) {
    std::printf("[");
    const char* separator = "";
    for (const double sample : samples) {
        std::printf("%s%.1f", separator, sample);
        separator = ",";
    }
    std::printf("]\n");
    std::fflush(stdout);
}

} // namespace raxauth::bench
