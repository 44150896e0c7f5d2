// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/identity.h"

#include "tests/simulator/factor_calls.h"
#include "tests/simulator/random_text.h"
#include "tests/simulator/sign_in.h"
#include "tests/simulator/token_calls.h"
#include "tests/simulator/user_calls.h"

#include <utility>

namespace raxauth::simulator {

namespace {

std::vector<std::string> segments(std::string_view path) {
    std::vector<std::string> parts;
    while (!path.empty()) {
        const std::size_t end = path.find('/');
        if (end != 0) {
            parts.emplace_back(path.substr(0, end));
        }
        path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
    }
    return parts;
}

Reply throttled(const State& state, Call& call) {
    const Switches& switches = state.switches;
    const Time again = state.now() + std::chrono::seconds{switches.throttle_seconds};
    const int status = static_cast<int>(switches.throttle_status);
    Reply reply = empty_reply(status);
    if (switches.throttle_body) {
        reply = json_reply(status, {{"overLimit",
                                     {{"code", status},
                                      {"message", "OverLimit Retry..."},
                                      {"details", "Error Details..."},
                                      {"retryAfter", iso8601(again, switches.date_format)}}}});
    }
    if (switches.throttle_retry_after_header) {
        reply.add_header("Retry-After", std::to_string(switches.throttle_seconds));
    }
    return with_outcome(call, "throttled", std::move(reply));
}

bool has_body_of_wrong_type(const Request& request) {
    const std::string type = request.header("content-type").value_or("");
    return !request.body.empty() && !type.starts_with("application/json");
}

} // namespace

void Counters::count(const Trace& trace, int status) {
    ++total;
    ++by_step[trace.step];
    ++by_status[std::to_string(status)];
    ++by_outcome[trace.outcome];
    if (!trace.user.empty()) {
        ++by_user[trace.user][trace.step];
    }
}

Identity::Identity(const Clock& clock, Directory directory)
    : state_{clock, outbox_, std::move(directory), {}, {}} {}

Identity::Answer Identity::answer(const Request& request, std::string_view client_address) {
    const std::scoped_lock lock(mutex_);
    Call call{request, segments(request.path), nlohmann::json(), {}, nullptr};
    if (!request.body.empty()) {
        call.body = nlohmann::json::parse(request.body, nullptr, false);
    }
    // A suffix on the URI overrides Accept; JSON is all there is here.
    if (!call.path.empty() && call.path.back().ends_with(".json")) {
        call.path.back().resize(call.path.back().size() - 5);
    }
    const bool known_root = !call.path.empty() && call.path.front() == "v2.0";
    if (known_root) {
        call.path.erase(call.path.begin());
        identify(call);
    } else {
        call.path.clear();
    }
    Reply reply;
    if (state_.switches.throttle || is_throttled(client_address)) {
        reply = throttled(state_, call);
    } else {
        reply = answer_with_fault(call);
    }
    render(reply, state_.switches);
    counters_.count(call.trace, reply.status);
    return {std::move(reply), std::move(call.trace)};
}

void Identity::identify(Call& call) {
    if (call.path.empty()) {
        return;
    }
    const std::string& method = call.request.method;
    if (call.path[0] == "tokens" && method == "POST") {
        identify_sign_in(state_, call);
        return;
    }
    if (const auto id = call.request.header("x-auth-token")) {
        call.trace.token = fingerprint(*id);
        if (const Token* token = state_.tokens.find(*id)) {
            call.trace.user = token->user_name;
            call.account = state_.directory.by_id(token->user_id);
        }
    }
    if (call.path[0] == "tokens") {
        call.trace.step = method == "DELETE"      ? "revoke"
                          : call.path.size() == 3 ? "endpoints"
                                                  : "validate";
    } else if (is_factor_call(call)) {
        call.trace.step = factor_step(call);
    } else if (call.path[0] == "users") {
        identify_user_call(state_, call);
    }
}

Reply Identity::answer_with_fault(Call& call) {
    Fault* fault = fault_for(call);
    if (fault == nullptr) {
        return carry_out(call);
    }
    const Fault now = *fault;
    if (fault->count > 0 && --fault->count == 0) {
        fault->name.clear();
    }
    Reply reply;
    if (is_carried_out(now)) {
        reply = carry_out(call);
    } else {
        call.trace.outcome = "fault";
    }
    call.trace.fault = now.name;
    spoil(reply, now, state_.now());
    return reply;
}

Fault* Identity::fault_for(const Call& call) {
    Fault* own = call.account == nullptr ? nullptr : &call.account->fault;
    if (own != nullptr && own->strikes(call.trace.step)) {
        return own;
    }
    return fault_.strikes(call.trace.step) ? &fault_ : nullptr;
}

Reply Identity::carry_out(Call& call) {
    if (call.path.empty()) {
        return with_outcome(call, "not-found", fault_reply(404, "itemNotFound", "Not Found"));
    }
    if (has_body_of_wrong_type(call.request)) {
        return with_outcome(call, "media-type",
                            fault_reply(415, "unsupportedMediaType", "Unsupported Media Type"));
    }
    if (call.path[0] == "tokens") {
        return call.request.method == "POST" && call.path.size() == 1
                   ? answer_sign_in(state_, call)
                   : answer_token_call(state_, call);
    }
    if (is_factor_call(call)) {
        return answer_factor_call(state_, call);
    }
    return answer_user_call(state_, call);
}

bool Identity::is_throttled(std::string_view client_address) {
    if (state_.switches.requests_per_second == 0) {
        return false;
    }
    Window& window = windows_[std::string(client_address)];
    const auto second =
        std::chrono::floor<std::chrono::seconds>(state_.now()).time_since_epoch().count();
    if (window.second != second) {
        window = {second, 0};
    }
    return ++window.count > state_.switches.requests_per_second;
}

Fault Identity::fault() const {
    const std::scoped_lock lock(mutex_);
    return fault_;
}

void Identity::set_fault(Fault fault) {
    const std::scoped_lock lock(mutex_);
    fault_ = std::move(fault);
}

void Identity::reset(Directory directory) {
    const std::scoped_lock lock(mutex_);
    outbox_.clear();
    state_.directory = std::move(directory);
    state_.switches = {};
    state_.tokens = {};
    counters_ = {};
    fault_ = {};
    windows_.clear();
}

} // namespace raxauth::simulator
