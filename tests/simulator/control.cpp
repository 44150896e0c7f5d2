// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/control.h"

#include "tests/simulator/one_time_code.h"
#include "tests/simulator/random_text.h"

#include <stdexcept>

namespace raxauth::simulator {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct NoSuchThing : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[noreturn]] void nothing(const std::string& what) {
    throw NoSuchThing("no such thing: " + what);
}

Account& user_of(State& state, const std::string& name) {
    Account* account = state.directory.by_name(name);
    if (account == nullptr) {
        throw NoSuchThing("no user named " + name);
    }
    return *account;
}

ordered_json state_word(const TokenStore& store, const Token& token, Time now) {
    return token.revoked ? "revoked" : store.is_live(token, now) ? "live" : "expired";
}

bool is_of(const Token& token, const json& body) {
    return !body.is_object() || !body.contains("user") ||
           equal_ignoring_case(body["user"].get<std::string>(), token.user_name);
}

std::int64_t expire_sessions(State& state, const json& body) {
    std::int64_t count = 0;
    state.tokens.for_each([&](Token& token) {
        if (token.scope == Scope::mfa_session && state.tokens.is_live(token, state.now()) &&
            is_of(token, body)) {
            token.expires = state.now();
            ++count;
        }
    });
    return count;
}

std::int64_t expire_tokens(State& state, const json& body) {
    std::int64_t count = 0;
    state.tokens.for_each([&](Token& token) {
        if (token.scope != Scope::mfa_session && state.tokens.is_live(token, state.now()) &&
            is_of(token, body)) {
            token.expires = state.now();
            ++count;
        }
    });
    return count;
}

ordered_json list_faults() {
    ordered_json list = ordered_json::array();
    for (const FaultKind& kind : fault_kinds()) {
        list.push_back({{"name", kind.name},
                        {"carried_out", kind.moment == FaultMoment::afterwards},
                        {"meaning", kind.meaning}});
    }
    return {{"faults", std::move(list)}};
}

} // namespace

Control::Control(Identity& identity, ShiftedClock& clock, std::string users_file)
    : identity_(identity), clock_(clock), users_file_(std::move(users_file)) {}

Reply Control::answer(const Request& request) {
    std::string what;
    std::string name;
    if (request.path.size() > 1) {
        const std::size_t slash = request.path.find('/', 1);
        what = request.path.substr(1, slash == std::string::npos ? slash : slash - 1);
        name = slash == std::string::npos ? "" : request.path.substr(slash + 1);
    }
    Reply reply;
    try {
        const json body = request.body.empty() ? json::object() : json::parse(request.body);
        if (request.method == "GET") {
            reply.tree = get(what, what == "outbox" ? request.query_value("user") : name);
        } else if (request.method == "PUT") {
            reply.tree = put(what, name, body);
        } else if (request.method == "DELETE") {
            reply.tree = remove(what, name);
        } else {
            reply.tree = act(what, name, body);
        }
    } catch (const NoSuchThing& fault) {
        reply = json_reply(404, {{"error", fault.what()}});
    } catch (const std::exception& fault) {
        reply = json_reply(400, {{"error", fault.what()}});
    }
    render(reply, {});
    return reply;
}

ordered_json Control::get(const std::string& what, const std::string& name) {
    if (what.empty()) {
        return {{"identity_port", server_->port()},
                {"connections_open", server_->open_connections()},
                {"connections_accepted", server_->accepted_connections()}};
    }
    if (what == "users") {
        return users(name);
    }
    if (what == "switches") {
        return identity_.with_state([](State& state) { return state.switches.to_json(); });
    }
    if (what == "faults") {
        return list_faults();
    }
    if (what == "fault") {
        return to_json(identity_.fault());
    }
    if (what == "clock") {
        return {{"offset_seconds", clock_.offset().count()}, {"now", iso8601(clock_.now())}};
    }
    if (what == "tokens") {
        return tokens();
    }
    if (what == "requests") {
        return requests();
    }
    if (what == "outbox") {
        return outbox(name);
    }
    if (what == "otp") {
        return identity_.with_state([&](State& state) {
            ordered_json codes = ordered_json::array();
            for (const OtpDevice& device : user_of(state, name).otp_devices) {
                codes.push_back({{"device", device.id},
                                 {"verified", device.verified},
                                 {"code", totp(device.secret, state.now())}});
            }
            return ordered_json{{"codes", std::move(codes)}};
        });
    }
    if (what == "domains") {
        return identity_.with_state([](State& state) {
            ordered_json list = ordered_json::array();
            for (const auto& [id, domain] : state.directory.domains()) {
                list.push_back(to_json(domain));
            }
            return ordered_json{{"domains", std::move(list)}};
        });
    }
    nothing(what);
}

