// SPDX-License-Identifier: Apache-2.0
#include "fake_daemon.h"

#include "common/bus_contract.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <unistd.h>

namespace raxauth::testing {
namespace {

void check(int r, const char* what) {
    if (r < 0) {
        throw std::runtime_error(std::string(what) + ": " + std::strerror(-r));
    }
}

void put_lines(sd_bus_message* reply, const char* item, const Say::Lines& lines) {
    check(sd_bus_message_open_container(reply, 'a', item), "open");
    for (const auto& [first, second] : lines) {
        check(sd_bus_message_append(reply, item, first.c_str(), second.c_str()), "append");
    }
    check(sd_bus_message_close_container(reply), "close");
}

Say step(std::uint64_t serial, const std::string& state, const std::string& reason,
         Say::Lines messages, const std::string& ticket) {
    return Say::raw([=](sd_bus_message* reply) {
        check(sd_bus_message_append(reply, "tss", serial, state.c_str(), reason.c_str()), "append");
        put_lines(reply, "(ss)", messages);
        check(sd_bus_message_open_container(reply, 'a', "{sv}"), "open");
        check(sd_bus_message_append(reply, "{sv}", "account", "s", "alice.smith"), "append");
        if (!ticket.empty()) {
            check(sd_bus_message_append(reply, "{sv}", "ticket", "s", ticket.c_str()), "append");
        }
        check(sd_bus_message_append(reply, "{sv}", "not-yet-invented", "as", 1, "x"), "append");
        check(sd_bus_message_close_container(reply), "close");
    });
}

std::map<std::string, ContextValue> read_context(sd_bus_message* message, int& channel) {
    std::map<std::string, ContextValue> context;
    check(sd_bus_message_enter_container(message, 'a', "{sv}"), "enter");
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
        const char* key = nullptr;
        check(sd_bus_message_read(message, "s", &key), "key");
        const char* type = nullptr;
        check(sd_bus_message_peek_type(message, nullptr, &type), "peek");
        if (std::strcmp(type, "s") == 0) {
            const char* text = nullptr;
            check(sd_bus_message_read(message, "v", "s", &text), "s");
            context[key] = std::string(text);
        } else if (std::strcmp(type, "u") == 0) {
            std::uint32_t number = 0;
            check(sd_bus_message_read(message, "v", "u", &number), "u");
            context[key] = number;
        } else if (std::strcmp(type, "h") == 0) {
            check(sd_bus_message_read(message, "v", "h", &channel), "h");
        } else {
            int flag = 0;
            check(sd_bus_message_read(message, "v", "b", &flag), "b");
            context[key] = flag != 0;
        }
        check(sd_bus_message_exit_container(message), "exit");
    }
    check(sd_bus_message_exit_container(message), "exit");
    return context;
}

std::vector<std::string> read_answers(sd_bus_message* message) {
    std::vector<std::string> answers;
    check(sd_bus_message_enter_container(message, 'a', "ay"), "enter");
    while (sd_bus_message_at_end(message, 0) == 0) {
        const void* bytes = nullptr;
        std::size_t size = 0;
        check(sd_bus_message_read_array(message, 'y', &bytes, &size), "ay");
        answers.emplace_back(static_cast<const char*>(bytes), size);
    }
    check(sd_bus_message_exit_container(message), "exit");
    return answers;
}

/// Whether the bus has one connection: that of the fake.
bool has_one_connection(sd_bus* bus) {
    char** names = nullptr;
    check(sd_bus_list_names(bus, &names, nullptr), "names");
    std::size_t unique = 0;
    for (char** name = names; name != nullptr && *name != nullptr; ++name) {
        unique += (*name)[0] == ':' ? 1U : 0U;
        std::free(*name); // NOLINT(cppcoreguidelines-owning-memory): sd_bus_list_names(3) says free
    }
    std::free(names); // NOLINT(cppcoreguidelines-owning-memory)
    return unique == 1;
}

/// The bus may hear of a connection's end a little later than we of what came after.
bool is_alone(sd_bus* bus) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (!has_one_connection(bus)) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

} // namespace

Say Say::raw(std::function<void(sd_bus_message*)> fill) {
    Say say;
    say.fill = std::move(fill);
    return say;
}

Say Say::ask(Lines messages, std::uint64_t serial) {
    return step(serial, "ask", "", std::move(messages), {});
}

