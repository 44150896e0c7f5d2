// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/state.h"

#include "tests/simulator/random_text.h"

#include <algorithm>
#include <cctype>

namespace raxauth::simulator {

using nlohmann::ordered_json;

bool is_mfa_mandatory(State& state, const Account& account) {
    if (account.enforcement == "REQUIRED") {
        return true;
    }
    const std::string& level = state.directory.domain(account.domain_id).enforcement;
    return level == "RACKSPACE_MANDATED" ||
           (account.enforcement == "DEFAULT" && level == "REQUIRED");
}

bool may_set_up(State& state, const Account& account) {
    return !account.mfa_enabled && is_mfa_mandatory(state, account);
}

bool is_mfa_locked(const State& state, const Account& account) {
    if (account.locked) {
        return true;
    }
    return account.wrong_passcodes >= state.switches.lock_after &&
           state.now() - account.last_wrong_passcode <
               std::chrono::seconds{state.switches.unlock_seconds};
}

Token& issue_token(State& state, Call& call, const Account& account, Scope scope,
                   std::vector<std::string> proofs, std::string tenant) {
    const Switches& switches = state.switches;
    const auto length = static_cast<std::size_t>(switches.token_length);
    Token token;
    token.id = scope == Scope::mfa_session
                   ? random_url_safe(static_cast<std::size_t>(switches.session_length))
               : length <= 32 ? random_hex(length)
                              : random_url_safe(length);
    token.user_id = account.id;
    token.user_name = account.name;
    token.scope = scope;
    token.tenant_id = std::move(tenant);
    token.authenticated_by = std::move(proofs);
    token.issued = state.now();
    const std::int64_t seconds = scope == Scope::mfa_session ? switches.session_seconds
                                 : scope == Scope::setup_mfa ? switches.setup_token_seconds
                                 : account.racker            ? switches.racker_token_seconds
                                                             : switches.token_seconds;
    std::chrono::milliseconds life = std::chrono::seconds{seconds};
    if (switches.token_lifetime_entropy && scope == Scope::none) {
        life +=
            std::chrono::milliseconds{seconds * (random_below(2001) - std::int64_t{1000}) / 100};
    }
    token.expires = token.issued + life;
    if (scope != Scope::mfa_session) {
        call.trace.issued = fingerprint(token.id);
    }
    return state.tokens.add(std::move(token));
}

ordered_json token_tree(State& state, const Token& token) {
    const Switches& switches = state.switches;
    ordered_json tree{{"id", token.id}, {"expires", iso8601(token.expires, switches.date_format)}};
    if (!token.tenant_id.empty()) {
        tree["tenant"] = {{"id", token.tenant_id}, {"name", token.tenant_id}};
    }
    std::vector<std::string> proofs = token.authenticated_by;
    std::sort(proofs.begin(), proofs.end());
    if (switches.authenticated_by_order == "reversed" ||
        (switches.authenticated_by_order == "random" && random_below(2) == 1)) {
        std::reverse(proofs.begin(), proofs.end());
    }
    tree["RAX-AUTH:authenticatedBy"] = proofs;
    return tree;
}

ordered_json user_tree(State& state, const Account& account, bool with_rcn_roles) {
    ordered_json tree{{"id", account.id}, {"name", account.name}};
    tree["RAX-AUTH:defaultRegion"] = account.region;
    if (!account.domain_id.empty()) {
        tree["RAX-AUTH:domainId"] = account.domain_id;
    }
    tree["RAX-AUTH:federated"] = account.federated;
    tree["RAX-AUTH:multiFactorEnabled"] = account.mfa_enabled;
    tree["RAX-AUTH:sessionInactivityTimeout"] = "PT15M";
    if (!account.email.empty()) {
        tree["email"] = account.email;
    }
    if (!account.contact_id.empty()) {
        tree["RAX-AUTH:contactId"] = account.contact_id;
    }
    if (!account.phone_pin.empty()) {
        tree["RAX-AUTH:phonePin"] = account.phone_pin;
        tree["RAX-AUTH:phonePinState"] = "ACTIVE";
    }
    tree["roles"] = ordered_json::array();
    for (const Role& role : account.roles) {
        if (role.rcn && !with_rcn_roles) {
            continue;
        }
        ordered_json one{{"id", role.id}, {"name", role.name}, {"description", role.description}};
        if (!role.tenant_id.empty()) {
            one["tenantId"] = role.tenant_id;
        }
        if (!role.service_id.empty()) {
            one["serviceId"] = role.service_id;
        }
        if (role.propagate) {
            one["RAX-AUTH:propagate"] = true;
        }
        tree["roles"].push_back(std::move(one));
    }
    static_cast<void>(state);
    return tree;
}

void send_sms(State& state, Call& call, const Account& account, const std::string& number,
              const std::string& text) {
    state.outbox.send({state.now(), account.name, number, text});
    call.trace.sms_sent = true;
}

bool is_true(const std::string& query_value) {
    return equal_ignoring_case(query_value, "true");
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) ==
               std::tolower(static_cast<unsigned char>(b));
    });
}

} // namespace raxauth::simulator
