// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/conversation/verdict.h"

namespace raxauth::flows {

/// Thrown by a step that ends its flow, and caught once, where the flow runs its steps. It never
/// leaves the flow. Deliberately no std::exception: nothing that handles faults may catch it.
struct Ended {
    conversation::Verdict verdict;
};

} // namespace raxauth::flows
