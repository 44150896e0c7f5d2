// SPDX-License-Identifier: Apache-2.0
#include "pam/bus_client.h"

#include "common/secret_pipe.h"
#include "common/text.h"
#include "pam/ticket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace raxauth::pam {
namespace {

using Clock = std::chrono::steady_clock; // CLOCK_MONOTONIC, as sd_bus_get_timeout(3) uses

constexpr std::uint64_t kNoTimeout = UINT64_MAX; // to libsystemd: the deadline is ours
constexpr std::size_t kMaxReasonBytes = 64;
constexpr std::size_t kMaxHandleBytes = 256;
constexpr std::size_t kMaxVariables = 16;
constexpr std::size_t kMaxVariableBytes = 4096;

CallFailure unavailable(std::string_view why) {
    return {Outcome::Unavailable, std::string(why)};
}

CallFailure fault(std::string_view why) {
    return {Outcome::Fault, std::string(why)};
}

CallFailure failure_from_errno(int error, std::string_view what) {
    if (error == ETIMEDOUT) {
        return unavailable(word(Reason::Deadline));
    }
    std::string why(what);
    why += ": ";
    why += ::strerrordesc_np(error) != nullptr ? ::strerrordesc_np(error) : "unknown error";
    return error == ENOMEM || error == EINVAL ? fault(why) : unavailable(why);
}

/// What an error reply means to the person who signs in. The message text is not looked at.
CallFailure failure_from_error_reply(const sd_bus_error& error) {
    static constexpr std::string_view kUnavailable[] = {
        contract::error::kLimitExceeded,
        contract::error::kBusy,
        contract::error::kAccessDenied,       // PAM in a process of another uid: postgres, say
        contract::error::kNoSuchConversation, // its deadline passed, or the daemon began anew
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
    const std::string_view name = error.name != nullptr ? error.name : "";
    const auto begins_name = [&](std::string_view family) { return name.starts_with(family); };
    const bool absent =
        std::find(std::begin(kUnavailable), std::end(kUnavailable), name) !=
            std::end(kUnavailable) ||
        std::any_of(std::begin(kUnavailableFamilies), std::end(kUnavailableFamilies), begins_name);
    return absent ? unavailable(sanitise(name)) : fault(sanitise(name));
}

std::optional<sockaddr_un> socket_address(std::string_view address) {
    constexpr std::string_view kPrefix = "unix:path=";
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (!address.starts_with(kPrefix) || address.size() - kPrefix.size() >= sizeof name.sun_path) {
        return std::nullopt;
    }
    address.remove_prefix(kPrefix.size());
    address.copy(name.sun_path, address.size());
    return name;
}

/// Blocking from here on, but for no longer than to `deadline`.
bool set_blocking_until(int fd, Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
        errno = ETIMEDOUT;
        return false;
    }
    timeval wait{};
    wait.tv_sec = static_cast<time_t>(left.count() / 1000000);
    wait.tv_usec = static_cast<suseconds_t>(left.count() % 1000000);
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
           ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0;
}

/// Connects before `deadline`, also when others keep the listener's queue full. connect(2) says
/// EAGAIN then, and no poll(2) waits for a place in that queue; a blocking connect does, and heeds
/// SO_SNDTIMEO. sd_bus_start() makes the socket non-blocking again.
/// Errors: an empty descriptor, errno set.
UniqueFd connect_before(const char* address, Clock::time_point deadline) {
    const auto name = socket_address(address);
    if (!name) {
        errno = EINVAL;
        return {};
    }
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return {};
    }
    while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*name), sizeof *name) < 0) {
        const bool is_crowded = errno == EAGAIN || errno == EINTR;
        if (!is_crowded || !set_blocking_until(fd.get(), deadline)) {
            return {};
        }
    }
    return fd;
}

