// SPDX-License-Identifier: Apache-2.0
#include "pam/bus_client.h"

#include "common/error_words.h"
#include "common/text.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace raxauth::pam {
namespace {

using client::CallError;
using client::error_of;

constexpr std::size_t kMaxHandleBytes = 256;
constexpr std::size_t kMaxVariables = 16;
constexpr std::size_t kMaxVariableBytes = 4096;

/// Whether an error reply says that nothing can be decided now. The message is not looked at.
bool means_unavailable(std::string_view name) {
    static constexpr std::string_view kUnavailable[] = {
        contract::error::kLimitExceeded,
        contract::error::kBusy,
        contract::error::kAccessDenied, // PAM in a process of another uid: postgres, say
        SD_BUS_ERROR_SERVICE_UNKNOWN,
        SD_BUS_ERROR_NAME_HAS_NO_OWNER,
        SD_BUS_ERROR_NO_REPLY,
        SD_BUS_ERROR_TIMEOUT,
        "org.freedesktop.DBus.Error.TimedOut",
        SD_BUS_ERROR_NO_SERVER,
        SD_BUS_ERROR_DISCONNECTED,
        SD_BUS_ERROR_LIMITS_EXCEEDED,
    };
    // A daemon that cannot be started, told by dbus-daemon or by systemd.
    static constexpr std::string_view kUnavailableFamilies[] = {
        "org.freedesktop.DBus.Error.Spawn.",
        "org.freedesktop.systemd1.",
    };
    return std::find(std::begin(kUnavailable), std::end(kUnavailable), name) !=
               std::end(kUnavailable) ||
           std::any_of(std::begin(kUnavailableFamilies), std::end(kUnavailableFamilies),
                       [&](std::string_view family) { return name.starts_with(family); });
}

std::string describe(int error) {
    return std::string("raxauthd: ") + error_words(error);
}

/// What a call without a result means to the person who signs in.
CallFailure failure_of(const CallError& error) {
    switch (error.kind) {
    case CallError::Kind::Timeout:
        return {Outcome::Unavailable, std::string(word(Reason::Deadline))};
    case CallError::Kind::Interrupted:
        return {Outcome::Cancelled, "interrupted"};
    case CallError::Kind::Disconnected:
        return {Outcome::Unavailable, describe(error.error)};
    case CallError::Kind::OtherVersion: // an upgrade under way
        return {Outcome::Unavailable, "raxauthd is of another version"};
    case CallError::Kind::Local:
        // Nothing that long is a password or a passcode.
        return error.error == EMSGSIZE ? CallFailure{Outcome::Denied, "answer too long"}
                                       : CallFailure{Outcome::Fault, describe(error.error)};
    case CallError::Kind::Replied:
        return {means_unavailable(error.name) ? Outcome::Unavailable : Outcome::Fault,
                sanitise(error.name)};
    case CallError::Kind::Malformed:
        break;
    }
    return {Outcome::Fault, "malformed reply"};
}

template <class Value>
CallResult<Value> call_result(client::Result<Value> result) {
    if (const CallError* const error = error_of(result)) {
        return failure_of(*error);
    }
    return std::get<Value>(std::move(result));
}

/// The module lets the daemon set no variable but its own and OpenStack's.
bool is_variable(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    return (name.starts_with("RAXAUTH_") || name.starts_with("OS_")) &&
           name != contract::kTicketVariable && name.size() <= 64 &&
           std::all_of(name.begin(), name.end(), fits);
}

bool read_session(sd_bus_message* reply, SessionReply& session) {
    const char* handle = nullptr;
    if (sd_bus_message_read(reply, "s", &handle) <= 0 ||
        std::string_view(handle).size() > kMaxHandleBytes ||
        sd_bus_message_enter_container(reply, 'a', "{ss}") <= 0) {
        return false;
    }
    session.handle = handle;
    const char* name = nullptr;
    const char* value = nullptr;
    int r = 0;
    while ((r = sd_bus_message_read(reply, "{ss}", &name, &value)) > 0) {
        if (session.environment.size() == kMaxVariables) {
            return false;
        }
        if (is_variable(name)) {
            session.environment.emplace_back(name, sanitise(value, kMaxVariableBytes));
        }
    }
    return r == 0 && sd_bus_message_exit_container(reply) >= 0;
}

} // namespace

