// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/channel.h"

#include "common/bus_contract.h"
#include "daemon/bus/guard.h"
#include "daemon/bus/reply_values.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

namespace raxauth::bus {
namespace {

using conversation::AnswerError;
using conversation::Ending;
using conversation::Step;

/// Replies that the peer has not read: beyond, it never will.
constexpr std::uint64_t kMaxUnread = 4;
/// Calls refused in one conversation: beyond, they are no mistakes.
constexpr unsigned kMaxRefused = 32;
/// What D-Bus's authentication ends with, from the client's side.
constexpr std::string_view kBegin = "BEGIN\r\n";
/// Authentication has lines of some forty bytes; a first call may follow at once.
constexpr std::size_t kMaxAuthenticationBytes = 1024;
constexpr std::size_t kMaxGreetingBytes = contract::kMaxChannelCallBytes + kMaxAuthenticationBytes;
/// Of libsystemd, for one message: authenticate, read the header, read the body, deliver.
constexpr int kMaxTurns = 8;
/// For a peer to take the last words, or to fetch what is kept for it.
constexpr std::chrono::seconds kPatience{30};
/// A peer that answers in the very moment of the end finds the signal, and no broken connection.
constexpr std::chrono::seconds kCrossing{2};

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

/// Bytes of the fixed part of a message's header (D-Bus specification, "Message Format").
constexpr std::size_t kHeadBytes = 16;

/// The size that the header of a message claims; 0 where `head` is no header.
std::size_t claimed_size(std::string_view head) {
    if (head.size() < kHeadBytes || (head[0] != 'l' && head[0] != 'B')) {
        return 0;
    }
    const auto number = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const char byte = head[at + (head[0] == 'l' ? i : 3 - i)];
            value |= std::uint32_t{static_cast<unsigned char>(byte)} << (8 * i);
        }
        return std::size_t{value};
    };
    return kHeadBytes + number(4) + (number(12) + 7) / 8 * 8;
}

bool is_within_call(std::size_t claimed) {
    return claimed != 0 && claimed <= contract::kMaxChannelCallBytes;
}

/// What has come before the channel is ready, whole lines of authentication: libsystemd takes what
/// follows BEGIN along with it, a header too, and would make room for whatever that claims.
bool is_bounded_greeting(std::string_view text) {
    const std::size_t end = text.find(kBegin);
    if (end == std::string_view::npos) {
        return text.size() <= kMaxAuthenticationBytes && text.ends_with("\r\n");
    }
    const std::string_view call = text.substr(end + kBegin.size());
    return end <= kMaxAuthenticationBytes && (call.empty() || (is_within_call(claimed_size(call)) &&
                                                               call.size() <= claimed_size(call)));
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
    // No sooner than timers: a peer that keeps its channel ready must not hold up what bounds it.
    watch_ = loop_.watch(fd_, EPOLLIN, [this](std::uint32_t) { on_ready(); });
    is_open_ = true;
    if (over_) { // with what is kept
        patience_ = loop_.after(kPatience, [this] { finish(); });
    }
}

void Channel::over(const Ending& ending) {
    over_ = true;
    id_.reset();
    if (kept_ && kept_->state == State::Ask) {
        kept_.reset(); // a question that nobody may answer any more
    }
    if (!gone_) {
        return;
    }
    if (kept_) {
        if (is_open_) { // else open() gives it its time
            patience_ = loop_.after(kPatience, [this] { finish(); });
        }
        return;
    }
    const bool is_news = !ending.replied && ending.reason != Reason::Cancelled;
    if (is_news && ending.reason != Reason::InternalFault) {
        static_cast<void>(guard([&] { tell_end(ending); }));
    }
    if (!told_end_ && unread() == 0) {
        finish();
        return;
    }
    patience_ = loop_.after(unread() == 0 ? kCrossing : kPatience, [this] { finish(); });
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
    append_messages(signal.get(), ending.messages);
    check(sd_bus_send(bus_.get(), signal.get(), nullptr), "signal");
    told_end_ = true;
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

/// The first bytes that have come, left where they are.
Secret Channel::peek(std::size_t bytes) const {
    std::vector<char> buffer(bytes);
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
    Secret text(std::string_view(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0));
    wipe(buffer.data(), buffer.size());
    return text;
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
        return queued == 0 ||
               (queued <= kMaxGreetingBytes && is_bounded_greeting(peek(queued).view()));
    }
    if (missing_ == 0 && queued > 0) { // at the start of a message
        const std::size_t size = claimed_size(peek(kHeadBytes).view());
        if (!is_within_call(size)) {
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
    } else if (r > 0 && !heard_) { // it would be ready again at once, and so on for ever
        hang_up("no progress");
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
    } else if (over_ && !kept_ && !told_end_ && unread() == 0) {
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
            if (guard([&] { send_step(message.get(), step, Route::Channel); }) < 0) {
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
    send_step(call, *kept_, Route::Channel);
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
