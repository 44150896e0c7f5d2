// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/state.h"

namespace raxauth::simulator {

/// Whether a path is one of /v2.0/users/{id}/RAX-AUTH/multi-factor/... or the domain's.
bool is_factor_call(const Call& call);
/// The step of such a call, as the request log and faults name it.
std::string factor_step(const Call& call);

/// Answers the management of the second factor (docs/identity-v2.md, section 3).
Reply answer_factor_call(State& state, Call& call);

} // namespace raxauth::simulator
