// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/token_calls.h"

#include "tests/simulator/catalogue.h"
#include "tests/simulator/random_text.h"

namespace raxauth::simulator {

namespace {

using nlohmann::ordered_json;

constexpr const char* kBadToken =
    "No valid token provided. Please use the 'X-Auth-Token' header with a "
    "valid token.";

Reply not_found(Call& call) {
    return with_outcome(call, "not-found", fault_reply(404, "itemNotFound", "Token not found."));
}

Reply not_allowed(Call& call) {
    return with_outcome(call, "forbidden", fault_reply(403, "forbidden", "Not Authorized"));
}

Reply validate(State& state, Call& call, const Caller& caller, const std::string& id) {
    if (caller.token->scope != Scope::none) {
        return scope_refused(call);
    }
    if (id != caller.token->id && !is_identity_admin(*caller.account) &&
        !caller.account->has_role("identity:validate-token-global")) {
        return not_allowed(call);
    }
    const Token* subject = state.tokens.find(id);
    if (subject == nullptr || !state.tokens.is_live(*subject, state.now()) ||
        subject->scope != Scope::none) {
        return not_found(call);
    }
    const Account* account = state.directory.by_id(subject->user_id);
    const bool rcn = is_true(call.request.query_value("apply_rcn_roles"));
    const std::string belongs_to = call.request.query_value("belongsTo");
    if (account == nullptr || (!belongs_to.empty() && !account->may_use_tenant(belongs_to, rcn))) {
        return not_found(call);
    }
    ordered_json access{{"token", token_tree(state, *subject)},
                        {"user", user_tree(state, *account, rcn)}};
    return with_outcome(call, "valid",
                        json_reply(200, ordered_json{{"access", std::move(access)}}));
}

Reply list_endpoints(State& state, Call& call, const Caller& caller, const std::string& id) {
    const Token* subject = state.tokens.find(id);
    if (subject == nullptr || subject->scope != Scope::none ||
        !state.tokens.is_live(*subject, state.now())) {
        return not_found(call);
    }
    if (id != caller.token->id && !is_identity_admin(*caller.account)) {
        return not_allowed(call);
    }
    const Account* account = state.directory.by_id(subject->user_id);
    Reply reply;
    reply.body = endpoints_text(account == nullptr ? "" : account->tenant_id);
    return with_outcome(call, "endpoints", std::move(reply));
}

Reply revoke(State& state, Call& call, const Caller& caller, const std::string& id) {
    Token* subject = state.tokens.find(id);
    if (subject == nullptr || !state.tokens.is_live(*subject, state.now())) {
        return not_found(call);
    }
    if (subject->id != caller.token->id) {
        if (caller.token->scope != Scope::none) {
            return scope_refused(call);
        }
        const Account* owner = state.directory.by_id(subject->user_id);
        if (owner == nullptr || !may_act_on(*caller.account, *owner)) {
            return not_allowed(call);
        }
    }
    subject->revoked = true;
    return with_outcome(call, "revoked", empty_reply(204));
}

} // namespace

std::optional<Reply> refuse_caller(State& state, Call& call, Caller& caller) {
    caller.token = state.tokens.find(call.request.header("x-auth-token").value_or(""));
    if (caller.token != nullptr) {
        caller.account = state.directory.by_id(caller.token->user_id);
    }
    if (caller.account == nullptr || !state.tokens.is_live(*caller.token, state.now())) {
        return with_outcome(call, "bad-token", fault_reply(401, "unauthorized", kBadToken));
    }
    if (caller.token->scope == Scope::mfa_session) {
        return scope_refused(call);
    }
    if (!caller.account->enabled || !state.directory.domain(caller.account->domain_id).enabled) {
        return with_outcome(
            call, "disabled",
            fault_reply(403, "userDisabled", "User '" + caller.account->name + "' is disabled."));
    }
    return std::nullopt;
}

Reply scope_refused(Call& call) {
    return with_outcome(
        call, "scoped-token",
        fault_reply(403, "forbidden",
                    "The scope of this token does not allow access to this resource"));
}

bool is_identity_admin(const Account& account) {
    return account.has_role("identity:admin") || account.has_role("identity:service-admin");
}

bool is_user_admin(const Account& account) {
    return account.has_role("identity:user-admin") || account.has_role("identity:user-manage");
}

bool may_act_on(const Account& caller, const Account& subject) {
    if (&caller == &subject || is_identity_admin(caller)) {
        return true;
    }
    const bool above = !is_identity_admin(subject) && (caller.has_role("identity:user-admin") ||
                                                       !subject.has_role("identity:user-admin"));
    return is_user_admin(caller) && caller.domain_id == subject.domain_id && above;
}

Reply answer_token_call(State& state, Call& call) {
    Caller caller;
    if (auto refusal = refuse_caller(state, call, caller)) {
        return *std::move(refusal);
    }
    const std::string& method = call.request.method;
    if (call.path.size() == 1 && method == "DELETE") {
        return revoke(state, call, caller, caller.token->id);
    }
    if (call.path.size() == 2 && method == "DELETE") {
        return revoke(state, call, caller, call.path[1]);
    }
    if (call.path.size() == 2 && (method == "GET" || method == "HEAD")) {
        return validate(state, call, caller, call.path[1]);
    }
    if (call.path.size() == 3 && call.path[2] == "endpoints" && method == "GET") {
        return list_endpoints(state, call, caller, call.path[1]);
    }
    return with_outcome(call, "bad-method", fault_reply(405, "badMethod", "Method Not Allowed"));
}

} // namespace raxauth::simulator
