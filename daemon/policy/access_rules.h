// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/verdict.h"
#include "daemon/identity/identity.h"
#include "daemon/settings/settings.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace raxauth::policy {

/// Proof that Identity issued a token for the very account and that every access rule is met. Only
/// judge() can make one, and only an Admission can become `granted`.
class Admission {
  public:
    Admission(Admission&&) noexcept = default;
    Admission& operator=(Admission&&) noexcept = default;

    const identity::TokenIssued& issued() const noexcept { return issued_; }
    /// Hands the token on to its next owner.
    identity::TokenIssued release() && { return std::move(issued_); }

  private:
    explicit Admission(identity::TokenIssued issued) : issued_(std::move(issued)) {}
    friend std::variant<Admission, struct AccessRefusal>
    judge(identity::TokenIssued, const identity::Account&, const settings::AccessSettings&);
    identity::TokenIssued issued_;
};

struct AccessRefusal {
    Reason reason = Reason::AccessRefused; ///< or MfaRequired
    /// Which rule, and what it met, for the administrator: "access.domains: domain 4711 is not one
    /// of 123456". Never shown to the person who signs in.
    std::string rule;
};

/// Judges what Identity proved: the name asked for (letter case aside), an expiry in the future as
/// checked by the client, MFA proven where required, domain, tenant, roles (exact name or id; a
/// role that carries a tenant counts for the configured tenant alone). A refused token is revoked.
std::variant<Admission, AccessRefusal> judge(identity::TokenIssued issued,
                                             const identity::Account& asked,
                                             const settings::AccessSettings& access);

/// The rules on user and roles alone, for a session that signed in earlier. Empty rule: fine.
std::optional<AccessRefusal> judge_user(const identity::UserFacts& user, bool second_factor,
                                        const identity::Account& asked,
                                        const settings::AccessSettings& access);

} // namespace raxauth::policy