/// Builds one a{sv}; an append that fails makes every later one a no-op, and finish() tells.
class ContextWriter {
  public:
    explicit ContextWriter(sd_bus_message* message) : message_(message) {
        keep(sd_bus_message_open_container(message_, 'a', "{sv}"));
    }
    void text(const char* key, const std::string& value) {
        if (!value.empty()) {
            keep(sd_bus_message_append(message_, "{sv}", key, "s", value.c_str()));
        }
    }
    /// In one call, which parses and checks less than seven. The last only where there is one.
    void ids_and_flags(const Context& context) {
        namespace key = contract::context;
        const char* const all = "{sv}{sv}{sv}{sv}{sv}{sv}{sv}";
        const char* const types = context.account_uid ? all : all + std::strlen("{sv}");
        keep(sd_bus_message_append(message_, types, key::kAuditSession, "u", context.audit_session,
                                   key::kLoginUid, "u", context.login_uid, key::kRealUid, "u",
                                   context.real_uid, key::kSignedIn, "b",
                                   static_cast<int>(context.signed_in), key::kInteractive, "b",
                                   static_cast<int>(context.interactive), key::kNoReuse, "b",
                                   static_cast<int>(context.no_reuse), key::kAccountUid, "u",
                                   context.account_uid.value_or(contract::kUnsetId)));
    }
    int finish() {
        keep(sd_bus_message_close_container(message_));
        return result_;
    }

  private:
    void keep(int r) noexcept {
        if (result_ >= 0 && r < 0) {
            result_ = r;
        }
    }
    sd_bus_message* message_;
    int result_ = 0;
};

int append_context(sd_bus_message* message, const Context& context) {
    ContextWriter writer(message);
    writer.text(contract::context::kUser, context.user);
    writer.text(contract::context::kService, context.service);
    writer.text(contract::context::kTty, context.tty);
    writer.text(contract::context::kRemoteHost, context.remote_host);
    writer.text(contract::context::kRemoteUser, context.remote_user);
    writer.text(contract::context::kSession, context.session);
    writer.text(contract::context::kTicket, context.ticket);
    writer.ids_and_flags(context);
    return writer.finish();
}

int append_answers(sd_bus_message* message, std::uint64_t id, std::uint64_t serial,
                   const std::vector<UniqueFd>& pipes) {
    int r = sd_bus_message_append(message, "tt", id, serial);
    if (r >= 0) {
        r = sd_bus_message_open_container(message, 'a', "h");
    }
    for (const UniqueFd& pipe : pipes) {
        if (r >= 0) {
            r = sd_bus_message_append(message, "h", pipe.get()); // takes a duplicate
        }
    }
    return r >= 0 ? sd_bus_message_close_container(message) : r;
}

/// What a reply holds is a fault of the daemon's if it cannot be read: nothing here is lenient.
class ReplyReader {
  public:
    explicit ReplyReader(sd_bus_message* message) : message_(message) {}

    bool number(std::uint64_t& value) { return sd_bus_message_read(message_, "t", &value) > 0; }

    bool text(std::string_view& value) {
        const char* read = nullptr;
        if (sd_bus_message_read(message_, "s", &read) <= 0) {
            return false;
        }
        value = read;
        return true;
    }

    bool verdict(State& state, std::string& reason) {
        std::string_view state_word;
        std::string_view reason_word;
        if (!text(state_word) || !text(reason_word)) {
            return false;
        }
        const auto known = state_from_word(state_word);
        if (known) {
            state = *known;
        }
        reason = sanitise(reason_word, kMaxReasonBytes);
        return known.has_value();
    }

    bool messages(std::vector<Message>& messages) {
        if (sd_bus_message_enter_container(message_, 'a', "(ss)") <= 0) {
            return false;
        }
        const char* kind_word = nullptr;
        const char* line = nullptr;
        int r = 0;
        while ((r = sd_bus_message_read(message_, "(ss)", &kind_word, &line)) > 0) {
            const auto kind = contract::message_kind_from_word(kind_word);
            if (!kind || messages.size() == contract::kMaxMessages) {
                return false;
            }
            messages.emplace_back(*kind, sanitise_lines(line, contract::kMaxMessageBytes));
        }
        return r == 0 && sd_bus_message_exit_container(message_) >= 0;
    }

