// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/identity.h"
#include "tests/support/gate.h"

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace raxauth::testing {

/// An Identity that answers what it was told to, in order, and remembers what it was asked. Shut
/// its gate to hold answers back.
class ScriptedIdentity final : public identity::Identity {
  public:
    using MakeAnswer = std::function<identity::Answer()>;

    /// One request as it came. Secrets are test data here.
    struct Call {
        int step = 0;
        identity::Account account;
        identity::CredentialKind kind = identity::CredentialKind::Password;
        std::string credential;   ///< or passcode
        std::string continuation; ///< of step 2
    };

    ScriptedIdentity& at_step_1(MakeAnswer answer) {
        first_.push_back(std::move(answer));
        return *this;
    }
    ScriptedIdentity& at_step_2(MakeAnswer answer) {
        second_.push_back(std::move(answer));
        return *this;
    }
    /// A challenge with this continuation: one more answer to step 1.
    ScriptedIdentity& challenges(std::string continuation,
                                 identity::Factor factor = identity::Factor::Passcode) {
        return at_step_1([continuation = std::move(continuation), factor] {
            return identity::PasscodeRequired{{Secret(continuation), factor}};
        });
    }
    ScriptedIdentity& rejects_passcode() {
        return at_step_2(
            [] { return identity::Rejected{identity::Rejected::Cause::WrongPasscode}; });
    }

    Task<identity::Answer> authenticate(const identity::Account& account,
                                        identity::CredentialKind kind,
                                        const Secret& credential) override {
        calls.push_back({1, account, kind, std::string(credential.view()), ""});
        const UnderWay here(under_way_);
        co_await gate->pass();
        co_return next(first_);
    }
    Task<identity::Answer> submit_passcode(const identity::Account& account,
                                           const identity::Challenge& challenge,
                                           const Secret& passcode) override {
        calls.push_back({2, account, identity::CredentialKind::Password,
                         std::string(passcode.view()), std::string(challenge.continuation.view())});
        const UnderWay here(under_way_);
        co_await gate->pass();
        co_return next(second_);
    }
    Task<identity::TokenState> validate(const Secret& /*token*/) override { co_return validation; }
    Task<bool> revoke(const Secret& /*token*/) override { co_return true; }
    identity::Capabilities capabilities() const override { return can; }
    void warm() override { ++warmed; }
    identity::Reachability reachability() const override { return reachable; }
    bool busy() const override { return under_way_ > 0; }

    std::size_t asked(int step) const {
        std::size_t count = 0;
        for (const Call& call : calls) {
            count += call.step == step ? 1U : 0U;
        }
        return count;
    }
    /// Everything scripted was asked for and nothing else.
    bool script_done() const { return !surprised_ && first_.empty() && second_.empty(); }
    std::size_t under_way() const noexcept { return under_way_; }

    Gate own_gate;
    Gate* gate = &own_gate;
    std::vector<Call> calls;
    identity::TokenState validation = identity::TokenState::Alive;
    unsigned warmed = 0;
    identity::Capabilities can = all_capabilities();
    identity::Reachability reachable;

    static identity::Capabilities all_capabilities() {
        identity::Capabilities all;
        all.api_keys = all.resend_passcode = all.change_password = true;
        all.enrol_otp = all.enrol_sms = all.set_up_at_sign_in = true;
        all.choose_factor = all.switch_off = all.bypass_codes = true;
        all.unlock = all.enforcement = true;
        return all;
    }

  private:
    struct UnderWay {
        explicit UnderWay(std::size_t& counter) : count(counter) { ++count; }
        UnderWay(const UnderWay&) = delete;
        UnderWay& operator=(const UnderWay&) = delete;
        ~UnderWay() { --count; }
        std::size_t& count;
    };

    identity::Answer next(std::deque<MakeAnswer>& script) {
        if (script.empty()) {
            surprised_ = true;
            return identity::Fault{"asked more than the script says"};
        }
        const MakeAnswer make = std::move(script.front());
        script.pop_front();
        return make();
    }

    std::deque<MakeAnswer> first_;
    std::deque<MakeAnswer> second_;
    std::size_t under_way_ = 0;
    bool surprised_ = false;
};

} // namespace raxauth::testing
