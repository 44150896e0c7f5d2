// SPDX-License-Identifier: Apache-2.0
#include "cli/failure.h"

#include "common/bus_contract.h"
#include "common/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <iterator>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

constexpr std::size_t kMaxMessageBytes = 4096; // a faulty configuration has many lines

constexpr const char* kLookAtDaemon =
    "Look at \"systemctl status raxauthd\" and \"journalctl -t raxauthd\".";

struct ErrorMeaning {
    std::string_view name;
    ExitStatus status;
    std::string_view advice;
};

constexpr std::array kMeanings{
    ErrorMeaning{contract::error::kNoToken, ExitStatus::Refused,
                 "Sign in for this session first: raxauth login"},
    ErrorMeaning{contract::error::kNotManaged, ExitStatus::Refused,
                 "This account does not sign in with Rackspace: see \"raxauth status\"."},
    ErrorMeaning{contract::error::kAccessDenied, ExitStatus::Refused,
                 "Ask the administrator of this host."},
    ErrorMeaning{contract::error::kLimitExceeded, ExitStatus::Refused,
                 "Wait a minute and try again."},
    ErrorMeaning{contract::error::kBusy, ExitStatus::Refused, "Wait a minute and try again."},
    ErrorMeaning{contract::error::kStaleSerial, ExitStatus::Refused, "Start again."},
    ErrorMeaning{contract::error::kInvalidContext, ExitStatus::Refused, kOtherVersionAdvice},
    ErrorMeaning{SD_BUS_ERROR_UNKNOWN_METHOD, ExitStatus::Refused, kOtherVersionAdvice},
    ErrorMeaning{SD_BUS_ERROR_FAILED, ExitStatus::Refused, kLookAtDaemon},
    ErrorMeaning{SD_BUS_ERROR_SERVICE_UNKNOWN, ExitStatus::Unreachable, kLookAtDaemon},
    ErrorMeaning{SD_BUS_ERROR_NAME_HAS_NO_OWNER, ExitStatus::Unreachable, kLookAtDaemon},
    ErrorMeaning{SD_BUS_ERROR_NO_REPLY, ExitStatus::Unreachable, kLookAtDaemon},
    ErrorMeaning{SD_BUS_ERROR_TIMEOUT, ExitStatus::Unreachable, kLookAtDaemon},
    ErrorMeaning{SD_BUS_ERROR_DISCONNECTED, ExitStatus::Unreachable, kLookAtDaemon},
};

struct Advice {
    Reason reason;
    std::string_view text;
};

constexpr std::string_view kAskAdministrator =
    "Ask the administrator of this host; \"journalctl -t raxauthd\" shows the rule.";

constexpr std::array kAdvice{
    Advice{Reason::WrongCredentials,
           "Try again. Three wrong passcodes lock the account at Identity."},
    Advice{Reason::SessionExpired, "Start again, and enter the passcode sooner."},
    Advice{Reason::AccountLocked, "Wait half an hour, or have the account unlocked at Rackspace."},
    Advice{Reason::AccountDisabled, "Ask the administrator of the Rackspace account."},
    Advice{Reason::MfaRequired, "Set up a second factor: raxauth enrol"},
    Advice{Reason::MfaSetupRequired, "Set up a second factor: raxauth enrol"},
    Advice{Reason::PasswordExpired, "Change the password: raxauth password"},
    Advice{Reason::Throttled, "Wait; \"raxauth status\" shows until when."},
    Advice{Reason::NoBinding, "The administrator has to name the organisation: raxauth.toml(5)."},
    Advice{Reason::IdentityUnreachable, "Check the network of this host, then try again."},
    Advice{Reason::IdentityFault, "Try again in a minute."},
    Advice{Reason::Deadline, "Start again, and answer sooner."},
    Advice{Reason::Exempt, "This account does not sign in with Rackspace."},
    Advice{Reason::Misconfigured, "The administrator has to run \"raxauth check-config\"."},
    Advice{Reason::Cancelled, "Start again when you are ready."},
    Advice{Reason::TooManyConversations, "Wait a minute and try again."},
    Advice{Reason::PasswordChanged, "The password is changed: start again with the new one."},
    Advice{Reason::Enrolled, "The second factor is set up: start again, with a passcode from it."},
    Advice{Reason::Done, "Nothing is left to do: \"raxauth mfa status\" shows the present state."},
    Advice{Reason::ManagementRefused,
           "See \"raxauth mfa status\", and IF RACKSPACE REFUSES in raxauth(1)."},
    Advice{Reason::NotSupported, "Use the Rackspace Cloud Control Panel."},
};

