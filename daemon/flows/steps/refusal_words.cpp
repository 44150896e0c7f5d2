// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/refusal_words.h"

#include "daemon/flows/prompts.h"

#include <algorithm>
#include <fmt/core.h>
#include <utility>
#include <variant>

namespace raxauth::flows {
namespace {

using conversation::Verdict;
using identity::FactorRefusal;
using identity::ProviderWords;
using identity::Rejected;

/// One refusal in three forms.
struct Told {
    State state;
    Reason reason;
    std::string text; ///< for the person
};

/// An answer to a sign-in as a verdict.
class AnswerWords {
  public:
    explicit AnswerWords(const ProviderWords& words) : words_(words) {}

    Verdict operator()(const identity::TokenIssued& /*issued*/) const {
        return Verdict::refused(State::Denied, Reason::InternalFault, "a token that nobody judged");
    }
    Verdict operator()(const identity::PasscodeRequired& /*required*/) const {
        return Verdict::refused(State::Unavailable, Reason::IdentityFault,
                                "an unexpected challenge");
    }
    Verdict operator()(const Rejected& rejected) const {
        switch (rejected.cause) {
        case Rejected::Cause::WrongCredentials:
            return Verdict::refused(State::Denied, Reason::WrongCredentials,
                                    "Identity refused user name or password");
        case Rejected::Cause::WrongPasscode:
            return Verdict::refused(State::Denied, Reason::WrongCredentials, "wrong passcode");
        case Rejected::Cause::SessionExpired:
            return Verdict::refused(State::Denied, Reason::SessionExpired,
                                    "the MFA session of Identity expired")
                .telling("The passcode came too late. Please start over.");
        case Rejected::Cause::AccessRefused:
            return Verdict::refused(State::Denied, Reason::AccessRefused,
                                    "Identity refused the tenant or domain")
                .telling(fmt::format("This {} account may not sign in here.", words_.name));
        }
        return Verdict::refused(State::Denied, Reason::InternalFault, "unknown rejection");
    }
    Verdict operator()(const identity::Locked& /*locked*/) const {
        return Verdict::refused(State::Denied, Reason::AccountLocked, "locked at Identity")
            .telling(fmt::format("This {} account is locked after too many wrong passcodes. Wait "
                                 "half an hour, or ask {}.",
                                 words_.name, words_.administrator));
    }
    Verdict operator()(const identity::Disabled& /*disabled*/) const {
        return Verdict::refused(State::Denied, Reason::AccountDisabled, "disabled at Identity")
            .telling(fmt::format("This {} account is disabled. Ask {}.", words_.name,
                                 words_.administrator));
    }
    Verdict operator()(const identity::SetupRequired& /*required*/) const {
        return Verdict::refused(State::Denied, Reason::MfaSetupRequired,
                                "Identity demands MFA and the account has none")
            .telling(set_up_elsewhere(words_));
    }
    Verdict operator()(const identity::PasswordExpired& /*expired*/) const {
        return Verdict::refused(State::Expired, Reason::PasswordExpired, "the password has expired")
            .telling(fmt::format("The password of this {} account has expired. Change it {}, then "
                                 "try again.",
                                 words_.name, words_.password_elsewhere));
    }
    Verdict operator()(const identity::Throttled& throttled) const {
        return Verdict::refused(State::Unavailable, Reason::Throttled,
                                throttled.retry_after
                                    ? fmt::format("Identity throttles this host; retry after {} s",
                                                  throttled.retry_after->count())
                                    : std::string("Identity throttles this host"))
            .telling(fmt::format("{} is refusing requests for now. Try again in a minute.",
                                 words_.service));
    }
    Verdict operator()(const identity::Unreachable& lost) const {
        return Verdict::refused(State::Unavailable, Reason::IdentityUnreachable, lost.detail)
            .telling(fmt::format("{} cannot be reached from this host. Try again later.",
                                 words_.service));
    }
    Verdict operator()(const identity::Fault& fault) const {
        return Verdict::refused(State::Unavailable, Reason::IdentityFault, fault.detail)
            .telling(fmt::format("{} gave no usable answer. Try again later.", words_.service));
    }

