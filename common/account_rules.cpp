// SPDX-License-Identifier: Apache-2.0
#include "common/account_rules.h"

#include <algorithm>

namespace raxauth {
namespace {

constexpr std::string_view kFirstLine = "raxauth-account-rules 1\n";
constexpr std::string_view kLastLine = "end\n";
constexpr std::string_view kSignIn = "sign-in ";
constexpr std::string_view kEveryService = "*";
constexpr std::size_t kMaxServiceBytes = 128;

bool is_service_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxServiceBytes &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

} // namespace

bool AccountRules::demand_sign_in(std::string_view service) const {
    return std::any_of(demanding.begin(), demanding.end(), [&](const std::string& name) {
        return name == kEveryService || name == service;
    });
}

std::string format(const AccountRules& rules) {
    std::string text(kFirstLine);
    for (const std::string& service : rules.demanding) {
        if (!is_service_name(service) ||
            text.size() + kSignIn.size() + service.size() + 1 + kLastLine.size() >
                kMaxAccountRulesBytes) {
            return format(AccountRules{{std::string(kEveryService)}});
        }
        text += kSignIn;
        text += service;
        text += '\n';
    }
    text += kLastLine;
    return text;
}

std::optional<AccountRules> parse_account_rules(std::string_view text) {
    if (text.size() > kMaxAccountRulesBytes || !text.starts_with(kFirstLine)) {
        return std::nullopt;
    }
    text.remove_prefix(kFirstLine.size());
    AccountRules rules;
    while (text != kLastLine) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos || !text.starts_with(kSignIn)) {
            return std::nullopt;
        }
        const std::string_view service = text.substr(kSignIn.size(), end - kSignIn.size());
        if (end < kSignIn.size() || !is_service_name(service)) {
            return std::nullopt;
        }
        rules.demanding.emplace_back(service);
        text.remove_prefix(end + 1);
    }
    return rules;
}

} // namespace raxauth
