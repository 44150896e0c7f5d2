// SPDX-License-Identifier: Apache-2.0
#include "common/bus/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace raxauth::client {
namespace {

using Clock = std::chrono::steady_clock; // CLOCK_MONOTONIC, as sd_bus_get_timeout(3) uses

constexpr std::uint64_t kNoTimeout = UINT64_MAX; // to libsystemd: the deadline is ours

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
bool set_blocking_until(int fd, Deadline deadline) {
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
UniqueFd connect_before(const char* address, Deadline deadline) {
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

/// Lets the bus own `fd` and begin to speak. 0 or a negative errno.
int start(Bus& bus, int& fd_of_bus, UniqueFd fd, bool with_broker) {
    int r = sd_bus_new(out(bus));
    if (r >= 0) {
        r = sd_bus_set_fd(bus.get(), fd.get(), fd.get());
    }
    if (r >= 0) {
        fd_of_bus = fd.release(); // the bus closes it
        r = with_broker ? sd_bus_set_bus_client(bus.get(), /*b=*/1)
                        : sd_bus_negotiate_fds(bus.get(), /*b=*/0);
    }
    if (r >= 0) {
        r = sd_bus_start(bus.get());
    }
    if (r < 0) {
        bus.reset();
    }
    return r;
}

struct PendingReply {
    BusMessage message;
};

int on_reply(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) noexcept {
    static_cast<PendingReply*>(userdata)->message.reset(sd_bus_message_ref(message));
    return 1;
}

std::string text_or_empty(const char* text) {
    return text != nullptr ? text : "";
}

} // namespace

std::optional<CallError> Connection::connect(const char* address, Deadline deadline) {
    if (bus_) {
        return std::nullopt;
    }
    UniqueFd fd = connect_before(address, deadline);
    if (!fd) {
        return CallError::from_errno(errno);
    }
    const int r = start(bus_, fd_, std::move(fd), /*with_broker=*/true);
    return r < 0 ? std::optional(CallError::from_errno(-r)) : std::nullopt;
}

std::optional<CallError> Connection::adopt(UniqueFd peer) {
    const int r = start(bus_, fd_, std::move(peer), /*with_broker=*/false);
    return r < 0 ? std::optional(CallError::from_errno(-r)) : std::nullopt;
}

int Connection::turn(Deadline deadline) {
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
        wake = std::min(wake, Deadline(microseconds(static_cast<std::int64_t>(wake_usec))));
    }
    const auto wait = std::max(nanoseconds(0), nanoseconds(wake - now)).count();
    timespec relative{};
    relative.tv_sec = static_cast<time_t>(wait / 1000000000);
    relative.tv_nsec = static_cast<long>(wait % 1000000000);
    std::array<pollfd, 2> watched{};
    watched[0].fd = fd_;
    watched[0].events = static_cast<short>(events);
    watched[1].fd = interrupt_; // poll(2) passes over a negative one
    watched[1].events = POLLIN;
    if (::ppoll(watched.data(), watched.size(), &relative, nullptr) < 0 && errno != EINTR) {
        return -errno;
    }
    return (watched[1].revents & POLLIN) != 0 ? -ECANCELED : 0;
}

std::optional<CallError> Connection::wait_until_ready(Deadline deadline) {
    for (;;) {
        int r = sd_bus_is_ready(bus_.get());
        if (r > 0) {
            return std::nullopt;
        }
        if (r == 0) {
            r = turn(deadline);
        }
        if (r < 0) {
            return CallError::from_errno(-r);
        }
    }
}

bool Connection::take_in() noexcept {
    int r = 0;
    do {
        r = sd_bus_process(bus_.get(), nullptr);
    } while (r > 0);
    return r == 0; // a connection that has ended is an error
}

Result<BusMessage> Connection::new_call(const char* destination, const char* object,
                                        const char* interface, const char* member) {
    BusMessage call;
    int r = sd_bus_message_new_method_call(bus_.get(), out(call), destination, object, interface,
                                           member);
    if (r >= 0) {
        r = sd_bus_message_sensitive(call.get()); // its buffers are wiped when it goes
    }
    if (r < 0) {
        return CallError::from_errno(-r);
    }
    return call;
}

Result<BusMessage> Connection::send(const BusMessage& call, Deadline deadline) {
    PendingReply pending; // before the slot: dropping the slot ends the use of it
    BusSlot slot;
    int r = sd_bus_call_async(bus_.get(), out(slot), call.get(), on_reply, &pending, kNoTimeout);
    while (r >= 0 && !pending.message) {
        r = turn(deadline);
    }
    // A reply that came together with the end of the connection counts.
    if (!pending.message) {
        return CallError::from_errno(-r);
    }
    static_cast<void>(sd_bus_message_sensitive(pending.message.get())); // fails on null only
    if (const sd_bus_error* error = sd_bus_message_get_error(pending.message.get())) {
        return CallError{CallError::Kind::Replied, 0, text_or_empty(error->name),
                         text_or_empty(error->message)};
    }
    return std::move(pending.message);
}

void Connection::send_at_once(const BusMessage& call) noexcept {
    // Without a callback and a slot nobody wants the reply, and the message says so.
    static_cast<void>(sd_bus_call_async(bus_.get(), /*slot=*/nullptr, call.get(),
                                        /*callback=*/nullptr, /*userdata=*/nullptr, kNoTimeout));
}

} // namespace raxauth::client