    bool details(Step& step) {
        if (sd_bus_message_enter_container(message_, 'a', "{sv}") <= 0) {
            return false;
        }
        int r = 0;
        while ((r = sd_bus_message_enter_container(message_, 'e', "sv")) > 0) {
            std::string_view key;
            if (!text(key)) {
                return false;
            }
            if (key == contract::detail::kTicket) {
                const char* value = nullptr;
                if (sd_bus_message_read(message_, "v", "s", &value) <= 0 ||
                    !is_ticket(std::string_view(value))) {
                    return false;
                }
                step.ticket = Secret(value);
            } else if (key == contract::detail::kTexts) {
                if (!secret_texts(step.messages)) {
                    return false;
                }
            } else if (sd_bus_message_skip(message_, "v") < 0) {
                return false;
            }
            if (sd_bus_message_exit_container(message_) < 0) {
                return false;
            }
        }
        return r == 0 && sd_bus_message_exit_container(message_) >= 0;
    }

    bool environment(std::vector<std::pair<std::string, std::string>>& variables) {
        if (sd_bus_message_enter_container(message_, 'a', "{ss}") <= 0) {
            return false;
        }
        const char* name = nullptr;
        const char* value = nullptr;
        int r = 0;
        while ((r = sd_bus_message_read(message_, "{ss}", &name, &value)) > 0) {
            if (variables.size() == kMaxVariables) {
                return false;
            }
            if (is_variable(name)) {
                variables.emplace_back(name, sanitise(value, kMaxVariableBytes));
            }
        }
        return r == 0 && sd_bus_message_exit_container(message_) >= 0;
    }

  private:
    /// One pipe for each message without a text, in order. The descriptors are the message's.
    bool secret_texts(std::vector<Message>& messages) {
        if (sd_bus_message_enter_container(message_, 'v', "ah") <= 0 ||
            sd_bus_message_enter_container(message_, 'a', "h") <= 0) {
            return false;
        }
        PipeReceiver receiver;
        for (Message& message : messages) {
            if (!message.text.empty()) {
                continue;
            }
            int fd = -1;
            Secret text;
            if (sd_bus_message_read(message_, "h", &fd) <= 0 || !receiver.receive(fd, text)) {
                return false;
            }
            std::string clean = sanitise_lines(text.view(), contract::kMaxMessageBytes);
            message.text = clean;
            wipe(clean.data(), clean.size());
        }
        return sd_bus_message_at_end(message_, /*complete=*/0) > 0 &&
               sd_bus_message_exit_container(message_) >= 0 &&
               sd_bus_message_exit_container(message_) >= 0;
    }

    /// The daemon may add to the environment of a session, not change LD_PRELOAD.
    static bool is_variable(std::string_view name) {
        const auto fits = [](char c) {
            return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        };
        return (name.starts_with("RAXAUTH_") || name.starts_with("OS_")) &&
               name != contract::kTicketVariable && name.size() <= 64 &&
               std::all_of(name.begin(), name.end(), fits);
    }

    sd_bus_message* message_;
};

Reply read_step(sd_bus_message* message) {
    Step step;
    ReplyReader reader(message);
    if (!reader.number(step.id) || !reader.number(step.serial) ||
        !reader.verdict(step.state, step.reason) || !reader.messages(step.messages) ||
        !reader.details(step)) {
        return fault("malformed reply");
    }
    return step;
}

struct PendingReply {
    BusMessage message;
};

int on_reply(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) noexcept {
    static_cast<PendingReply*>(userdata)->message.reset(sd_bus_message_ref(message));
    return 1;
}

} // namespace

BusClient::Deadline BusClient::deadline_of_next_call() {
    if (begun_) {
        return *std::exchange(begun_, std::nullopt);
    }
    const bool first = daemon_.empty();
    return Clock::now() + (first ? std::min(timeout_, contract::kActivationTimeout) : timeout_);
}

void BusClient::connect_early() {
    const Deadline deadline = deadline_of_next_call();
    begun_ = deadline;
    static_cast<void>(connect(deadline)); // tried again by the call if it failed
}

