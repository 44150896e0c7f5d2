// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy/access_rules.h"

#include "common/letter_case.h"

#include <algorithm>
#include <string_view>

namespace raxauth::policy {
namespace {

using identity::Role;
using identity::UserFacts;

/// Is the token scoped to the tenant that was asked for? Identity ignores a tenant in the wrong
/// place of the request without a word, so what it says about the token is what counts.
bool in_tenant(const UserFacts& user, const identity::Account& asked) {
    if (!asked.tenant_id.empty()) {
        return user.tenant_id == asked.tenant_id;
    }
    return asked.tenant_name.empty() || user.tenant_name == asked.tenant_name;
}

/// A role of one tenant says nothing about another. The token's own tenant has been checked to be
/// the configured one.
bool counts(const Role& role, const UserFacts& user, const identity::Account& asked) {
    const bool tenant_configured = !asked.tenant_id.empty() || !asked.tenant_name.empty();
    return role.tenant_id.empty() || (tenant_configured && role.tenant_id == user.tenant_id);
}

bool has_role(const UserFacts& user, const identity::Account& asked,
              const std::vector<std::string>& wanted) {
    return std::any_of(user.roles.begin(), user.roles.end(), [&](const Role& role) {
        return counts(role, user, asked) &&
               std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
                   return !one.empty() && (role.name == one || role.id == one);
               });
    });
}

} // namespace

std::optional<AccessRefusal> judge_user(const UserFacts& user, bool second_factor,
                                        const identity::Account& asked,
                                        const settings::AccessSettings& access) {
    if (asked.name.empty() || !equal_ignoring_case(user.name, asked.name)) {
        return AccessRefusal{Reason::AccessRefused, "user name"};
    }
    if (access.require_mfa && !second_factor) {
        return AccessRefusal{Reason::MfaRequired, "access.require_mfa"};
    }
    if (!access.domains.empty() &&
        (user.domain_id.empty() || std::find(access.domains.begin(), access.domains.end(),
                                             user.domain_id) == access.domains.end())) {
        return AccessRefusal{Reason::AccessRefused, "access.domains"};
    }
    if (!in_tenant(user, asked)) {
        return AccessRefusal{Reason::AccessRefused, asked.tenant_id.empty() ? "accounts.tenant_name"
                                                                            : "accounts.tenant_id"};
    }
    if (!access.roles.empty() && !has_role(user, asked, access.roles)) {
        return AccessRefusal{Reason::AccessRefused, "access.roles"};
    }
    return std::nullopt;
}

std::variant<Admission, AccessRefusal> judge(identity::TokenIssued issued,
                                             const identity::Account& asked,
                                             const settings::AccessSettings& access) {
    if (!issued.token.held() || issued.token.text().empty()) {
        return AccessRefusal{Reason::AccessRefused, "token"};
    }
    // An API key is never challenged, so with it the second factor proves nothing about a password.
    if (access.require_mfa && !(issued.proven.password && issued.proven.second_factor)) {
        return AccessRefusal{Reason::MfaRequired, "access.require_mfa"};
    }
    if (!issued.proven.password && !issued.proven.api_key) {
        return AccessRefusal{Reason::AccessRefused, "sign_in.credential"};
    }
    if (auto refusal = judge_user(issued.user, issued.proven.second_factor, asked, access)) {
        return std::move(*refusal);
    }
    return Admission(std::move(issued));
}

} // namespace raxauth::policy
