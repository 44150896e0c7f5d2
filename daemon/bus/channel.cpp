// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/channel.h"

#include "common/bus_contract.h"
#include "daemon/bus/guard.h"
#include "daemon/bus/reply_values.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace raxauth::bus {
namespace {

using conversation::AnswerError;
using conversation::Ending;
using conversation::Step;

/// Replies that the peer has not read: beyond, it never will.
constexpr std::uint64_t kMaxUnread = 4;
/// Calls refused in one conversation: beyond, they are no mistakes.
constexpr unsigned kMaxRefused = 32;
/// Authentication has lines of some forty bytes; a first call may follow at once.
constexpr std::size_t kMaxGreetingBytes = contract::kMaxChannelCallBytes + 1024;
/// Of libsystemd, for one message: authenticate, read the header, read the body, deliver.
constexpr int kMaxTurns = 8;
/// For a peer to take the last words, or to fetch what is kept for it.
constexpr std::chrono::seconds kPatience{30};

bool has_no_name(int fd, int (*name_of)(int, sockaddr*, socklen_t*) noexcept) {
    sockaddr_un name{};
    socklen_t length = sizeof name;
    return name_of(fd, reinterpret_cast<sockaddr*>(&name), &length) == 0 &&
           length == sizeof name.sun_family;
}

int option_of(int fd, int option) {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

/// The size that the header of a message claims; 0 where `head` is no header.
std::size_t claimed_size(const std::array<unsigned char, 16>& head) {
    const auto number = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            value |= std::uint32_t{head[at + (head[0] == 'l' ? i : 3 - i)]} << (8 * i);
        }
        return std::size_t{value};
    };
    if (head[0] != 'l' && head[0] != 'B') {
        return 0;
    }
    return head.size() + number(4) + (number(12) + 7) / 8 * 8;
}

/// The server's id: no secret, and the same for all channels of this process.
sd_id128_t server_id() {
    static const sd_id128_t id = [] {
        sd_id128_t fresh{};
        check(sd_id128_randomize(&fresh), "make an id");
        return fresh;
    }();
    return id;
}

const char* error_name(AnswerError error) {
    switch (error) {
    case AnswerError::StaleSerial:
    case AnswerError::Over:
        return contract::error::kStaleSerial;
    case AnswerError::Busy:
        return contract::error::kBusy;
    case AnswerError::InvalidAnswers:
        break;
    }
    return contract::error::kInvalidContext;
}

/// The answers (`aay`) that stand next in `call`. Nothing: more than eight, or too long a one.
std::optional<std::vector<Secret>> read_answers(sd_bus_message* call) {
    std::vector<Secret> answers;
    if (sd_bus_message_enter_container(call, 'a', "ay") < 0) {
        return std::nullopt;
    }
    const void* bytes = nullptr;
    std::size_t size = 0;
    int r = 0;
    while ((r = sd_bus_message_at_end(call, /*complete=*/0)) == 0) {
        if (answers.size() == contract::kMaxAnswers ||
            sd_bus_message_read_array(call, 'y', &bytes, &size) < 0 ||
            size > contract::kMaxAnswerBytes) {
            return std::nullopt;
        }
        answers.emplace_back(std::string_view(static_cast<const char*>(bytes), size));
    }
    if (r < 0) {
        return std::nullopt;
    }
    return answers;
}

} // namespace

bool is_end_of_pair(int fd) noexcept {
    return option_of(fd, SO_DOMAIN) == AF_UNIX && option_of(fd, SO_TYPE) == SOCK_STREAM &&
           has_no_name(fd, &::getsockname) && has_no_name(fd, &::getpeername);
}

Channel::Channel(Loop& loop, conversation::Registry& registry, UniqueFd end,
                 std::function<void(Channel*)> gone)
    : loop_(loop), registry_(registry), end_(std::move(end)), fd_(end_.get()),
      gone_(std::move(gone)) {}

Channel::~Channel() = default;

void Channel::open(std::uint64_t id) {
    if (!gone_) {
        return;
    }
    if (!over_) {
        id_ = id;
    }
    watch_ = loop_.watch(fd_, EPOLLIN, [this](std::uint32_t) { on_ready(); }, kPrompt);
    if (over_) { // with what is kept
        patience_ = loop_.after(kPatience, [this] { finish(); });
    }
}

