// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/state.h"

namespace raxauth::simulator {

/// What a POST /v2.0/tokens asks for. Several credential objects at once: the first of API key,
/// password, passcode, token counts.
enum class Credential { none, api_key, password, passcode, token };

Credential credential_in(const nlohmann::json& body);

/// The user a POST /v2.0/tokens concerns (named in the body, or behind the session or token), if
/// known; fills in step, user, tenant and domain of the trace.
void identify_sign_in(State& state, Call& call);

/// Answers POST /v2.0/tokens (docs/identity-v2.md, section 1).
Reply answer_sign_in(State& state, Call& call);

} // namespace raxauth::simulator
