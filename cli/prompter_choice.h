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

/// How to ask the person: by lines of standard input if that is requested and it is no terminal,
/// else on the controlling terminal. Without a terminal, messages go to standard error and a
/// question is a Failure (Usage); at once with `sure_to_ask`.
std::unique_ptr<Prompter> choose_prompter(const PrompterWish& wish);

} // namespace raxauth::cli
