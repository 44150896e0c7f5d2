// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/reply_values.h"

#include "common/bus_contract.h"
#include "common/bus_handles.h"

#include <algorithm>
#include <system_error>

namespace raxauth::bus {

using conversation::Message;
using conversation::Step;

void check(int r, const char* what) {
    if (r < 0) {
        throw std::system_error(-r, std::generic_category(), what);
    }
}

void reply_error(sd_bus_message* call, const char* name, const std::string& text) {
    BusError error;
    sd_bus_error_set(error.get(), name, text.c_str());
    static_cast<void>(sd_bus_reply_method_error(call, error.get())); // the caller may have left
}

void append_messages(sd_bus_message* reply, const std::vector<Message>& messages) {
    check(sd_bus_message_open_container(reply, 'a', "(ss)"), "append messages");
    for (const Message& message : messages) {
        const std::string kind(contract::word(message.kind));
        const char* const text =
            message.secret_text ? message.secret_text->c_str() : message.text.c_str();
        check(sd_bus_message_append(reply, "(ss)", kind.c_str(), text), "append message");
    }
    check(sd_bus_message_close_container(reply), "append messages");
}

bool holds_secret(const Step& step) {
    return step.result || std::any_of(step.messages.begin(), step.messages.end(),
                                      [](const Message& m) { return m.secret_text != nullptr; });
}

void send_step(sd_bus_message* call, const Step& step, Route route) {
    BusMessage reply;
    check(sd_bus_message_new_method_return(call, out(reply)), "reply");
    check(sd_bus_message_sensitive(reply.get()), "reply");
    check(sd_bus_message_append(reply.get(), "tss", step.serial,
                                std::string(word(step.state)).c_str(),
                                std::string(word(step.reason)).c_str()),
          "reply");
    append_messages(reply.get(), step.messages);
    Dictionary details(reply.get());
    if (step.result) {
        details.add(contract::detail::kResult, step.result->view());
    }
    if (step.password && route == Route::Channel) {
        details.add_bytes(contract::detail::kPassword, *step.password);
    }
    if (step.grant != nullptr) {
        details.add(contract::detail::kAccount, step.grant->account());
        if (!step.grant->ticket().empty()) {
            details.add(contract::detail::kTicket, step.grant->ticket().view());
        }
    }
    details.close();
    check(sd_bus_message_send(reply.get()), "reply");
}

void send_verdict(sd_bus_message* call, State state, Reason reason, std::vector<Message> messages) {
    Step step;
    step.state = state;
    step.reason = reason;
    step.messages = std::move(messages);
    send_step(call, step, Route::Bus);
}

Dictionary::Dictionary(sd_bus_message* message) : message_(message) {
    check(sd_bus_message_open_container(message_, 'a', "{sv}"), "open a dictionary");
}

Dictionary& Dictionary::add(const char* key, std::string_view text) {
    // The string is copied straight into the (sensitive) message.
    check(sd_bus_message_open_container(message_, 'e', "sv"), key);
    check(sd_bus_message_append(message_, "s", key), key);
    check(sd_bus_message_open_container(message_, 'v', "s"), key);
    char* room = nullptr;
    check(sd_bus_message_append_string_space(message_, text.size(), &room), key);
    text.copy(room, text.size());
    check(sd_bus_message_close_container(message_), key);
    check(sd_bus_message_close_container(message_), key);
    return *this;
}

Dictionary& Dictionary::add_bytes(const char* key, const Secret& secret) {
    check(sd_bus_message_open_container(message_, 'e', "sv"), key);
    check(sd_bus_message_append(message_, "s", key), key);
    check(sd_bus_message_open_container(message_, 'v', "ay"), key);
    check(sd_bus_message_append_array(message_, 'y', secret.view().data(), secret.size()), key);
    check(sd_bus_message_close_container(message_), key);
    check(sd_bus_message_close_container(message_), key);
    return *this;
}

Dictionary& Dictionary::add(const char* key, std::uint32_t number) {
    check(sd_bus_message_append(message_, "{sv}", key, "u", number), key);
    return *this;
}

Dictionary& Dictionary::add(const char* key, std::uint64_t number) {
    check(sd_bus_message_append(message_, "{sv}", key, "t", number), key);
    return *this;
}

Dictionary& Dictionary::add(const char* key, bool value) {
    check(sd_bus_message_append(message_, "{sv}", key, "b", static_cast<int>(value)), key);
    return *this;
}

Dictionary& Dictionary::add(const char* key, WallTime time) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
    return add(key, static_cast<std::uint64_t>(seconds < 0 ? 0 : seconds));
}

void Dictionary::close() {
    check(sd_bus_message_close_container(message_), "close a dictionary");
}

} // namespace raxauth::bus