std::optional<CallFailure> BusClient::connect(Deadline deadline) {
    if (bus_) {
        return std::nullopt;
    }
    UniqueFd fd = connect_before(address_, deadline);
    if (!fd) {
        return failure_from_errno(errno, "system bus");
    }
    int r = sd_bus_new(out(bus_));
    if (r >= 0) {
        r = sd_bus_set_fd(bus_.get(), fd.get(), fd.get());
    }
    if (r >= 0) {
        fd_ = fd.release(); // the bus closes it
        r = sd_bus_set_bus_client(bus_.get(), /*b=*/1);
    }
    if (r >= 0) {
        r = sd_bus_start(bus_.get());
    }
    if (r < 0) {
        bus_.reset();
        return failure_from_errno(-r, "system bus");
    }
    return std::nullopt;
}

int BusClient::turn(Deadline deadline) {
    const auto now = Clock::now();
    if (now >= deadline) {
        return -ETIMEDOUT;
    }
    const int processed = sd_bus_process(bus_.get(), nullptr);
    if (processed != 0) {
        return std::min(processed, 0);
    }
    const int events = sd_bus_get_events(bus_.get());
    if (events < 0) {
        return events;
    }
    std::uint64_t wake_usec = kNoTimeout; // absolute
    const int r = sd_bus_get_timeout(bus_.get(), &wake_usec);
    if (r < 0) {
        return r;
    }
    using std::chrono::microseconds;
    using std::chrono::nanoseconds;
    auto wake = deadline;
    if (wake_usec < static_cast<std::uint64_t>(INT64_MAX) / 1000) {
        wake = std::min(wake, TimePoint(microseconds(static_cast<std::int64_t>(wake_usec))));
    }
    const auto wait = std::max(nanoseconds(0), nanoseconds(wake - now)).count();
    timespec relative{};
    relative.tv_sec = static_cast<time_t>(wait / 1000000000);
    relative.tv_nsec = static_cast<long>(wait % 1000000000);
    pollfd watched{};
    watched.fd = fd_;
    watched.events = static_cast<short>(events);
    if (::ppoll(&watched, 1, &relative, nullptr) < 0 && errno != EINTR) {
        return -errno;
    }
    return 0;
}

std::optional<CallFailure> BusClient::wait_until_ready(Deadline deadline) {
    for (;;) {
        int r = sd_bus_is_ready(bus_.get());
        if (r > 0) {
            return std::nullopt;
        }
        if (r == 0) {
            r = turn(deadline);
        }
        if (r < 0) {
            return failure_from_errno(-r, "system bus");
        }
    }
}

CallResult<BusMessage> BusClient::await_reply(const BusMessage& request, Deadline deadline) {
    PendingReply pending; // before the slot: dropping the slot ends the use of it
    BusSlot slot;
    int r = sd_bus_call_async(bus_.get(), out(slot), request.get(), on_reply, &pending, kNoTimeout);
    while (r >= 0 && !pending.message) {
        r = turn(deadline);
    }
    // A reply that came together with the end of the connection counts.
    if (!pending.message) {
        return failure_from_errno(-r, "system bus");
    }
    static_cast<void>(sd_bus_message_sensitive(pending.message.get())); // fails on null only
    if (const sd_bus_error* error = sd_bus_message_get_error(pending.message.get())) {
        return failure_from_error_reply(*error);
    }
    return std::move(pending.message);
}

template <class Append>
CallResult<BusMessage> BusClient::call(const char* member, Deadline deadline, Append append) {
    if (auto failure = connect(deadline)) {
        return std::move(*failure);
    }
    BusMessage request;
    int r = sd_bus_message_new_method_call(bus_.get(), out(request),
                                           daemon_.empty() ? contract::kBusName : daemon_.c_str(),
                                           contract::kObject, contract::kInterface, member);
    if (r >= 0) {
        r = sd_bus_message_sensitive(request.get()); // its buffers are wiped when it goes
    }
    if (r >= 0) {
        r = append(request.get());
    }
    if (r < 0) {
        return failure_from_errno(-r, "request");
    }
    return await_reply(request, deadline);
}

CallResult<BusMessage> BusClient::call(const char* member, const Context& context) {
    return call(member, deadline_of_next_call(),
                [&](sd_bus_message* message) { return append_context(message, context); });
}

