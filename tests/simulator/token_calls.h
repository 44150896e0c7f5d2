// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/state.h"

namespace raxauth::simulator {

/// Who makes a call that needs X-Auth-Token.
struct Caller {
    Token* token = nullptr;
    Account* account = nullptr;
};

/// The caller behind X-Auth-Token, or the refusal: 401 for none, an unknown or a dead one, 403 for
/// a session id of the two-step sign-in, which may do nothing but step two.
std::optional<Reply> refuse_caller(State& state, Call& call, Caller& caller);

/// 403, what a scoped token gets where it has no business.
Reply scope_refused(Call& call);

/// Whether `caller` may act on `subject`: on oneself, or as an administrator of the same domain or
/// of all.
bool may_act_on(const Account& caller, const Account& subject);
bool is_identity_admin(const Account& account);
bool is_user_admin(const Account& account);

/// Answers GET and DELETE under /v2.0/tokens (docs/identity-v2.md, section 2).
Reply answer_token_call(State& state, Call& call);

} // namespace raxauth::simulator