Say Say::verdict(const std::string& state, const std::string& reason, Lines messages,
                 const std::string& ticket) {
    return step(99, state, reason, std::move(messages), ticket);
}

Say Say::account(const std::string& state, const std::string& reason, Lines messages) {
    return raw([=](sd_bus_message* reply) {
        check(sd_bus_message_append(reply, "ss", state.c_str(), reason.c_str()), "append");
        put_lines(reply, "(ss)", messages);
    });
}

Say Say::session(const std::string& handle, Lines environment) {
    return raw([=](sd_bus_message* reply) {
        check(sd_bus_message_append(reply, "s", handle.c_str()), "append");
        put_lines(reply, "{ss}", environment);
    });
}

Say Say::done() {
    return raw([](sd_bus_message*) {});
}

Say Say::error(const std::string& name) {
    Say say;
    say.kind = Kind::Error;
    say.error_name = name;
    return say;
}

Say Say::nothing(std::function<void()> then) {
    Say say;
    say.kind = Kind::Nothing;
    if (then) {
        say.fill = [then = std::move(then)](sd_bus_message*) { then(); };
    }
    return say;
}

Say Say::gone() {
    Say say;
    say.kind = Kind::Gone;
    return say;
}

Say Say::and_ends(const std::string& state, const std::string& reason) && {
    end_state = state;
    end_reason = reason;
    return std::move(*this);
}

Say Say::after_signals(int count) && {
    signals = count;
    return std::move(*this);
}

FakeDaemon::FakeDaemon(const char* address, std::vector<Say> script) : script_(std::move(script)) {
    check(sd_bus_new(out(bus_)), "new");
    check(sd_bus_set_address(bus_.get(), address), "address");
    check(sd_bus_set_bus_client(bus_.get(), 1), "client");
    check(sd_bus_negotiate_fds(bus_.get(), 1), "descriptors");
    check(sd_bus_start(bus_.get()), "start");
    check(sd_bus_add_object(bus_.get(), nullptr, contract::kObject, on_call, this), "object");
    check(sd_bus_request_name(bus_.get(), contract::kBusName,
                              SD_BUS_NAME_REPLACE_EXISTING | SD_BUS_NAME_ALLOW_REPLACEMENT),
          "name");
    const char* name = nullptr;
    check(sd_bus_get_unique_name(bus_.get(), &name), "unique name");
    unique_name_ = name;
    int ends[2] = {-1, -1};
    check(::pipe2(ends, O_CLOEXEC), "pipe");
    stop_reading_.reset(ends[0]);
    stop_writing_.reset(ends[1]);
    thread_ = std::thread([this] { run(); });
}

FakeDaemon::~FakeDaemon() {
    finish();
}

std::vector<Call> FakeDaemon::finish(std::size_t at_least) {
    {
        std::unique_lock lock(mutex_);
        called_.wait_for(lock, std::chrono::seconds(5), [&] { return calls_.size() >= at_least; });
    }
    stop_writing_.reset();
    if (thread_.joinable()) {
        thread_.join();
    }
    return calls_;
}

void FakeDaemon::run() {
    while (!gone_) {
        const int r = sd_bus_process(bus_.get(), nullptr);
        if (r < 0) {
            return;
        }
        if (r > 0) {
            continue;
        }
        const int spoken = channel_ ? sd_bus_process(channel_.get(), nullptr) : 0;
        if (spoken < 0 || ended_) {
            hang_up();
        }
        if (spoken > 0) {
            continue;
        }
        pollfd watched[3] = {{sd_bus_get_fd(bus_.get()), POLLIN, 0},
                             {stop_reading_.get(), POLLIN, 0},
                             {channel_ ? sd_bus_get_fd(channel_.get()) : -1, POLLIN, 0}};
        if (::poll(watched, 3, -1) > 0 && watched[1].revents != 0) {
            return;
        }
    }
    hang_up();
    bus_.reset();
}

void FakeDaemon::hang_up() {
    channel_.reset();
    ended_ = false;
}

void FakeDaemon::take_channel(int fd) {
    const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    check(own < 0 ? -errno : 0, "dup");
    check(sd_bus_new(out(channel_)), "new");
    check(sd_bus_set_fd(channel_.get(), own, own), "fd");
    check(sd_bus_set_server(channel_.get(), 1, sd_id128_t{}), "server");
    check(sd_bus_set_anonymous(channel_.get(), 1), "anonymous");
    check(sd_bus_add_object(channel_.get(), nullptr, contract::kConversationObject, on_call, this),
          "object");
    check(sd_bus_start(channel_.get()), "start");
}

