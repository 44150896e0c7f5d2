// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace raxauth::cli {

struct ChildResult {
    int status = -1;    ///< exit status; 128 + number for a signal
    std::string output; ///< standard output and error, at most 1 MiB; the rest is dropped

    bool succeeded() const noexcept { return status == 0; }
};

/// Runs a program by its path, without a shell, with a small fixed environment and no input, and
/// waits for its end.
/// Errors: Failure, when it cannot be started.
ChildResult run_child(const std::string& program, const std::vector<std::string>& arguments);

} // namespace raxauth::cli
