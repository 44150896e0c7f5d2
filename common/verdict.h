// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace raxauth {

/// The `state` word of every reply in a conversation: either "answer these prompts" or the end.
enum class State {
    Ask,         ///< answer the prompts, in order
    Granted,     ///< Identity, or a reused sign-in, proved who this is
    Ignored,     ///< the configuration exempts the user
    Denied,      ///< refused
    MaxTries,    ///< refused, and no more tries in this conversation
    Unavailable, ///< cannot be decided now
    UnknownUser, ///< this host has no such user
    Expired,     ///< the account's password or validity has run out
};

/// The `reason` word: why the state is what it is. Stable; administrators match on it.
enum class Reason {
    None,
    PasswordProven,   ///< granted, with the password alone (access.require_mfa = false)
    MfaProven,        ///< granted, with password and passcode
    ApiKeyProven,     ///< granted, with an API key
    WrongCredentials, ///< Identity refused the password or the passcode
    SessionExpired,   ///< the passcode came too late for Identity
    AccountLocked,    ///< too many wrong attempts at Identity
    AccountDisabled,
    MfaRequired,      ///< Identity proved only one factor and access.require_mfa wants two
    MfaSetupRequired, ///< Identity demands MFA and the account has none yet
    PasswordExpired,
    Throttled,     ///< refused here by the limiter, or by Identity's (413, 429)
    AccessRefused, ///< domain, tenant or role does not fit
    NoBinding,     ///< the administrator has not named the organisation
    IdentityUnreachable,
    IdentityFault, ///< Identity answered nonsense or a 5xx
    Deadline,
    Exempt,
    SessionReused, ///< the second factor of this very login session counts
    Offline,
    Misconfigured,
    PasswordOnlyClient, ///< the client gives the password to every prompt
    NoSignIn,           ///< account phase of a login that did not use raxauth
    Cancelled,          ///< the person or the caller ended the conversation
    UnknownUser,        ///< NSS does not know the name
    InvalidUserName,    ///< the grammar refuses the name
    TooManyConversations,
    LookupFailed, ///< NSS failed: not known whether the user is exempt
    InternalFault,
    LocalRules, ///< account phase: no rule refuses the user
    PasswordChanged,
    Enrolled,          ///< a second factor was set up
    Done,              ///< what was asked for about the second factor is done
    ManagementRefused, ///< Identity refused it; the message says why
    NotSupported,
};

std::string_view word(State state) noexcept;
std::string_view word(Reason reason) noexcept;
/// Nothing for an unknown word, which callers treat as a fault.
std::optional<State> state_from_word(std::string_view word) noexcept;
std::optional<Reason> reason_from_word(std::string_view word) noexcept;

} // namespace raxauth