  private:
    const ProviderWords& words_;
};

Told told(FactorRefusal::Cause cause, const ProviderWords& words) {
    using Cause = FactorRefusal::Cause;
    const std::string& service = words.service;
    switch (cause) {
    case Cause::NotAllowed:
        return {State::Denied, Reason::ManagementRefused,
                fmt::format("{} does not allow this account to do that. Ask {}.", service,
                            words.administrator)};
    case Cause::NotFound:
        return {
            State::Denied, Reason::ManagementRefused,
            fmt::format("{} does not know that name or id, or does not show it to you.", service)};
    case Cause::Conflict:
        return {State::Denied, Reason::ManagementRefused,
                fmt::format("{} refused this: it does not fit the present state of the account.",
                            service)};
    case Cause::WrongCode:
        return {State::Denied, Reason::WrongCredentials,
                "That code is wrong or too old. A code is valid for a short time only."};
    case Cause::WrongPassword:
        return {State::Denied, Reason::WrongCredentials, "That is not the present password."};
    case Cause::TokenDead:
        return {State::Denied, Reason::NoSignIn,
                "The sign-in of this session is no longer valid. Sign in again: raxauth login"};
    case Cause::Throttled:
        return {State::Unavailable, Reason::Throttled,
                fmt::format("{} is refusing requests for now. Try again in a minute.", service)};
    case Cause::Unreachable:
        return {
            State::Unavailable, Reason::IdentityUnreachable,
            fmt::format(
                "{} gave no answer. It may have done what was asked: check before you try again.",
                service)};
    case Cause::Fault:
        break;
    }
    return {State::Unavailable, Reason::IdentityFault,
            fmt::format("{} gave no usable answer. Try again later.", service)};
}

} // namespace

Verdict refusal_of(const identity::Answer& answer, const ProviderWords& words) {
    return std::visit(AnswerWords(words), answer);
}

Verdict refusal_of(const FactorRefusal& refusal, std::string_view request,
                   const ProviderWords& words) {
    // Text with that many digits may hold a telephone number, however it is written.
    const auto digits = std::count_if(refusal.message.begin(), refusal.message.end(),
                                      [](char c) { return c >= '0' && c <= '9'; });
    const std::string quoted = digits < 7 ? refusal.message : std::string();
    Told what = told(refusal.cause, words);
    std::string why = fmt::format("{}: HTTP {}", request, refusal.status);
    const std::string& more = quoted.empty() ? refusal.detail : quoted;
    if (!more.empty()) {
        why += ", " + more;
    }
    if (!quoted.empty()) {
        what.text += fmt::format(" (Identity: {})", quoted);
    }
    return Verdict::refused(what.state, what.reason, std::move(why)).telling(std::move(what.text));
}

Verdict throttled(const limits::LimitRefusal& refusal, WallTime now, std::string_view rule) {
    const std::string when = time_of_day(refusal.until, now);
    if (refusal.ban) {
        return Verdict::refused(
                   State::Denied, Reason::PasswordOnlyClient,
                   fmt::format("the client knows only a password; again from {}", when))
            .telling(fmt::format("This client cannot be asked for a passcode. Try again at {} with "
                                 "one that can.",
                                 when));
    }
    return Verdict::refused(State::Denied, Reason::Throttled,
                            fmt::format("{}; again from {}", rule, when))
        .telling(fmt::format("Too many attempts for this account. Try again at {}.", when));
}

Verdict last_wrong_passcode(const limits::LimitRefusal& refusal, WallTime now) {
    const std::string when = time_of_day(refusal.until, now);
    return Verdict::refused(State::MaxTries, Reason::WrongCredentials,
                            fmt::format("wrong passcode; refused here until {}", when))
        .telling(fmt::format("That passcode was not accepted. This host now refuses sign-ins of "
                             "this account until {}.",
                             when));
}

Verdict not_offered(std::string_view what, const ProviderWords& words) {
    return Verdict::refused(State::Denied, Reason::NotSupported,
                            fmt::format("{} at this identity provider", what))
        .telling(fmt::format("{} at {}.", what, words.name));
}

std::string set_up_elsewhere(const ProviderWords& words) {
    return fmt::format("{} demands multi-factor authentication for this account, and it is not set "
                       "up yet. Set it up {}, then try again.",
                       words.name, words.mfa_elsewhere);
}

} // namespace raxauth::flows
