// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raxauth {

inline constexpr const char* kStateDirectory = "/var/lib/raxauth";
/// In the state directory: written by the daemon, read by the module as root.
inline constexpr const char* kAccountRulesFile = "account-rules";
inline constexpr std::size_t kMaxAccountRulesBytes = std::size_t{64} << 10U;

/// What the account phase needs to know when no daemon answers: which services refuse users who
/// have not signed in. All others work without the daemon.
struct AccountRules {
    std::vector<std::string> demanding; ///< PAM services

    bool demand_sign_in(std::string_view service) const;
    /// A host where no configuration was ever accepted.
    static AccountRules built_in() { return {{"sshd"}}; }
};

/// Lines of text: a first one with the version, "sign-in SERVICE" for each demanding service, and
/// "end". Where they would not fit into kMaxAccountRulesBytes, the one line "sign-in *".
std::string format(const AccountRules& rules);

/// Nothing for anything that format() does not write.
std::optional<AccountRules> parse_account_rules(std::string_view text);

} // namespace raxauth
