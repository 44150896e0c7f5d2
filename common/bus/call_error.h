// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace raxauth::client {

/// Why a call has no result.
struct CallError {
    enum class Kind {
        Timeout,      ///< the deadline passed
        Interrupted,  ///< see Connection::interrupt_on()
        Disconnected, ///< no bus, no daemon at the other end, or it left: `error`
        Local,        ///< the call could not be made: `error`
        Replied,      ///< an error reply: `name`, `message`
        Malformed,    ///< the reply breaks a rule of org.raxauth.Auth1(5)
        OtherVersion, ///< the reply is that of a daemon of another version
    };
    Kind kind = Kind::Malformed;
    int error = 0;       ///< an errno
    std::string name;    ///< the error's D-Bus name, as it came
    std::string message; ///< for people, as it came

    static CallError from_errno(int error);
    static CallError malformed() { return {Kind::Malformed, 0, {}, {}}; }
};

template <class Value>
using Result = std::variant<Value, CallError>;

/// The error of a result that has one, else null.
template <class Value>
CallError* error_of(Result<Value>& result) noexcept {
    return std::get_if<CallError>(&result);
}

} // namespace raxauth::client
