// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/factor_management.h"
#include "daemon/loop/clock.h"
#include "tests/support/gate.h"

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace raxauth::testing {

/// An identity provider's factor management for one user, in memory: what was asked, in order, and
/// what there is now. Any call can be told to refuse.
class FakeFactors final : public identity::FactorManagement {
  public:
    using Cause = identity::FactorRefusal::Cause;
    static constexpr const char* kKeyUri =
        "otpauth://totp/Rackspace:alice.smith?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"
        "issuer=Rackspace";
    static constexpr const char* kCode = "123456";
    static constexpr const char* kPin = "4321";

    FakeFactors(identity::TokenRevoker& revoker, const Clock& clock)
        : revoker_(revoker), clock_(clock) {}

    /// The next call of this name is refused.
    void refuse(const std::string& call, Cause cause, int status, std::string words = {}) {
        refusals_[call].push_back({cause, status, std::move(words), {}});
    }

    Task<identity::FactorAnswer<identity::SetupSession>>
    begin_setup(const identity::Account& /*account*/, const Secret& /*password*/) override {
        if (auto refused = refusal("begin_setup")) {
            co_return *refused;
        }
        identity::SetupSession session;
        session.token = identity::OwnedToken(Secret("setup-" + std::to_string(++setup_tokens)),
                                             clock_.wall() + std::chrono::hours(24), revoker_);
        session.user_id = setup_names_user ? "10042" : "";
        co_return session;
    }
    Task<identity::FactorAnswer<identity::OtpDevice>> add_otp_device(identity::Acting who,
                                                                     std::string name) override {
        note(who);
        if (auto refused = refusal("add_otp_device")) {
            co_return *refused;
        }
        identity::OtpDevice device;
        device.id = "otp-" + std::to_string(++last_device_);
        device.name = name;
        device.key_uri = Secret(std::string_view(key_uri));
        otp[device.id] = false;
        co_return device;
    }
    Task<identity::FactorAnswer<std::vector<identity::OtpDevice>>>
    otp_devices(identity::Acting who) override {
        note(who);
        if (auto refused = refusal("otp_devices")) {
            co_return *refused;
        }
        std::vector<identity::OtpDevice> all;
        for (const auto& [id, verified] : otp) {
            identity::OtpDevice device;
            device.id = id;
            device.name = "raxauth";
            device.verified = verified;
            all.push_back(std::move(device));
        }
        co_return all;
    }
    Task<identity::FactorAnswer<identity::Done>>
    verify_otp_device(identity::Acting who, std::string device, const Secret& code) override {
        note(who);
        const bool right = code.equals(std::string_view(kCode));
        return verify("verify_otp_device", otp, std::move(device), right);
    }
    Task<identity::FactorAnswer<identity::Done>> remove_otp_device(identity::Acting who,
                                                                   std::string device) override {
        note(who);
        return remove("remove_otp_device", otp, std::move(device));
    }
    Task<identity::FactorAnswer<identity::Phone>> add_phone(identity::Acting who,
                                                            const Secret& number) override {
        note(who);
        return added_phone(number.clone());
    }
    Task<identity::FactorAnswer<std::vector<identity::Phone>>>
    phones(identity::Acting who) override {
        note(who);
        if (auto refused = refusal("phones")) {
            co_return *refused;
        }
        std::vector<identity::Phone> all;
        for (const auto& [id, verified] : phone) {
            identity::Phone one;
            one.id = id;
            one.number = Secret("+1 512-555-0100");
            one.verified = verified;
            all.push_back(std::move(one));
        }
        co_return all;
    }
    Task<identity::FactorAnswer<identity::Done>> send_pin(identity::Acting who,
                                                          std::string /*phone*/) override {
        note(who);
        return plain("send_pin");
    }
    Task<identity::FactorAnswer<identity::Done>>
    verify_phone(identity::Acting who, std::string device, const Secret& pin) override {
        note(who);
        const bool right = pin.equals(std::string_view(kPin));
        return verify("verify_phone", phone, std::move(device), right);
    }
    Task<identity::FactorAnswer<identity::Done>> remove_phone(identity::Acting who,
                                                              std::string device) override {
        note(who);
        return remove("remove_phone", phone, std::move(device));
    }
    Task<identity::FactorAnswer<identity::Done>>
    enable(identity::Acting who, std::optional<identity::FactorKind> kind) override {
        note(who);
        factor = kind;
        Task<identity::FactorAnswer<identity::Done>> doing = plain("enable");
        identity::FactorAnswer<identity::Done> answer = co_await std::move(doing);
        enabled = enabled || std::holds_alternative<identity::Done>(answer);
        co_return answer;
    }
    Task<identity::FactorAnswer<identity::Done>> set_default(identity::Acting who,
                                                             identity::FactorKind kind) override {
        note(who);
        factor = kind;
        return plain("set_default");
    }
    Task<identity::FactorAnswer<identity::Done>> disable(identity::Acting who) override {
        note(who);
        enabled = false;
        return plain("disable");
    }
    Task<identity::FactorAnswer<identity::Done>> remove_all(identity::Acting who) override {
        note(who);
        enabled = false;
        otp.clear();
        phone.clear();
        return plain("remove_all");
    }
    Task<identity::FactorAnswer<identity::Done>> unlock(identity::Acting who) override {
        note(who);
        return plain("unlock");
    }
    Task<identity::FactorAnswer<identity::Done>> require(identity::Acting who,
                                                         identity::Enforcement level) override {
        note(who);
        required = level;
        return plain("require");
    }
    Task<identity::FactorAnswer<std::vector<Secret>>>
    bypass_codes(identity::Acting who, unsigned count,
                 std::optional<std::chrono::minutes> valid_for) override {
        note(who);
        codes_valid_for = valid_for;
        if (auto refused = refusal("bypass_codes")) {
            co_return *refused;
        }
        std::vector<Secret> codes;
        for (unsigned i = 0; i < count; ++i) {
            codes.emplace_back("90000000" + std::to_string(i));
        }
        co_return codes;
    }
    Task<identity::FactorAnswer<identity::FactorState>> state(const Secret& token,
                                                              std::string user_name) override {
        tokens.emplace_back(token.view());
        if (auto refused = refusal("state")) {
            co_return *refused;
        }
        identity::FactorState facts;
        facts.user_id = user_name == "alice.smith" ? "10042" : "10077";
        facts.domain_id = "5821004";
        facts.enabled = enabled;
        facts.factor = factor;
        facts.enforcement = enforcement;
        co_return facts;
    }
    Task<identity::FactorAnswer<identity::Enforcement>>
    domain_enforcement(const Secret& /*token*/, std::string /*domain_id*/) override {
        if (auto refused = refusal("domain_enforcement")) {
            co_return *refused;
        }
        co_return domain_enforcement_level;
    }
    Task<identity::FactorAnswer<identity::Done>>
    set_domain_enforcement(const Secret& /*token*/, std::string domain_id,
                           identity::Enforcement level) override {
        changed_domain = std::move(domain_id);
        domain_enforcement_level = level;
        return plain("set_domain_enforcement");
    }
    Task<identity::FactorAnswer<identity::Done>>
    change_password(const identity::Account& /*account*/, const Secret& present,
                    const Secret& fresh) override {
        presents.emplace_back(present.view());
        passwords.emplace_back(fresh.view());
        return plain("change_password");
    }

    std::size_t asked(const std::string& call) const {
        return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), call));
    }

    Gate own_gate;
    Gate* gate = &own_gate; ///< shut it to hold answers back
    std::vector<std::string> calls;
    std::vector<std::string> tokens; ///< with which each call came
    std::vector<std::string> users;  ///< on whom each call acted
    std::string key_uri = kKeyUri;
    std::map<std::string, bool> otp; ///< id, verified
    std::map<std::string, bool> phone;
    bool enabled = false;
    bool setup_names_user = true;
    std::optional<identity::FactorKind> factor;
    identity::Enforcement enforcement = identity::Enforcement::Required;
    identity::Enforcement domain_enforcement_level = identity::Enforcement::Optional;
    std::optional<identity::Enforcement> required; ///< of a user, last
    std::string changed_domain;
    std::optional<std::chrono::minutes> codes_valid_for;
    std::vector<std::string> presents;
    std::vector<std::string> passwords;
    unsigned setup_tokens = 0;

  private:
    using Devices = std::map<std::string, bool>;

    void note(const identity::Acting& who) {
        tokens.emplace_back(who.token.view());
        users.push_back(who.user_id);
    }
    std::optional<identity::FactorRefusal> refusal(const std::string& call) {
        calls.push_back(call);
        auto& waiting = refusals_[call];
        if (waiting.empty()) {
            return std::nullopt;
        }
        identity::FactorRefusal first = std::move(waiting.front());
        waiting.pop_front();
        return first;
    }
    Task<identity::FactorAnswer<identity::Done>> plain(std::string call) {
        co_await gate->pass();
        if (auto refused = refusal(call)) {
            co_return *refused;
        }
        co_return identity::Done{};
    }
    Task<identity::FactorAnswer<identity::Done>> verify(std::string call, Devices& devices,
                                                        std::string device, bool right) {
        if (auto refused = refusal(call)) {
            co_return *refused;
        }
        if (!right) {
            co_return identity::FactorRefusal{Cause::WrongCode, 400, "", {}};
        }
        devices.at(device) = true;
        co_return identity::Done{};
    }
    Task<identity::FactorAnswer<identity::Done>> remove(std::string call, Devices& devices,
                                                        std::string device) {
        if (auto refused = refusal(call)) {
            co_return *refused;
        }
        devices.erase(device);
        co_return identity::Done{};
    }
    Task<identity::FactorAnswer<identity::Phone>> added_phone(Secret number) {
        if (auto refused = refusal("add_phone")) {
            co_return *refused;
        }
        identity::Phone one;
        one.id = "phone-" + std::to_string(++last_device_);
        one.number = std::move(number);
        phone[one.id] = false;
        co_return one;
    }

    identity::TokenRevoker& revoker_;
    const Clock& clock_;
    std::map<std::string, std::deque<identity::FactorRefusal>> refusals_;
    unsigned last_device_ = 0;
};

} // namespace raxauth::testing