void Channel::over(const Ending& ending) {
    over_ = true;
    id_.reset();
    if (!gone_ || kept_) {
        return; // open() gives it its time
    }
    const bool is_news = !ending.replied && ending.reason != Reason::Cancelled;
    if (is_news && ending.reason != Reason::InternalFault) {
        static_cast<void>(guard([&] { tell_end(ending); }));
    }
    if (unread() == 0) {
        finish();
        return;
    }
    patience_ = loop_.after(kPatience, [this] { finish(); });
    watch();
}

std::uint64_t Channel::unread() const {
    std::uint64_t count = 0;
    return bus_ && sd_bus_get_n_queued_write(bus_.get(), &count) >= 0 ? count : 0;
}

/// Into the socket, where the peer finds it although this end is closed.
void Channel::tell_end(const Ending& ending) {
    if (!bus_ || sd_bus_is_ready(bus_.get()) <= 0) {
        return; // the peer has not even begun to speak
    }
    BusMessage signal;
    check(sd_bus_message_new_signal(bus_.get(), out(signal), contract::kConversationObject,
                                    contract::kConversationInterface, contract::channel::kEnded),
          "signal");
    check(sd_bus_message_append(signal.get(), "ss", std::string(word(ending.state)).c_str(),
                                std::string(word(ending.reason)).c_str()),
          "signal");
    append_messages(signal.get(), {});
    check(sd_bus_send(bus_.get(), signal.get(), nullptr), "signal");
}

void Channel::start() {
    check(sd_bus_new(out(bus_)), "create a channel");
    check(sd_bus_set_fd(bus_.get(), end_.get(), end_.get()), "give the channel its socket");
    static_cast<void>(end_.release()); // the bus closes it
    check(sd_bus_set_server(bus_.get(), 1, server_id()), "serve the channel");
    check(sd_bus_set_anonymous(bus_.get(), 1), "serve the channel"); // Begin... said who it is
    check(sd_bus_negotiate_fds(bus_.get(), 0), "serve the channel");
    check(sd_bus_add_filter(bus_.get(), nullptr, &Channel::on_message, this), "serve the channel");
    check(sd_bus_start(bus_.get()), "serve the channel");
}

void Channel::on_ready() {
    const auto self = shared_from_this();
    if (guard([&] { process(); }) < 0) {
        hang_up("a fault");
    }
}

