// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy/access_rules.h"

#include "common/letter_case.h"
#include "common/text.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
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

constexpr std::size_t kMaxShownBytes = 64;
constexpr std::size_t kMaxShownNames = 8; // of roles, of which a user may have hundreds

std::string shown(const std::string& name) {
    return name.empty() ? "(none)" : sanitise(name, kMaxShownBytes);
}

std::string shown(const std::vector<std::string>& names) {
    std::vector<std::string> some;
    for (const std::string& name : names) {
        if (some.size() == kMaxShownNames) {
            some.emplace_back("...");
            break;
        }
        some.push_back(shown(name));
    }
    return fmt::format("{}", fmt::join(some, ", "));
}

std::string domain_rule(const UserFacts& user, const settings::AccessSettings& access) {
    return fmt::format("access.domains: domain {} is not one of {}", shown(user.domain_id),
                       shown(access.domains));
}

std::string tenant_rule(const UserFacts& user, const identity::Account& asked) {
    return asked.tenant_id.empty()
               ? fmt::format("accounts.tenant_name: the token is for {}, not for {}",
                             shown(user.tenant_name), shown(asked.tenant_name))
               : fmt::format("accounts.tenant_id: the token is for {}, not for {}",
                             shown(user.tenant_id), shown(asked.tenant_id));
}

std::string role_rule(const UserFacts& user, const settings::AccessSettings& access) {
    std::vector<std::string> names;
    for (const Role& role : user.roles) {
        names.push_back(role.name.empty() ? role.id : role.name);
    }
    return fmt::format("access.roles: the roles {} have none of {}",
                       names.empty() ? "(none)" : shown(names), shown(access.roles));
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
        return AccessRefusal{Reason::AccessRefused, domain_rule(user, access)};
    }
    if (!in_tenant(user, asked)) {
        return AccessRefusal{Reason::AccessRefused, tenant_rule(user, asked)};
    }
    if (!access.roles.empty() && !has_role(user, asked, access.roles)) {
        return AccessRefusal{Reason::AccessRefused, role_rule(user, access)};
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
