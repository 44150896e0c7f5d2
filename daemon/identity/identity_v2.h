// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/http_transport.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/refusal.h"
#include "daemon/loop/clock.h"
#include "daemon/policy/settings.h"
#include "daemon/sessions/token.h"

#include <cstddef>
#include <list>
#include <memory>
#include <string>

namespace raxauth::identity {

/// Rackspace Cloud Identity v2.0.
///
/// A sign-in request that was dropped (the person has gone) before anything was sent is cancelled.
/// One that may have been sent goes on in the background, within the request time-out: a token in
/// its reply gets an owner, who lets go of it at once, which revokes it.
class IdentityV2 final : public Identity {
  public:
    /// All references outlive it.
    IdentityV2(HttpTransport& transport, const policy::IdentitySettings& settings,
               sessions::TokenRevoker& revoker, const Clock& clock);
    IdentityV2(const IdentityV2&) = delete;
    IdentityV2& operator=(const IdentityV2&) = delete;
    ~IdentityV2() override;

    Task<Answer> authenticate(const Account& account, CredentialKind kind,
                              const Secret& credential) override;
    Task<Answer> submit_passcode(const Account& account, const Challenge& challenge,
                                 const Secret& passcode) override;
    Task<TokenState> validate(const Secret& token) override;
    Task<bool> revoke(const Secret& token) override;
    void warm() override;
    Reachability reachability() const override;

    /// Sign-in requests that nobody awaits any more and whose tokens are still to be seen to.
    std::size_t orphans() const noexcept;

  private:
    struct Exchange;

    /// Sends a sign-in request; a dropped one is salvaged as said above.
    Task<HttpResult> sign_in_exchange(HttpRequest request);
    HttpRequest sign_in_request(Secret body) const;
    Answer read_answer(Step step, const Account& account, HttpResult result);
    Answer read_success(const Account& account, const HttpReply& reply);
    void salvage(const HttpResult& result) noexcept;

    HttpTransport& transport_;
    const policy::IdentitySettings settings_;
    sessions::TokenRevoker& revoker_;
    const Clock& clock_;
    std::list<std::shared_ptr<Exchange>> exchanges_;
};

} // namespace raxauth::identity
