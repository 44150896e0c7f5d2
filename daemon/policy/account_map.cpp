// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy/account_map.h"

#include "common/user_name.h"

#include <string>

namespace raxauth::policy {
namespace {

constexpr std::string_view kPlaceholder = "{user}";

std::string fill(std::string_view pattern, std::string_view local_user) {
    std::string filled;
    while (!pattern.empty()) {
        const std::size_t at = pattern.find(kPlaceholder);
        filled += pattern.substr(0, at);
        if (at == std::string_view::npos) {
            break;
        }
        filled += local_user;
        pattern.remove_prefix(at + kPlaceholder.size());
    }
    return filled;
}

} // namespace

std::optional<identity::Account> account_for(const settings::AccountSettings& settings,
                                             std::string_view local_user) {
    if (!is_valid_user_name(local_user)) {
        return std::nullopt;
    }
    identity::Account account;
    const auto mapped = settings.map.find(local_user);
    account.name =
        mapped != settings.map.end() ? mapped->second : fill(settings.rackspace_user, local_user);
    if (!is_valid_account_name(account.name)) {
        return std::nullopt;
    }
    account.tenant_id = settings.tenant_id;
    account.tenant_name = settings.tenant_name;
    return account;
}

} // namespace raxauth::policy
