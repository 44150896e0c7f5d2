// SPDX-License-Identifier: Apache-2.0
#include "common/verdict.h"

namespace raxauth {
namespace {

template <class Value>
struct Word {
    Value value;
    std::string_view word;
};

constexpr Word<State> kStates[] = {
    {State::Ask, "ask"},
    {State::Granted, "granted"},
    {State::Ignored, "ignored"},
    {State::Denied, "denied"},
    {State::MaxTries, "max-tries"},
    {State::Unavailable, "unavailable"},
    {State::UnknownUser, "unknown-user"},
    {State::Expired, "expired"},
};

constexpr Word<Reason> kReasons[] = {
    {Reason::None, ""},
    {Reason::PasswordProven, "password-proven"},
    {Reason::MfaProven, "mfa-proven"},
    {Reason::ApiKeyProven, "api-key-proven"},
    {Reason::WrongCredentials, "wrong-credentials"},
    {Reason::SessionExpired, "session-expired"},
    {Reason::AccountLocked, "account-locked"},
    {Reason::AccountDisabled, "account-disabled"},
    {Reason::MfaRequired, "mfa-required"},
    {Reason::MfaSetupRequired, "mfa-setup-required"},
    {Reason::PasswordExpired, "password-expired"},
    {Reason::Throttled, "throttled"},
    {Reason::AccessRefused, "access-refused"},
    {Reason::NoBinding, "no-binding"},
    {Reason::IdentityUnreachable, "identity-unreachable"},
    {Reason::IdentityFault, "identity-fault"},
    {Reason::Deadline, "deadline"},
    {Reason::Exempt, "exempt"},
    {Reason::SessionReused, "session-reused"},
    {Reason::Offline, "offline"},
    {Reason::Misconfigured, "misconfigured"},
    {Reason::PasswordOnlyClient, "password-only-client"},
    {Reason::NoSignIn, "no-sign-in"},
    {Reason::Cancelled, "cancelled"},
    {Reason::UnknownUser, "unknown-user"},
    {Reason::InvalidUserName, "invalid-user-name"},
    {Reason::TooManyConversations, "too-many-conversations"},
    {Reason::LookupFailed, "lookup-failed"},
    {Reason::InternalFault, "internal-fault"},
    {Reason::LocalRules, "local-rules"},
    {Reason::PasswordChanged, "password-changed"},
    {Reason::Enrolled, "enrolled"},
    {Reason::Done, "done"},
    {Reason::ManagementRefused, "management-refused"},
    {Reason::NotSupported, "not-supported"},
};

template <class Value, std::size_t N>
std::string_view word_of(const Word<Value> (&table)[N], Value value) noexcept {
    for (const auto& row : table) {
        if (row.value == value) {
            return row.word;
        }
    }
    return "internal-fault";
}

template <class Value, std::size_t N>
std::optional<Value> value_of(const Word<Value> (&table)[N], std::string_view word) noexcept {
    for (const auto& row : table) {
        if (row.word == word) {
            return row.value;
        }
    }
    return std::nullopt;
}

} // namespace

std::string_view word(State state) noexcept {
    return word_of(kStates, state);
}

std::string_view word(Reason reason) noexcept {
    return word_of(kReasons, reason);
}

std::optional<State> state_from_word(std::string_view text) noexcept {
    return value_of(kStates, text);
}

std::optional<Reason> reason_from_word(std::string_view text) noexcept {
    return value_of(kReasons, text);
}

} // namespace raxauth