Reply BusClient::begin(DialogueKind kind, const Context& context) {
    auto reply = call(kind == DialogueKind::SignIn ? contract::method::kBeginSignIn
                                                   : contract::method::kBeginPasswordChange,
                      context);
    if (auto* failure = std::get_if<CallFailure>(&reply)) {
        return std::move(*failure);
    }
    const auto& answered = std::get<BusMessage>(reply);
    const char* const sender = sd_bus_message_get_sender(answered.get());
    if (sender == nullptr || sender[0] != ':') {
        return fault("reply without a sender");
    }
    daemon_ = sender;
    return read_step(answered.get());
}

Reply BusClient::answer(std::uint64_t id, std::uint64_t serial,
                        const std::vector<Secret>& answers) {
    if (!bus_ || daemon_.empty()) {
        return fault("answer without a conversation");
    }
    std::vector<UniqueFd> pipes;
    for (const Secret& answer : answers) {
        pipes.push_back(send_through_pipe(answer.view()));
        if (!pipes.back()) {
            // Nothing that long is a password or a passcode.
            return errno == EMSGSIZE ? CallFailure{Outcome::Denied, "answer too long"}
                                     : failure_from_errno(errno, "pipe");
        }
    }
    const Deadline deadline = deadline_of_next_call();
    // Descriptors can be put in a message once the bus has said that it takes them.
    if (auto failure = wait_until_ready(deadline)) {
        return std::move(*failure);
    }
    auto reply = call(contract::method::kAnswer, deadline, [&](sd_bus_message* message) {
        return append_answers(message, id, serial, pipes);
    });
    if (auto* failure = std::get_if<CallFailure>(&reply)) {
        return std::move(*failure);
    }
    return read_step(std::get<BusMessage>(reply).get());
}

void BusClient::cancel(std::uint64_t id) noexcept {
    if (!bus_ || daemon_.empty()) {
        return;
    }
    BusMessage request;
    int r =
        sd_bus_message_new_method_call(bus_.get(), out(request), daemon_.c_str(), contract::kObject,
                                       contract::kInterface, contract::method::kCancel);
    if (r >= 0) {
        r = sd_bus_message_append(request.get(), "t", id);
    }
    if (r >= 0) {
        // Written at once if the socket takes it. If not, our name leaving the bus says the same.
        static_cast<void>(sd_bus_call_async(bus_.get(), /*slot=*/nullptr, request.get(),
                                            /*callback=*/nullptr, /*userdata=*/nullptr,
                                            kNoTimeout));
    }
}

CallResult<AccountReply> BusClient::check_account(const Context& context) {
    auto reply = call(contract::method::kCheckAccount, context);
    if (auto* failure = std::get_if<CallFailure>(&reply)) {
        return std::move(*failure);
    }
    AccountReply account;
    ReplyReader reader(std::get<BusMessage>(reply).get());
    if (!reader.verdict(account.state, account.reason) || !reader.messages(account.messages)) {
        return fault("malformed reply");
    }
    return account;
}

CallResult<SessionReply> BusClient::open_session(const Context& context) {
    auto reply = call(contract::method::kOpenSession, context);
    if (auto* failure = std::get_if<CallFailure>(&reply)) {
        return std::move(*failure);
    }
    SessionReply session;
    std::string_view handle;
    ReplyReader reader(std::get<BusMessage>(reply).get());
    if (!reader.text(handle) || handle.size() > kMaxHandleBytes ||
        !reader.environment(session.environment)) {
        return fault("malformed reply");
    }
    session.handle = handle;
    return session;
}

std::optional<CallFailure> BusClient::close_session(const std::string& handle) {
    auto reply = call(contract::method::kCloseSession, deadline_of_next_call(),
                      [&](sd_bus_message* message) {
                          return sd_bus_message_append(message, "s", handle.c_str());
                      });
    if (auto* failure = std::get_if<CallFailure>(&reply)) {
        return std::move(*failure);
    }
    return std::nullopt;
}

} // namespace raxauth::pam
