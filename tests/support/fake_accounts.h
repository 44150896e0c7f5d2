// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/letter_case.h"
#include "daemon/policy/local_accounts.h"
#include "tests/support/gate.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace raxauth::testing {

/// Local users of a host that has no NSS; or one whose NSS fails.
class FakeAccounts final : public policy::LocalAccounts {
  public:
    void add(std::string name, uid_t uid, std::vector<std::string> groups = {}) {
        accounts_.push_back({std::move(name), uid, std::move(groups)});
    }

    void remove(const std::string& name) {
        std::erase_if(accounts_, [&](const auto& account) { return account.name == name; });
    }

    Task<std::optional<policy::LocalAccount>> find(std::string name, policy::Groups groups,
                                                   Worker::Order order) override {
        last_order = order;
        return look_up(groups, [this, name = std::move(name)](const policy::LocalAccount& account) {
            return account.name == name ||
                   (ignores_case && equal_ignoring_case(account.name, name));
        });
    }
    Task<std::optional<policy::LocalAccount>> find(uid_t uid) override {
        return look_up(policy::Groups::Unwanted,
                       [uid](const policy::LocalAccount& account) { return account.uid == uid; });
    }

    Gate own_gate;
    Gate* gate = &own_gate;
    Gate* group_gate = nullptr; ///< for look-ups that want groups as well
    Worker::Order last_order = Worker::Order::Plain;
    bool broken = false;       ///< NSS fails
    bool ignores_case = false; ///< as directories do, with the name as they write it

  private:
    template <class Matches>
    Task<std::optional<policy::LocalAccount>> look_up(policy::Groups groups, Matches matches) {
        co_await gate->pass();
        if (group_gate != nullptr && groups == policy::Groups::Wanted) {
            co_await group_gate->pass();
        }
        if (broken) {
            throw std::runtime_error("NSS fails");
        }
        const auto found = std::find_if(accounts_.begin(), accounts_.end(), matches);
        std::optional<policy::LocalAccount> account;
        if (found != accounts_.end()) {
            account = *found;
            if (groups == policy::Groups::Unwanted) {
                account->groups.clear();
            }
        }
        co_return account;
    }

    std::vector<policy::LocalAccount> accounts_;
};

} // namespace raxauth::testing
