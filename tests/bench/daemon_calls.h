// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus/channel.h"

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <sys/types.h>

namespace raxauth::bench {

/// Of bare_daemon, which answers the same calls.
inline constexpr const char* kBareName = "org.raxauth.BenchBare";

inline void require(int r, const char* what) {
    if (r < 0) {
        throw std::runtime_error(std::string(what) + ": " + std::strerror(-r));
    }
}

[[noreturn]] inline void fail(const client::CallError& error) {
    throw std::runtime_error(error.name.empty() ? std::string(std::strerror(error.error))
                                                : error.name);
}

template <class Value>
Value value_of(client::Result<Value> result) {
    if (const client::CallError* const error = client::error_of(result)) {
        fail(*error);
    }
    return std::get<Value>(std::move(result));
}

inline client::Deadline soon() {
    return std::chrono::steady_clock::now() + std::chrono::seconds(120);
}

inline void connect_to_bus(client::Connection& bus) {
    if (const auto error = bus.connect(contract::kBusAddress, soon())) {
        fail(*error);
    }
}

/// What a sign-in says of itself; the bench calls as root, whose word the daemon takes.
struct Who {
    std::string user;
    std::string service;
    std::uint32_t audit_session = contract::kUnsetId;
    uid_t uid = contract::kUnsetId; ///< login uid and real uid
    uid_t account_uid = contract::kUnsetId;
    std::string remote_host = {};
};

inline client::CallContext context_of(const Who& who) {
    client::CallContext context;
    context.user = who.user;
    context.service = who.service;
    context.remote_host = who.remote_host;
    context.audit_session = who.audit_session;
    context.login_uid = who.uid;
    context.real_uid = who.uid;
    context.account_uid = who.account_uid;
    context.interactive = true;
    return context;
}

/// One dialogue from its beginning, as the module leads it, on a connection that stays open.
inline client::Step begin(client::Connection& bus, const Who& who, client::Channel& channel,
                          const char* daemon = contract::kBusName) {
    return value_of(client::begin(bus, daemon, contract::method::kBeginSignIn, context_of(who),
                                  channel, soon()));
}

inline client::Step answer(client::Channel& channel, const client::Step& asked,
                           const std::string& text) {
    std::vector<Secret> answers;
    answers.emplace_back(text);
    return value_of(channel.answer(asked.serial, answers, soon()));
}

inline std::string prompt_of(const client::Step& step) {
    return step.messages.empty() ? std::string() : step.messages.back().text;
}

inline bool asks_for_passcode(const client::Step& step) {
    return prompt_of(step).find("asscode: ") != std::string::npos;
}

} // namespace raxauth::bench
