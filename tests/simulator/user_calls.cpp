// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/user_calls.h"

#include "tests/simulator/token_calls.h"

#include <algorithm>
#include <cctype>

namespace raxauth::simulator {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

Reply not_found(Call& call, const char* message) {
    return with_outcome(call, "not-found", fault_reply(404, "itemNotFound", message));
}

Reply not_allowed(Call& call) {
    return with_outcome(call, "forbidden", fault_reply(403, "forbidden", "Not Authorized"));
}

ordered_json full_tree(State& state, const Account& account) {
    ordered_json tree{{"id", account.id},
                      {"username", account.name},
                      {"email", account.email},
                      {"enabled", account.enabled},
                      {"created", "2014-01-09T15:08:53.645Z"},
                      {"RAX-AUTH:domainId", account.domain_id},
                      {"RAX-AUTH:defaultRegion", account.region},
                      {"RAX-AUTH:multiFactorEnabled", account.mfa_enabled},
                      {"RAX-AUTH:userMultiFactorEnforcementLevel", account.enforcement}};
    if (account.mfa_enabled) {
        tree["RAX-AUTH:multiFactorState"] = is_mfa_locked(state, account) ? "LOCKED" : "ACTIVE";
        tree["RAX-AUTH:factorType"] = account.factor_type;
    }
    return tree;
}

bool may_see(const Caller& caller, const Account& account) {
    return may_act_on(*caller.account, account);
}

Reply one_user(State& state, Call& call, const Caller& caller, const Account* account) {
    if (account == nullptr || (!may_see(caller, *account) && !is_user_admin(*caller.account))) {
        return account == nullptr ? not_found(call, "User not found.") : not_allowed(call);
    }
    if (!may_see(caller, *account)) {
        return not_found(call, "User not found.");
    }
    return with_outcome(call, "user", json_reply(200, {{"user", full_tree(state, *account)}}));
}

Reply list_users(State& state, Call& call, const Caller& caller) {
    const std::string name = call.request.query_value("name");
    if (!name.empty()) {
        return one_user(state, call, caller, state.directory.by_name(name));
    }
    const std::string email = call.request.query_value("email");
    ordered_json list = ordered_json::array();
    for (const auto& [key, account] : state.directory.all()) {
        if (may_see(caller, *account) && (email.empty() || account->email == email)) {
            list.push_back(full_tree(state, *account));
        }
    }
    return with_outcome(call, "users", json_reply(200, {{"users", std::move(list)}}));
}

Reply list_roles(Call& call, const Caller& caller, const Account* account, bool effective) {
    if (account == nullptr) {
        return not_found(call, "User not found.");
    }
    if (!may_see(caller, *account)) {
        return not_allowed(call);
    }
    ordered_json list = ordered_json::array();
    for (const Role& role : account->roles) {
        // Global roles only; the effective ones are those on tenants as well.
        if (!effective && !role.tenant_id.empty()) {
            continue;
        }
        ordered_json one{{"id", role.id}, {"name", role.name}, {"description", role.description}};
        if (!role.tenant_id.empty()) {
            one["tenantId"] = role.tenant_id;
        }
        list.push_back(std::move(one));
    }
    return with_outcome(call, "roles", json_reply(200, {{"roles", std::move(list)}}));
}

bool is_strong(const std::string& password) {
    const auto has = [&](int (*kind)(int)) {
        return std::any_of(password.begin(), password.end(),
                           [&](unsigned char letter) { return kind(letter) != 0; });
    };
    return password.size() >= 8 && password.size() <= 100 && has(std::isupper) &&
           has(std::islower) && has(std::isdigit);
}

const json* change_request(const Call& call) {
    constexpr const char* kName = "RAX-AUTH:changePasswordCredentials";
    return call.body.is_object() && call.body.contains(kName) && call.body[kName].is_object()
               ? &call.body[kName]
               : nullptr;
}

std::string text_in(const json& object, const char* name) {
    return object.contains(name) && object[name].is_string() ? object[name].get<std::string>()
                                                             : std::string();
}

Reply change_password(State& state, Call& call) {
    const json* wanted = change_request(call);
    if (wanted == nullptr) {
        return with_outcome(call, "bad-request",
                            fault_reply(400, "badRequest", "Invalid json request body"));
    }
    Account* account = call.account;
    const std::string password = text_in(*wanted, "password");
    const std::string fresh = text_in(*wanted, "newPassword");
    if (account == nullptr || password.empty() || account->password != password) {
        return with_outcome(
            call, "wrong-credentials",
            fault_reply(401, "unauthorized",
                        coded(state.switches, "AUTH-004",
                              "Unable to authenticate user with credentials provided.")));
    }
    if (!account->enabled) {
        return with_outcome(
            call, "disabled",
            fault_reply(403, "userDisabled", "User '" + account->name + "' is disabled."));
    }
    if (fresh == password) {
        return with_outcome(
            call, "same-password",
            fault_reply(400, "badRequest",
                        "The new password must be different from the current one."));
    }
    if (!is_strong(fresh)) {
        return with_outcome(
            call, "weak-password",
            fault_reply(400, "badRequest",
                        coded(state.switches, "VP-000",
                              "Password must be between 8 and 100 characters in length and contain "
                              "an upper-case letter, a lower-case letter and a number.")));
    }
    account->password = fresh;
    account->password_expired = false;
    state.tokens.revoke_if(state.now(), [&](const Token& token) {
        return token.user_id == account->id &&
               (token.authenticated_by.empty() || token.authenticated_by.front() != "APIKEY");
    });
    return with_outcome(call, "password-changed", empty_reply(204));
}

bool is_password_change(const Call& call) {
    return call.request.method == "POST" && call.path.size() == 3 && call.path[1] == "RAX-AUTH" &&
           call.path[2] == "change-pwd";
}

} // namespace

void identify_user_call(State& state, Call& call) {
    if (is_password_change(call)) {
        call.trace.step = "change-password";
        if (const json* wanted = change_request(call)) {
            call.trace.user = text_in(*wanted, "username");
            call.account = state.directory.by_name(call.trace.user);
        }
        return;
    }
    call.trace.step = call.path.back() == "roles" ? "roles" : "users";
}

Reply answer_user_call(State& state, Call& call) {
    if (call.path[0] != "users") {
        return not_found(call, "Not Found");
    }
    if (is_password_change(call)) {
        return change_password(state, call);
    }
    Caller caller;
    if (auto refusal = refuse_caller(state, call, caller)) {
        return *std::move(refusal);
    }
    if (caller.token->scope != Scope::none) {
        return scope_refused(call);
    }
    if (call.request.method != "GET") {
        return with_outcome(call, "bad-method",
                            fault_reply(405, "badMethod", "Method Not Allowed"));
    }
    const std::size_t depth = call.path.size();
    if (depth == 1) {
        return list_users(state, call, caller);
    }
    const Account* account = state.directory.by_id(call.path[1]);
    if (depth == 2) {
        return one_user(state, call, caller, account);
    }
    const bool effective = depth == 4 && call.path[2] == "RAX-AUTH" && call.path[3] == "roles";
    if (effective || (depth == 3 && call.path[2] == "roles")) {
        return list_roles(call, caller, account, effective);
    }
    return not_found(call, "Not Found");
}

} // namespace raxauth::simulator