/// Before libsystemd reads: whether what has come stays within the bounds.
bool Channel::is_within_bounds() {
    int count = 0;
    if (::ioctl(fd_, FIONREAD, &count) < 0) {
        return false;
    }
    const auto queued = static_cast<std::size_t>(count);
    has_input_ = queued > 0;
    if (!bus_ || sd_bus_is_ready(bus_.get()) == 0) {
        return queued <= kMaxGreetingBytes;
    }
    if (missing_ == 0 && queued > 0) { // at the start of a message
        std::array<unsigned char, 16> head{};
        const ssize_t got = ::recv(fd_, head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
        const std::size_t size = got == static_cast<ssize_t>(head.size()) ? claimed_size(head) : 0;
        if (size == 0 || size > contract::kMaxChannelCallBytes) {
            return false;
        }
        missing_ = size;
    }
    missing_ -= std::min(missing_, queued);
    return true;
}

void Channel::process() {
    if (!is_within_bounds()) {
        hang_up("a message that is too large, or none");
        return;
    }
    const bool was_ready = bus_ && sd_bus_is_ready(bus_.get()) > 0;
    if (!bus_) {
        if (!has_input_) {
            hang_up();
            return;
        }
        start();
    }
    // One message at a time: others are served between two of the same peer.
    heard_ = false;
    int r = 1;
    for (int turn = 0; turn < kMaxTurns && r > 0 && !heard_; ++turn) {
        r = sd_bus_process(bus_.get(), nullptr);
    }
    if (!gone_) {
        return;
    }
    if (r < 0 || sd_bus_is_open(bus_.get()) <= 0) {
        hang_up();
    } else if (was_ready && !heard_ && missing_ == 0 && has_input_) {
        hang_up("a message that cannot be read"); // libsystemd drops such without a word
    } else if (unread() > kMaxUnread) {
        hang_up("replies that nobody reads");
    } else {
        watch();
    }
}

void Channel::watch() {
    const int events = sd_bus_get_events(bus_.get());
    if (events < 0) {
        hang_up();
    } else if (over_ && !kept_ && unread() == 0) {
        finish();
    } else {
        watch_.change(EPOLLIN | ((events & EPOLLOUT) != 0 ? EPOLLOUT : 0U));
    }
}

int Channel::on_message(sd_bus_message* message, void* self, sd_bus_error* /*error*/) {
    auto* const channel = static_cast<Channel*>(self);
    const int r = guard([&] { channel->handle(message); });
    return r < 0 ? r : 1; // nothing else handles any message
}

void Channel::handle(sd_bus_message* message) {
    static_cast<void>(sd_bus_message_sensitive(message));
    if (!gone_) {
        return;
    }
    heard_ = true;
    missing_ = 0;
    if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", nullptr) > 0) {
        return; // libsystemd's own: the peer hung up, which process() sees
    }
    std::uint8_t type = 0;
    check(sd_bus_message_get_type(message, &type), "type");
    if (type != SD_BUS_MESSAGE_METHOD_CALL) {
        hang_up("not a call");
        return;
    }
    const char* const path = sd_bus_message_get_path(message);
    const bool is_ours = path != nullptr && std::strcmp(path, contract::kConversationObject) == 0;
    const auto calls = [&](const char* member) {
        return is_ours &&
               sd_bus_message_is_method_call(message, contract::kConversationInterface, member) > 0;
    };
    if (calls(contract::channel::kAnswer)) {
        answer(message);
    } else if (calls(contract::channel::kCancel)) {
        check(sd_bus_reply_method_return(message, nullptr), "reply");
        if (id_) {
            registry_.cancel(*id_);
        } else {
            finish();
        }
    } else {
        refuse(message, SD_BUS_ERROR_UNKNOWN_METHOD, "not on this channel");
    }
}

void Channel::answer(sd_bus_message* call) {
    std::uint64_t serial = 0;
    std::optional<std::vector<Secret>> answers;
    if (sd_bus_message_has_signature(call, contract::channel::kAnswerSignature) > 0 &&
        sd_bus_message_read_basic(call, 't', &serial) > 0) {
        answers = read_answers(call);
    }
    if (!answers) {
        reply_error(call, contract::error::kInvalidContext, "the answers cannot be read");
        hang_up("malformed answer");
        return;
    }
    if (kept_) {
        give_kept(call, serial);
        return;
    }
    if (!id_) {
        refuse(call, contract::error::kStaleSerial, "the conversation is over");
        return;
    }
    auto reply =
        [message = std::shared_ptr<sd_bus_message>(sd_bus_message_ref(call), [](sd_bus_message* m) {
             sd_bus_message_unref(m);
         })](const Step& step) {
            if (guard([&] { send_step(message.get(), step); }) < 0) {
                reply_error(message.get(), SD_BUS_ERROR_FAILED, "the answer could not be sent");
            }
        };
    if (const auto error = registry_.answer(*id_, serial, std::move(*answers), std::move(reply))) {
        refuse(call, error_name(*error), "not answered");
    }
}

void Channel::give_kept(sd_bus_message* call, std::uint64_t serial) {
    if (serial != 0) { // of the step that stood for it on the bus
        refuse(call, contract::error::kStaleSerial, "not answered");
        return;
    }
    send_step(call, *kept_);
    kept_.reset();
}

void Channel::refuse(sd_bus_message* call, const char* error, const char* text) {
    reply_error(call, error, text);
    if (++refused_ > kMaxRefused) {
        hang_up("too many calls out of turn");
    }
}

void Channel::hang_up(const char* why) {
    const auto id = std::exchange(id_, std::nullopt);
    finish();
    if (id && why != nullptr) {
        registry_.abort(*id, why);
    } else if (id) {
        registry_.left(*id);
    }
}

void Channel::finish() {
    watch_ = IoWatch(); // a hang-up would wake the loop again and again
    if (const auto gone = std::exchange(gone_, nullptr)) {
        gone(this);
    }
}

} // namespace raxauth::bus
