// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus/step.h"
#include "pam/outcome.h"

#include <string>
#include <variant>

namespace raxauth::pam {

using client::Message;
using client::Step;

/// Why there was no step. The reason is for the log.
struct CallFailure {
    Outcome outcome = Outcome::Fault; // Unavailable, Denied, Cancelled or Fault
    std::string reason;
};

using Reply = std::variant<Step, CallFailure>;

/// Every state but Ask: that is no verdict, so it is a fault where a verdict is due.
Outcome outcome_of(State state) noexcept;

} // namespace raxauth::pam
