// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/factor_management.h"
#include "daemon/identity/http/http_transport.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/owned_token.h"
#include "daemon/identity/rackspace/refusal.h"
#include "daemon/loop/clock.h"
#include "daemon/settings/settings.h"

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace raxauth::identity::rackspace {

/// Rackspace Cloud Identity v2.0.
///
/// A sign-in request that was dropped (the person has gone) before anything was sent is cancelled.
/// One that may have been sent goes on in the background, within the request time-out: a token in
/// its reply gets an owner, who lets go of it at once, which revokes it.
///
/// Factor management (client_factors.cpp) shares the connections. Of its calls only
/// begin_setup() brings a token into being, and goes the way of a sign-in; dropping another one
/// cancels, whatever Identity may have done by then.
class Client final : public Identity, public FactorManagement {
  public:
    /// All references outlive it.
    Client(HttpTransport& transport, const settings::IdentitySettings& settings,
           TokenRevoker& revoker, const Clock& clock);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() override;

    Capabilities capabilities() const override;
    Task<Answer> authenticate(const Account& account, CredentialKind kind,
                              const Secret& credential) override;
    Task<Answer> submit_passcode(const Account& account, const Challenge& challenge,
                                 const Secret& passcode) override;
    Task<TokenState> validate(const Secret& token) override;
    Task<bool> revoke(const Secret& token) override;
    void warm() override;
    Reachability reachability() const override;
    bool busy() const override;

    Task<FactorAnswer<SetupSession>> begin_setup(const Account& account,
                                                 const Secret& password) override;
    Task<FactorAnswer<OtpDevice>> add_otp_device(Acting who, std::string name) override;
    Task<FactorAnswer<std::vector<OtpDevice>>> otp_devices(Acting who) override;
    Task<FactorAnswer<Done>> verify_otp_device(Acting who, std::string device,
                                               const Secret& code) override;
    Task<FactorAnswer<Done>> remove_otp_device(Acting who, std::string device) override;
    Task<FactorAnswer<Phone>> add_phone(Acting who, const Secret& number) override;
    Task<FactorAnswer<std::vector<Phone>>> phones(Acting who) override;
    Task<FactorAnswer<Done>> send_pin(Acting who, std::string phone) override;
    Task<FactorAnswer<Done>> verify_phone(Acting who, std::string phone,
                                          const Secret& pin) override;
    Task<FactorAnswer<Done>> remove_phone(Acting who, std::string phone) override;
    Task<FactorAnswer<Done>> enable(Acting who, std::optional<FactorKind> kind) override;
    Task<FactorAnswer<Done>> set_default(Acting who, FactorKind kind) override;
    Task<FactorAnswer<Done>> disable(Acting who) override;
    Task<FactorAnswer<Done>> remove_all(Acting who) override;
    Task<FactorAnswer<Done>> unlock(Acting who) override;
    Task<FactorAnswer<Done>> require(Acting who, Enforcement level) override;
    Task<FactorAnswer<std::vector<Secret>>>
    bypass_codes(Acting who, unsigned count,
                 std::optional<std::chrono::minutes> valid_for) override;
    Task<FactorAnswer<FactorState>> state(const Secret& token, std::string user_name) override;
    Task<FactorAnswer<Enforcement>> domain_enforcement(const Secret& token,
                                                       std::string domain_id) override;
    Task<FactorAnswer<Done>> set_domain_enforcement(const Secret& token, std::string domain_id,
                                                    Enforcement level) override;
    Task<FactorAnswer<Done>> change_password(const Account& account, const Secret& present,
                                             const Secret& fresh) override;

    /// Sign-in requests that nobody awaits any more and whose tokens are still to be seen to.
    std::size_t orphans() const noexcept;

  private:
    struct Exchange;

    /// Sends a sign-in request; a dropped one is salvaged as said above.
    Task<HttpResult> sign_in_exchange(HttpRequest request);
    HttpRequest sign_in_request(Secret body) const;
    /// `body` and `password` belong together; without a body nothing is asked.
    Task<FactorAnswer<SetupSession>> set_up(std::optional<Secret> body, std::string name,
                                            Secret password);
    FactorAnswer<SetupSession> read_setup(const HttpReply& reply, const std::string& name);
    Answer read_answer(Step step, const Account& account, HttpResult result);
    Answer read_success(const Account& account, const HttpReply& reply);
    void salvage(const HttpResult& result) noexcept;

    HttpTransport& transport_;
    const settings::IdentitySettings settings_;
    TokenRevoker& revoker_;
    const Clock& clock_;
    std::list<std::shared_ptr<Exchange>> exchanges_;
};

} // namespace raxauth::identity::rackspace
