// SPDX-License-Identifier: Apache-2.0
#include "common/bus/channel.h"

#include <cerrno>
#include <sys/socket.h>

namespace raxauth::client {
namespace {

int append_answers(sd_bus_message* call, std::uint64_t serial, const std::vector<Secret>& answers) {
    int r = sd_bus_message_append(call, "t", serial);
    if (r >= 0) {
        r = sd_bus_message_open_container(call, 'a', "ay");
    }
    for (const Secret& answer : answers) {
        if (r >= 0) {
            r = sd_bus_message_append_array(call, 'y', answer.view().data(), answer.size());
        }
    }
    return r >= 0 ? sd_bus_message_close_container(call) : r;
}

} // namespace

UniqueFd Channel::open() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        return {};
    }
    own_end_ = UniqueFd(ends[0]);
    return UniqueFd(ends[1]);
}

std::optional<CallError> Channel::start() {
    if (connection_) {
        return std::nullopt;
    }
    if (!own_end_) {
        return CallError::from_errno(ENOTCONN);
    }
    if (auto error = connection_.adopt(std::move(own_end_))) {
        return error;
    }
    const int r =
        sd_bus_add_filter(connection_.bus(), /*slot=*/nullptr, &Channel::on_message, this);
    return r < 0 ? std::optional(CallError::from_errno(-r)) : std::nullopt;
}

int Channel::on_message(sd_bus_message* message, void* self, sd_bus_error* /*error*/) noexcept {
    if (sd_bus_message_is_signal(message, contract::kConversationInterface,
                                 contract::channel::kEnded) > 0 &&
        sd_bus_message_has_signature(message, contract::channel::kEndedSignature) > 0) {
        static_cast<Channel*>(self)->ended_.reset(sd_bus_message_ref(message));
        return 1;
    }
    return 0;
}

Result<BusMessage> new_answer(Connection& channel, std::uint64_t serial,
                              const std::vector<Secret>& answers) {
    for (const Secret& answer : answers) {
        if (answer.size() > contract::kMaxAnswerBytes) {
            return CallError{CallError::Kind::Local, EMSGSIZE, {}, {}};
        }
    }
    auto call = channel.new_call(/*destination=*/nullptr, contract::kConversationObject,
                                 contract::kConversationInterface, contract::channel::kAnswer);
    if (const auto* message = std::get_if<BusMessage>(&call)) {
        const int r = append_answers(message->get(), serial, answers);
        if (r < 0) {
            return CallError::from_errno(-r);
        }
    }
    return call;
}

Result<Step> Channel::answer(std::uint64_t serial, const std::vector<Secret>& answers,
                             Deadline deadline) {
    if (auto error = start()) {
        return *std::move(error);
    }
    const bool goes_on = connection_.take_in();
    if (ended_) { // while the person was typing
        return read_end(ended_.get());
    }
    if (!goes_on) {
        return CallError::from_errno(ECONNRESET);
    }
    auto call = new_answer(connection_, serial, answers);
    if (CallError* const error = error_of(call)) {
        return std::move(*error);
    }
    auto reply = connection_.send(std::get<BusMessage>(call), deadline);
    if (ended_) { // the answer and the end have crossed
        return read_end(ended_.get());
    }
    if (CallError* const error = error_of(reply)) {
        return std::move(*error);
    }
    return read_step(std::get<BusMessage>(reply).get());
}

Result<BusMessage> Channel::new_cancel() noexcept {
    return connection_.new_call(/*destination=*/nullptr, contract::kConversationObject,
                                contract::kConversationInterface, contract::channel::kCancel);
}

void Channel::cancel() noexcept {
    if (!connection_ || !connection_.take_in()) {
        return;
    }
    auto call = new_cancel();
    if (const auto* message = std::get_if<BusMessage>(&call)) {
        connection_.send_at_once(*message);
    }
}

void Channel::cancel(Deadline deadline) noexcept {
    if (!connection_ || !connection_.take_in()) {
        return;
    }
    auto call = new_cancel();
    if (const auto* message = std::get_if<BusMessage>(&call)) {
        static_cast<void>(connection_.send(*message, deadline)); // hanging up means the same
    }
}

void Channel::close() noexcept {
    own_end_.reset();
    connection_.close();
}

Result<Step> begin(Connection& bus, const char* destination, const char* member,
                   const CallContext& context, Channel& channel, Deadline deadline) {
    auto call = bus.new_call(destination, contract::kObject, contract::kInterface, member);
    if (CallError* const error = error_of(call)) {
        return std::move(*error);
    }
    const auto& request = std::get<BusMessage>(call);
    {
        const UniqueFd other_end = channel.open();
        if (!other_end) {
            return CallError::from_errno(errno);
        }
        const int r = append_context(request.get(), context, other_end.get());
        if (r < 0) {
            return CallError::from_errno(-r);
        }
    }
    if (auto error = bus.wait_until_ready(deadline)) {
        return *std::move(error);
    }
    auto reply = bus.send(request, deadline);
    if (CallError* const error = error_of(reply)) {
        return std::move(*error);
    }
    return read_step(std::get<BusMessage>(reply).get());
}

} // namespace raxauth::client
