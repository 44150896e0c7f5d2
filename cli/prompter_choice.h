// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/prompter.h"

#include <memory>
#include <string>

namespace raxauth::cli {

struct PrompterWish {
    std::string command;      ///< as typed, for the advice: "raxauth login"
    bool from_stdin = false;  ///< --stdin
    bool sure_to_ask = false; ///< no use to begin where nothing can be asked
};

/// Who asks the person: lines of standard input where that is wished and it is no terminal, else
/// the controlling terminal. Where there is none, messages go to standard error, and a question is
/// a Failure (Usage); at once, if there is sure to be one.
std::unique_ptr<Prompter> choose_prompter(const PrompterWish& wish);

} // namespace raxauth::cli
