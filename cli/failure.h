// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus/call_error.h"
#include "common/verdict.h"

#include <stdexcept>
#include <string>
#include <string_view>

namespace raxauth::cli {

/// What the shell gets; fixed for scripts, see raxauth(1).
enum class ExitStatus : int { Done = 0, Refused = 1, Usage = 2, Unreachable = 3 };

/// A verb that could not do its work. what() says what happened, advice() what the person can do;
/// both go to standard error. Never holds a secret.
class Failure : public std::runtime_error {
  public:
    Failure(ExitStatus status, const std::string& what, std::string advice = {})
        : std::runtime_error(what), status_(status), advice_(std::move(advice)) {}

    ExitStatus status() const noexcept { return status_; }
    const std::string& advice() const noexcept { return advice_; }

  private:
    ExitStatus status_;
    std::string advice_;
};

inline constexpr const char* kOtherVersionAdvice =
    "raxauthd may be of another version. Try \"systemctl restart raxauthd\".";

/// What an error reply of the bus or the daemon means here, by its name alone. The message is meant
/// for people and is shown.
Failure failure_from_bus(std::string_view error_name, std::string_view message);
/// What a call without a result means.
Failure failure_of(const client::CallError& error);
/// The daemon did not answer the first call of all.
Failure failure_without_daemon(const client::CallError& error);
/// There is no bus to ask. `error`: an errno.
Failure failure_without_bus(int error);
/// The daemon breaks a rule of org.raxauth.Auth1(5).
Failure failure_of_odd_daemon();

/// The exit status of a sign-in that ended with this verdict: only Granted is Done.
ExitStatus status_of(State state, Reason reason) noexcept;

/// What a person can do about a refused sign-in. Never empty.
std::string_view advice_for(Reason reason) noexcept;

} // namespace raxauth::cli
