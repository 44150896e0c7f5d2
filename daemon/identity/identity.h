// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/identity/capabilities.h"
#include "daemon/identity/owned_token.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/task.h"

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What an identity provider can be asked, free of any one provider's words and error codes:
/// another one fits behind this without touching the flows.
namespace raxauth::identity {

/// Whom to sign in at the provider. At most one of the tenants is set; it goes with *both* steps,
/// since the provider may check it on the second.
struct Account {
    std::string name;
    std::string tenant_id;
    std::string tenant_name;

    bool operator==(const Account&) const = default;
};

enum class CredentialKind { Password, ApiKey };

/// What the person has at hand for the second step, as far as the provider says. A hint: Passcode
/// also stands for "not known".
enum class Factor { Passcode, OtpDevice };

/// An opaque continuation of a sign-in whose first step succeeded. Good for several attempts until
/// it expires (about 5 minutes).
struct Challenge {
    Secret continuation;
    Factor factor = Factor::Passcode;
};

struct Role {
    std::string id;
    std::string name;
    std::string tenant_id; ///< empty: a global role
};

struct UserFacts {
    std::string id;
    std::string name; ///< equal to the one asked for, letter case aside: checked by the client
    std::string domain_id;
    std::string default_region;
    std::string tenant_id; ///< of the token, empty when it is not scoped
    std::vector<Role> roles;
    std::string tenant_name; ///< of the token, empty when it is not scoped
};

/// What the provider says was proven for a token.
struct ProvenFactors {
    bool password = false;
    bool api_key = false;
    bool second_factor = false;
};

/// A token that is well-formed, of the user asked for and not expired. Whether that is *enough* is
/// for policy::judge() to say.
struct TokenIssued {
    OwnedToken token;
    UserFacts user;
    ProvenFactors proven;
};

struct PasscodeRequired {
    Challenge challenge;
};

struct Rejected {
    enum class Cause {
        WrongCredentials, ///< wrong password, unknown user, wrong API key
        WrongPasscode,    ///< also a continuation that the provider does not know
        SessionExpired,   ///< the continuation is too old: start over
        AccessRefused,    ///< tenant, project or domain not allowed
    };
    Cause cause = Cause::WrongCredentials;
};

struct Locked {};
struct Disabled {};
struct SetupRequired {};   ///< MFA is demanded and the account has none
struct PasswordExpired {}; ///< right, but has to be changed first
struct Throttled {
    std::optional<std::chrono::seconds> retry_after;
};
/// No answer. `maybe_judged`: the request may have reached the provider and count there.
struct Unreachable {
    std::string detail; ///< for the journal; no secret
    bool maybe_judged = false;
};
/// An answer that makes no sense or a 5xx.
struct Fault {
    std::string detail; ///< for the journal; sanitised, no secret
};

using Answer = std::variant<TokenIssued, PasscodeRequired, Rejected, Locked, Disabled,
                            SetupRequired, PasswordExpired, Throttled, Unreachable, Fault>;

enum class TokenState { Alive, Dead, Unknown };

/// How the service was last seen.
struct Reachability {
    bool reachable = true;                   ///< until something else is known
    WallTime since{};                        ///< when that last changed; epoch: never asked
    std::chrono::microseconds round_trip{0}; ///< of the last answered request; 0: none yet
    std::string detail;                      ///< what went wrong, when not reachable
};

/// One identity provider. All calls are on the loop's thread, bounded by the configured time-outs,
/// and never repeat a request that sends an SMS, consumes a passcode or counts as an attempt.
/// Dropping a returned Task is safe at any time: a reply that still brings a token is waited for in
/// the background and the token revoked.
class Identity {
  public:
    virtual ~Identity() = default;

    /// What it can do beyond a sign-in: ask before offering it.
    virtual Capabilities capabilities() const = 0;

    /// Step 1. An accepted one may send the person a passcode.
    virtual Task<Answer> authenticate(const Account& account, CredentialKind kind,
                                      const Secret& credential) = 0;
    /// Step 2, on the continuation of step 1.
    virtual Task<Answer> submit_passcode(const Account& account, const Challenge& challenge,
                                         const Secret& passcode) = 0;
    /// Asks whether a token still lives. Retried within the deadline.
    virtual Task<TokenState> validate(const Secret& token) = 0;
    /// Ends a token; true when the provider confirmed, or knows it no more. One attempt.
    virtual Task<bool> revoke(const Secret& token) = 0;

    /// Opens the connection while the person types. Returns at once; failure shows later.
    virtual void warm() = 0;
    virtual Reachability reachability() const = 0;
    /// Is a request under way? Such a client must not be destroyed: nobody would get the answer.
    virtual bool busy() const = 0;
};

} // namespace raxauth::identity