int FakeDaemon::on_call(sd_bus_message* message, void* userdata, sd_bus_error* /*e*/) noexcept {
    auto* const self = static_cast<FakeDaemon*>(userdata);
    if (sd_bus_message_is_method_call(message, contract::kInterface, nullptr) <= 0 &&
        sd_bus_message_is_method_call(message, contract::kConversationInterface, nullptr) <= 0) {
        return 0;
    }
    try {
        self->record(message);
        // Nobody waits for an answer to a Cancel, so it takes nothing from the script.
        if (std::strcmp(sd_bus_message_get_member(message), contract::channel::kCancel) == 0) {
            return 1;
        }
        const Say what = self->script_.at(self->next_);
        if (self->next_ + 1 < self->script_.size()) {
            ++self->next_;
        }
        self->say(message, what);
    } catch (const std::exception& exception) {
        return sd_bus_reply_method_errorf(message, "test.FakeDaemon.Fault", "%s", exception.what());
    }
    return 1;
}

void FakeDaemon::record(sd_bus_message* message) {
    Call call;
    call.member = sd_bus_message_get_member(message);
    const char* const destination = sd_bus_message_get_destination(message);
    call.destination = destination != nullptr ? destination : "";
    call.on_channel = sd_bus_message_get_bus(message) == channel_.get();
    if (call.on_channel) {
        call.alone = is_alone(bus_.get());
    }
    int channel = -1;
    const std::string signature = sd_bus_message_get_signature(message, 1);
    if (signature == "a{sv}") {
        call.context = read_context(message, channel);
        if (channel >= 0) {
            take_channel(channel);
        }
    } else if (signature == contract::channel::kAnswerSignature) {
        check(sd_bus_message_read(message, "t", &call.serial), "t");
        call.answers = read_answers(message);
    } else if (call.on_channel && signature.empty()) {
        // Cancel
    } else if (signature == "s") {
        const char* handle = nullptr;
        check(sd_bus_message_read(message, "s", &handle), "s");
        call.handle = handle;
    } else {
        call.member += " with signature " + signature;
    }
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
    called_.notify_all();
}

void FakeDaemon::say(sd_bus_message* message, const Say& what) {
    for (int i = 0; i < what.signals; ++i) {
        BusMessage signal;
        check(sd_bus_message_new_signal(bus_.get(), out(signal), "/x", "test.Noise", "Noise"),
              "signal");
        check(sd_bus_message_append(signal.get(), "s", "noise"), "append");
        check(sd_bus_send_to(bus_.get(), signal.get(), sd_bus_message_get_sender(message), nullptr),
              "send");
    }
    switch (what.kind) {
    case Say::Kind::Nothing:
        if (!what.end_state.empty()) {
            say_end(what);
        }
        if (what.fill) {
            what.fill(nullptr);
        }
        return;
    case Say::Kind::Gone:
        gone_ = true;
        return;
    case Say::Kind::Error:
        check(sd_bus_reply_method_errorf(message, what.error_name.c_str(), "as scripted"), "error");
        return;
    case Say::Kind::Reply:
        break;
    }
    BusMessage reply;
    check(sd_bus_message_new_method_return(message, out(reply)), "return");
    what.fill(reply.get());
    check(sd_bus_message_send(reply.get()), "send");
    if (!what.end_state.empty()) {
        say_end(what);
    }
}

void FakeDaemon::say_end(const Say& what) {
    BusMessage signal;
    check(sd_bus_message_new_signal(channel_.get(), out(signal), contract::kConversationObject,
                                    contract::kConversationInterface, contract::channel::kEnded),
          "signal");
    check(sd_bus_message_append(signal.get(), "ssa(ss)", what.end_state.c_str(),
                                what.end_reason.c_str(), 0),
          "append");
    // As soon as the peer has been let in.
    while (sd_bus_is_ready(channel_.get()) == 0) {
        check(sd_bus_process(channel_.get(), nullptr), "process");
    }
    check(sd_bus_send(channel_.get(), signal.get(), nullptr), "send");
    ended_ = true;
}

} // namespace raxauth::testing
