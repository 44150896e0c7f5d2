// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/state.h"

namespace raxauth::simulator {

/// Fills in step and, for a password change (which needs no token), the user.
void identify_user_call(State& state, Call& call);

/// Answers the calls about users (docs/identity-v2.md, section 4).
Reply answer_user_call(State& state, Call& call);

} // namespace raxauth::simulator
