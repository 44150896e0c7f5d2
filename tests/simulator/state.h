// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/clock.h"
#include "tests/simulator/directory.h"
#include "tests/simulator/outbox.h"
#include "tests/simulator/reply.h"
#include "tests/simulator/request.h"
#include "tests/simulator/switches.h"
#include "tests/simulator/token_store.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace raxauth::simulator {

/// All that the simulated service knows. Guarded by the mutex of `Identity`.
struct State {
    const Clock& clock;
    Outbox& outbox;
    Directory directory;
    Switches switches;
    TokenStore tokens;

    Time now() const { return clock.now(); }
};

/// A request being answered, with what the dispatcher found out about it.
struct Call {
    const Request& request;
    std::vector<std::string> path; ///< segments after /v2.0
    nlohmann::json body;           ///< discarded if the body is no JSON
    Trace trace;
    Account* account = nullptr; ///< whom the step concerns, where that is known
};

/// Says the outcome in the log and hands the reply on.
inline Reply with_outcome(Call& call, std::string outcome, Reply reply) {
    call.trace.outcome = std::move(outcome);
    return reply;
}

/// Whether the user's level, and behind it the domain's, makes a second factor mandatory.
bool is_mfa_mandatory(State& state, const Account& account);
/// Whether a SETUP-MFA token may be asked for: neither level says OPTIONAL (identity-api, 2.7).
bool may_set_up(State& state, const Account& account);
/// Whether the person must wait, or call somebody, before another passcode is looked at.
bool is_mfa_locked(const State& state, const Account& account);

/// Issues a token; `proofs` are the members of RAX-AUTH:authenticatedBy.
Token& issue_token(State& state, Call& call, const Account& account, Scope scope,
                   std::vector<std::string> proofs, std::string tenant);

/// `token` and `user` of an `access` object.
nlohmann::ordered_json token_tree(State& state, const Token& token);
nlohmann::ordered_json user_tree(State& state, const Account& account, bool with_rcn_roles);

void send_sms(State& state, Call& call, const Account& account, const std::string& number,
              const std::string& text);

bool is_true(const std::string& query_value);
bool equal_ignoring_case(std::string_view left, std::string_view right);

} // namespace raxauth::simulator
