// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/identity.h"
#include "daemon/loop/task.h"

#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

namespace raxauth::testing {

/// Revokes as told: at once, or when the test says so.
class RevokingIdentity final : public identity::Identity {
  public:
    Task<identity::Answer> authenticate(const identity::Account&, identity::CredentialKind,
                                        const Secret&) override {
        co_return identity::Fault{};
    }
    Task<identity::Answer> submit_passcode(const identity::Account&, const identity::Challenge&,
                                           const Secret&) override {
        co_return identity::Fault{};
    }
    Task<identity::TokenState> validate(const Secret&) override {
        co_return identity::TokenState::Unknown;
    }
    Task<bool> revoke(const Secret& token) override {
        asked.emplace_back(token.view());
        if (held) {
            OneShot<bool> answer;
            under_way.push_back(&answer);
            const bool confirmed = co_await answer;
            co_return confirmed;
        }
        if (throws) {
            throw std::runtime_error("disk on fire");
        }
        const bool confirmed = failures == 0;
        failures -= confirmed ? 0U : 1U;
        co_return confirmed;
    }
    identity::Capabilities capabilities() const override { return {}; }
    void warm() override {}
    identity::Reachability reachability() const override { return {}; }
    bool busy() const override { return !under_way.empty(); }

    std::vector<std::string> asked;
    std::deque<OneShot<bool>*> under_way;
    unsigned failures = 0;
    bool held = false;
    bool throws = false;
};

} // namespace raxauth::testing