ordered_json Control::put(const std::string& what, const std::string& name, const json& body) {
    if (what == "users") {
        return identity_.with_state(
            [&](State& state) { return to_json(state.directory.put(name, body)); });
    }
    if (what == "switches") {
        return identity_.with_state([&](State& state) {
            state.switches.merge(body);
            return state.switches.to_json();
        });
    }
    if (what == "fault") {
        identity_.set_fault(fault_from_json(body));
        return to_json(identity_.fault());
    }
    if (what == "clock") {
        clock_.shift_to(std::chrono::seconds{body.at("offset_seconds").get<std::int64_t>()});
        return get("clock", "");
    }
    if (what == "latency") {
        const double milliseconds = body.at("ms").get<double>();
        server_->set_latency(
            std::chrono::microseconds{static_cast<std::int64_t>(milliseconds * 1000)});
        return {{"ms", milliseconds}};
    }
    if (what == "domains") {
        return identity_.with_state([&](State& state) {
            state.directory.put_domain(name, body);
            return to_json(state.directory.domain(name));
        });
    }
    nothing(what);
}

ordered_json Control::remove(const std::string& what, const std::string& name) {
    if (what == "users") {
        if (!identity_.with_state([&](State& state) { return state.directory.remove(name); })) {
            nothing("user " + name);
        }
    } else if (what == "switches") {
        identity_.with_state([](State& state) { state.switches = {}; });
    } else if (what == "fault") {
        identity_.set_fault({});
    } else if (what == "requests") {
        identity_.with_counters([](Counters& counters) { counters = {}; });
    } else if (what == "outbox") {
        identity_.with_state([](State& state) { state.outbox.clear(); });
    } else {
        nothing(what);
    }
    return ordered_json::object();
}

ordered_json Control::act(const std::string& what, const std::string& name, const json& body) {
    if (what == "reset") {
        identity_.reset(Directory::from_file(users_file_));
        clock_.shift_to(std::chrono::seconds{0});
        server_->set_latency(std::chrono::microseconds{0});
        return ordered_json::object();
    }
    if (what == "sessions" && name == "expire") {
        return {{"expired",
                 identity_.with_state([&](State& state) { return expire_sessions(state, body); })}};
    }
    if (what == "tokens" && name == "expire") {
        return {{"expired",
                 identity_.with_state([&](State& state) { return expire_tokens(state, body); })}};
    }
    if (what == "tokens" && name == "revoke") {
        return {{"revoked", identity_.with_state([&](State& state) {
                     return state.tokens.revoke_if(state.now(), [&](const Token& token) {
                         return token.scope != Scope::mfa_session && is_of(token, body);
                     });
                 })}};
    }
    if (what == "connections" && name == "cut") {
        return {{"cut", server_->cut_connections()}};
    }
    nothing(what + "/" + name);
}

ordered_json Control::users(const std::string& name) {
    return identity_.with_state([&](State& state) -> ordered_json {
        if (!name.empty()) {
            return to_json(user_of(state, name));
        }
        ordered_json list = ordered_json::array();
        for (const auto& [key, account] : state.directory.all()) {
            list.push_back(to_json(*account));
        }
        return {{"users", std::move(list)}};
    });
}

ordered_json Control::tokens() {
    return identity_.with_state([](State& state) {
        std::map<std::string, std::int64_t> totals{
            {"issued", 0}, {"live", 0}, {"revoked", 0}, {"expired", 0}, {"sessions", 0}};
        std::map<std::string, std::map<std::string, std::int64_t>> by_user;
        ordered_json list = ordered_json::array();
        const Time now = state.now();
        state.tokens.for_each([&](Token& token) {
            if (token.scope == Scope::mfa_session) {
                ++totals["sessions"];
                return;
            }
            const std::string word = state_word(state.tokens, token, now);
            ++totals["issued"];
            ++totals[word];
            ++by_user[token.user_name]["issued"];
            ++by_user[token.user_name][word];
            list.push_back({{"fingerprint", fingerprint(token.id)},
                            {"user", token.user_name},
                            {"scope", to_text(token.scope)},
                            {"state", word},
                            {"tenant", token.tenant_id},
                            {"authenticated_by", token.authenticated_by},
                            {"issued", iso8601(token.issued)},
                            {"expires", iso8601(token.expires)}});
        });
        ordered_json all = totals;
        all["by_user"] = by_user;
        all["tokens"] = std::move(list);
        return all;
    });
}

ordered_json Control::requests() {
    ordered_json all = identity_.with_counters([](Counters& counters) {
        return ordered_json{{"total", counters.total},
                            {"by_step", counters.by_step},
                            {"by_status", counters.by_status},
                            {"by_outcome", counters.by_outcome},
                            {"by_user", counters.by_user}};
    });
    all["sms"] = identity_.with_state([](State& state) { return state.outbox.sent(); });
    return all;
}

ordered_json Control::outbox(const std::string& user) {
    return identity_.with_state([&](State& state) {
        ordered_json list = ordered_json::array();
        for (const TextMessage& message : state.outbox.messages()) {
            if (user.empty() || equal_ignoring_case(user, message.user)) {
                list.push_back({{"time", iso8601(message.sent)},
                                {"user", message.user},
                                {"number", message.number},
                                {"text", message.text}});
            }
        }
        return ordered_json{{"messages", std::move(list)}};
    });
}

} // namespace raxauth::simulator