/// The bus itself refused the call, in words that name its rules and not ours.
Failure failure_of_policy() {
    if (::geteuid() != 0) {
        return {ExitStatus::Refused, "only root can do this", "Run it with sudo."};
    }
    return {ExitStatus::Refused, "the system bus does not let root call raxauthd",
            "The bus has not read raxauth's policy: systemctl reload dbus"};
}

} // namespace

Failure failure_from_bus(std::string_view error_name, std::string_view message) {
    if (error_name == SD_BUS_ERROR_ACCESS_DENIED) {
        return failure_of_policy();
    }
    std::string text = sanitise_lines(message.empty() ? error_name : message, kMaxMessageBytes);
    const auto found =
        std::find_if(kMeanings.begin(), kMeanings.end(),
                     [&](const ErrorMeaning& meaning) { return meaning.name == error_name; });
    if (found == kMeanings.end()) {
        return {ExitStatus::Unreachable, fmt::format("cannot reach raxauthd: {}", text),
                kLookAtDaemon};
    }
    if (found->status == ExitStatus::Unreachable) {
        text = fmt::format("raxauthd does not answer: {}", text);
    }
    return {found->status, text, std::string(found->advice)};
}

Failure failure_of(const client::CallError& error) {
    switch (error.kind) {
    case client::CallError::Kind::Replied:
        return failure_from_bus(error.name, error.message);
    case client::CallError::Kind::Timeout:
    case client::CallError::Kind::Disconnected:
        return {ExitStatus::Unreachable,
                fmt::format("raxauthd does not answer: {}", std::strerror(error.error)),
                kLookAtDaemon};
    case client::CallError::Kind::Local:
        return {ExitStatus::Refused,
                error.error == EMSGSIZE
                    ? std::string("an answer is longer than 4096 bytes")
                    : fmt::format("cannot make a message: {}", std::strerror(error.error)),
                "Start again."};
    case client::CallError::Kind::OtherVersion:
    case client::CallError::Kind::Malformed:
        break;
    }
    return failure_of_odd_daemon();
}

Failure failure_without_daemon(const client::CallError& error) {
    // Whatever the bus says, its meaning is this: there is nobody to talk to.
    const std::string why = !error.message.empty() ? sanitise(error.message, kMaxMessageBytes)
                            : !error.name.empty()  ? sanitise(error.name, kMaxMessageBytes)
                                                   : std::string(std::strerror(error.error));
    return {ExitStatus::Unreachable, fmt::format("raxauthd does not answer: {}", why),
            kLookAtDaemon};
}

Failure failure_without_bus(int error) {
    return {ExitStatus::Unreachable,
            fmt::format("cannot reach the system bus: {}", std::strerror(error)),
            "Is dbus running? Try \"systemctl status dbus\"."};
}

Failure failure_of_odd_daemon() {
    return {ExitStatus::Unreachable, "unexpected reply from raxauthd (different version?)",
            kOtherVersionAdvice};
}

ExitStatus status_of(State state, Reason reason) noexcept {
    if (state == State::Granted) {
        return ExitStatus::Done;
    }
    const bool unreachable =
        reason == Reason::IdentityUnreachable || reason == Reason::IdentityFault;
    return state == State::Unavailable && unreachable ? ExitStatus::Unreachable
                                                      : ExitStatus::Refused;
}

std::string_view advice_for(Reason reason) noexcept {
    const auto found = std::find_if(kAdvice.begin(), kAdvice.end(),
                                    [&](const Advice& advice) { return advice.reason == reason; });
    return found != kAdvice.end() ? found->text : kAskAdministrator;
}

} // namespace raxauth::cli
