// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "common/verdict.h"

#include <string>
#include <utility>

namespace raxauth::sessions {

/// Permission to answer `granted`. Only SessionStore makes one, from an Admission (Identity just
/// proved it) or from a live entry of the very session (reuse).
class Grant {
  public:
    Grant(Grant&&) noexcept = default;
    Grant& operator=(Grant&&) noexcept = default;

    Reason reason() const noexcept { return reason_; }
    /// Hexadecimal; empty for a sign-in inside a login session.
    const Secret& ticket() const noexcept { return ticket_; }
    const std::string& account() const noexcept { return account_; }

  private:
    friend class SessionStore;
    Grant(Reason reason, Secret ticket, std::string account)
        : reason_(reason), ticket_(std::move(ticket)), account_(std::move(account)) {}
    Reason reason_;
    Secret ticket_;
    std::string account_;
};

} // namespace raxauth::sessions