client::Deadline BusClient::deadline_of_next_call() {
    if (begun_) {
        return *std::exchange(begun_, std::nullopt);
    }
    return std::chrono::steady_clock::now() +
           (answered_ ? timeout_ : std::min(timeout_, contract::kActivationTimeout));
}

void BusClient::connect_early() {
    const client::Deadline deadline = deadline_of_next_call();
    begun_ = deadline;
    static_cast<void>(bus_.connect(address_, deadline)); // tried again by the call if it failed
}

template <class Append>
client::Result<BusMessage> BusClient::call(const char* member, Append append) {
    const client::Deadline deadline = deadline_of_next_call();
    if (auto error = bus_.connect(address_, deadline)) {
        return *std::move(error);
    }
    auto request =
        bus_.new_call(contract::kBusName, contract::kObject, contract::kInterface, member);
    if (CallError* const error = error_of(request)) {
        return std::move(*error);
    }
    const auto& message = std::get<BusMessage>(request);
    const int r = append(message.get());
    if (r < 0) {
        return CallError::from_errno(-r);
    }
    auto reply = bus_.send(message, deadline);
    answered_ = answered_ || error_of(reply) == nullptr;
    return reply;
}

void BusClient::interrupt_on(int fd) noexcept {
    bus_.interrupt_on(fd);
    channel_.interrupt_on(fd);
}

Reply BusClient::begin(DialogueKind kind, const Context& context) {
    const client::Deadline deadline = deadline_of_next_call();
    if (auto error = bus_.connect(address_, deadline)) {
        return failure_of(*error);
    }
    auto step = client::begin(bus_, contract::kBusName,
                              kind == DialogueKind::SignIn ? contract::method::kBeginSignIn
                                                           : contract::method::kBeginPasswordChange,
                              context, channel_, deadline);
    bus_.close(); // before anybody is asked anything
    answered_ = true;
    if (const CallError* const error = error_of(step)) {
        return failure_of(*error);
    }
    if (std::get<Step>(step).state == State::Ask) {
        if (auto error = channel_.start()) {
            return failure_of(*error);
        }
    }
    return std::get<Step>(std::move(step));
}

Reply BusClient::answer(std::uint64_t serial, const std::vector<Secret>& answers) {
    return call_result(channel_.answer(serial, answers, deadline_of_next_call()));
}

void BusClient::cancel() noexcept {
    channel_.cancel();
}

CallResult<AccountReply> BusClient::check_account(const Context& context) {
    auto reply = call(contract::method::kCheckAccount, [&](sd_bus_message* message) {
        return client::append_context(message, context);
    });
    if (const CallError* const error = error_of(reply)) {
        return failure_of(*error);
    }
    return call_result(client::read_account(std::get<BusMessage>(reply).get()));
}

CallResult<SessionReply> BusClient::open_session(const Context& context) {
    auto reply = call(contract::method::kOpenSession, [&](sd_bus_message* message) {
        return client::append_context(message, context);
    });
    if (const CallError* const error = error_of(reply)) {
        return failure_of(*error);
    }
    SessionReply session;
    if (!read_session(std::get<BusMessage>(reply).get(), session)) {
        return failure_of(CallError::malformed());
    }
    return session;
}

std::optional<CallFailure> BusClient::close_session(const std::string& handle) {
    auto reply = call(contract::method::kCloseSession, [&](sd_bus_message* message) {
        return sd_bus_message_append(message, "s", handle.c_str());
    });
    if (const CallError* const error = error_of(reply)) {
        return failure_of(*error);
    }
    return std::nullopt;
}

} // namespace raxauth::pam
