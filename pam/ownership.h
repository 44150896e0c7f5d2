// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "pam/options.h"

#include <optional>
#include <string>
#include <sys/types.h>

namespace raxauth::pam {

/// The local account data base, as far as the question "is this user managed" needs it.
/// An error is told apart from "there is no such name": nobody is exempt because NSS failed.
class AccountDatabase {
  public:
    enum class Found { Yes, No, Error };
    struct User {
        Found found = Found::Error;
        std::string name; ///< as NSS writes it, which may be otherwise than asked
        uid_t uid = 0;
        gid_t gid = 0;
    };
    struct Group {
        Found found = Found::Error;
        gid_t gid = 0;
    };

    AccountDatabase() = default;
    AccountDatabase(const AccountDatabase&) = delete;
    AccountDatabase& operator=(const AccountDatabase&) = delete;
    virtual ~AccountDatabase() = default;

    virtual User user(const std::string& name) const = 0;
    virtual Group group(const std::string& name) const = 0;
    /// `user` must have been found. Unknown groups of the user count as none.
    virtual bool is_member(const std::string& name, const User& user, gid_t group) const = 0;
};

/// getpwnam_r(3) and its kin. Blocks as long as NSS does.
class SystemAccounts final : public AccountDatabase {
  public:
    User user(const std::string& name) const override;
    Group group(const std::string& name) const override;
    bool is_member(const std::string& name, const User& user, gid_t group) const override;
};

enum class Ownership {
    Ours,
    /// NSS does not know the name. The daemon still asks for a password, so that nobody can find
    /// out which names exist.
    Unknown,
    NotOurs, ///< root, a uid out of bounds, or exempt on the module's own line
    Refused, ///< the user would be managed, but the name is invalid
    LookupFailed,
};

struct OwnershipDecision {
    Ownership ownership;
    /// For the log.
    std::string why;
    /// For the daemon (contract::context::kAccountUid); nothing where it is to ask for itself.
    std::optional<uid_t> uid = std::nullopt;
    /// The name as NSS writes it, of a user of ours: where NSS takes ALICE for alice, sessions,
    /// limits and rules are alice's.
    std::string name{};
};

/// Decides without bus and daemon, so that root and break-glass accounts never depend on them.
OwnershipDecision decide_ownership(const std::string& user, const Options& options,
                                   const AccountDatabase& accounts);

} // namespace raxauth::pam
