// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/owned_token.h"
#include "daemon/loop/task.h"

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// Setting up and managing the second factor, the password and who must have what. Apart from
/// Identity, so that a provider without such an interface simply has none. Its Capabilities say
/// what of this it can do; nothing else is asked of it.
namespace raxauth::identity {

enum class FactorKind { Otp, Sms };
enum class Enforcement { Default, Optional, Required, Mandated };

/// The provider's refusal, as a flow has to treat it.
struct FactorRefusal {
    enum class Cause {
        NotAllowed,    ///< the token's owner may not
        NotFound,      ///< no such user, device or domain
        Conflict,      ///< against a rule (last device, too many devices, weak password …)
        WrongCode,     ///< the PIN or passcode to be verified was wrong or too old
        WrongPassword, ///< where the password is the proof; also an expired one
        TokenDead,     ///< sign in anew
        Throttled,     ///< too many requests
        Unreachable,   ///< no answer; the request may have been carried out all the same
        Fault,         ///< an answer that makes no sense, or an id that cannot be asked about
    };
    Cause cause = Cause::Fault;
    int status = 0; ///< 0: there was no reply
    /// The provider's own words, sanitised; may be empty. Left out when they hold a secret that was
    /// sent.
    std::string message;
    std::string detail = {}; ///< for the journal, where there are no such words; no secret
};

struct Done {};
template <class Value>
using FactorAnswer = std::variant<Value, FactorRefusal>;

/// A token that is good for setting up MFA and nothing else, of a user who has none yet.
struct SetupSession {
    OwnedToken token;
    /// Empty when the reply does not say whose token it is. Then nothing else can be asked with
    /// this token: an ordinary sign-in or somebody else's token (state()) has to tell the id.
    std::string user_id;
};

struct OtpDevice {
    std::string id;
    std::string name; ///< sanitised
    bool verified = false;
    Secret key_uri; ///< otpauth://…, visible ASCII; only in the reply that made the device
};

struct Phone {
    std::string id;
    Secret number; ///< E.123; masked wherever it is shown
    bool verified = false;
};

struct FactorState {
    std::string user_id;
    std::string domain_id;
    bool enabled = false;
    bool locked = false;
    std::optional<FactorKind> factor;
    Enforcement enforcement = Enforcement::Default;
};

/// Whose token, and for whom: a person acts on themselves, an administrator on others.
struct Acting {
    const Secret& token;
    std::string user_id;
};

/// All calls take one request each and are bounded by request_timeout. None that changes anything
/// is ever sent twice. What is passed by reference is copied before the call returns, that is
/// before its Task starts.
///
/// Ids in replies are at most 256 bytes of printable text; a reply with another one is a Fault.
class FactorManagement {
  public:
    virtual ~FactorManagement() = default;

    /// Signs in for setting up MFA and nothing else. Dropping the Task is safe: a token in the
    /// reply is revoked. NotAllowed: MFA is on already, or the account is to do without. Conflict:
    /// answered with a challenge, so MFA is on.
    virtual Task<FactorAnswer<SetupSession>> begin_setup(const Account& account,
                                                         const Secret& password) = 0;

    virtual Task<FactorAnswer<OtpDevice>> add_otp_device(Acting who, std::string name) = 0;
    virtual Task<FactorAnswer<std::vector<OtpDevice>>> otp_devices(Acting who) = 0;
    /// Conflict: it is verified already.
    virtual Task<FactorAnswer<Done>> verify_otp_device(Acting who, std::string device,
                                                       const Secret& code) = 0;
    virtual Task<FactorAnswer<Done>> remove_otp_device(Acting who, std::string device) = 0;

    virtual Task<FactorAnswer<Phone>> add_phone(Acting who, const Secret& number) = 0;
    virtual Task<FactorAnswer<std::vector<Phone>>> phones(Acting who) = 0;
    /// Sends an SMS with a PIN.
    virtual Task<FactorAnswer<Done>> send_pin(Acting who, std::string phone) = 0;
    /// Conflict: it is verified already.
    virtual Task<FactorAnswer<Done>> verify_phone(Acting who, std::string phone,
                                                  const Secret& pin) = 0;
    virtual Task<FactorAnswer<Done>> remove_phone(Acting who, std::string phone) = 0;

    /// `kind` becomes the default; needed when both kinds are verified.
    virtual Task<FactorAnswer<Done>> enable(Acting who, std::optional<FactorKind> kind) = 0;
    virtual Task<FactorAnswer<Done>> set_default(Acting who, FactorKind kind) = 0;
    /// The devices stay.
    virtual Task<FactorAnswer<Done>> disable(Acting who) = 0;
    /// Switches MFA off and removes all devices.
    virtual Task<FactorAnswer<Done>> remove_all(Acting who) = 0;
    virtual Task<FactorAnswer<Done>> unlock(Acting who) = 0;
    virtual Task<FactorAnswer<Done>> require(Acting who, Enforcement level) = 0;
    virtual Task<FactorAnswer<std::vector<Secret>>>
    bypass_codes(Acting who, unsigned count, std::optional<std::chrono::minutes> valid_for) = 0;

    /// Also finds the id behind a name.
    virtual Task<FactorAnswer<FactorState>> state(const Secret& token, std::string user_name) = 0;
    virtual Task<FactorAnswer<Enforcement>> domain_enforcement(const Secret& token,
                                                               std::string domain_id) = 0;
    virtual Task<FactorAnswer<Done>>
    set_domain_enforcement(const Secret& token, std::string domain_id, Enforcement level) = 0;

    /// Needs no token. The provider judges the strength; WrongPassword: the present one is wrong.
    virtual Task<FactorAnswer<Done>> change_password(const Account& account, const Secret& present,
                                                     const Secret& fresh) = 0;
};

} // namespace raxauth::identity
