// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "daemon/caller/session_facts.h"

#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>

namespace raxauth::sessions {

/// Which session an entry belongs to: the kernel's audit session id (the logind id only where that
/// is unset), plus login uid and local account. "Unset" matches nothing, itself included.
struct SessionKey {
    std::uint32_t audit_session = contract::kUnsetId;
    std::string logind_session; ///< only where audit_session is unset
    uid_t login_uid = contract::kUnsetId;
    std::string user;

    static SessionKey of(const caller::SessionFacts& facts, std::string user) {
        SessionKey key;
        key.audit_session = facts.audit_session;
        if (facts.audit_session == contract::kUnsetId) {
            key.logind_session = facts.logind_session;
        }
        key.login_uid = facts.login_uid;
        key.user = std::move(user);
        return key;
    }
    bool is_set() const noexcept {
        return login_uid != contract::kUnsetId && !user.empty() &&
               (audit_session != contract::kUnsetId || !logind_session.empty());
    }
    bool operator==(const SessionKey&) const = default;
};

struct SessionKeyHash {
    std::size_t operator()(const SessionKey& key) const noexcept {
        const std::size_t a = std::hash<std::string>{}(key.user);
        const std::size_t b = std::hash<std::string>{}(key.logind_session);
        const std::size_t c = (static_cast<std::size_t>(key.audit_session) << 32U) ^ key.login_uid;
        return a ^ (b * 31) ^ (c * 0x9E3779B97F4A7C15ULL);
    }
};

} // namespace raxauth::sessions
