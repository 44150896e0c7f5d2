// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/failure.h"
#include "cli/surroundings.h"

#include <cstdint>
#include <string>

/// One function for each verb. They print what was asked for on standard output and throw Failure
/// where they cannot.
namespace raxauth::cli {

struct CheckConfigOptions {
    std::string file; ///< empty: the configuration of this host
    bool json = false;
};
ExitStatus check_config(const Surroundings& around, const CheckConfigOptions& options);
ExitStatus reload(const Surroundings& around);

ExitStatus status(const Surroundings& around, bool json);
/// The newest verdicts and the rule that decided each.
ExitStatus history(const Surroundings& around, std::uint32_t most, bool json);

ExitStatus sessions(const Surroundings& around, bool json);
ExitStatus logout(const Surroundings& around);
ExitStatus flush(const Surroundings& around, const std::string& user);

/// The token and a line break, nothing else.
ExitStatus token(const Surroundings& around);
/// Lines for the shell's eval.
ExitStatus env(const Surroundings& around);

/// Signs in for the present session. `from_stdin`: the answers are lines of standard input.
ExitStatus login(const Surroundings& around, bool from_stdin);

ExitStatus setup_sshd(const Surroundings& around, const SshdSetupOptions& options);

} // namespace raxauth::cli
