// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/status_calls.h"

#include "common/bus_contract.h"
#include "common/bus_keys.h"
#include "common/text.h"
#include "daemon/flows/reuse.h"
#include "daemon/journal/journal.h"
#include "daemon/policy/account_map.h"

#include <algorithm>
#include <fmt/core.h>

namespace raxauth::bus {
namespace {

using caller::Caller;
using caller::Context;

namespace key = contract::status;

constexpr std::uint32_t kMostVerdicts = 100;

/// What sudo would ask in this session now, in a person's words.
std::string_view words_for(settings::Reuse mode, bool require_mfa) {
    switch (mode) {
    case settings::Reuse::All:
        return "nothing";
    case settings::Reuse::Passcode:
        return "password";
    case settings::Reuse::None:
        return require_mfa ? "password and passcode"
                           : "password, and a passcode if Identity asks for one";
    }
    return "";
}

void add_verdict(sd_bus_message* reply, const journal::PastVerdict& past) {
    namespace verdict_key = contract::history;
    Dictionary entry(reply);
    entry.add(verdict_key::kTime, past.at)
        .add(verdict_key::kHook, past.hook)
        .add(verdict_key::kUser, past.user)
        .add(verdict_key::kService, past.service)
        .add(verdict_key::kRemoteHost, past.remote_host)
        .add(verdict_key::kVerdict, word(past.state))
        .add(verdict_key::kReason, word(past.reason))
        .add(verdict_key::kWhy, past.why)
        .add(verdict_key::kTookMs, static_cast<std::uint32_t>(past.took.count()))
        .close();
}

} // namespace

void StatusCalls::get_status(sd_bus_message* call) {
    dispatcher_.serve(call, serve_get_status(BusMessage(sd_bus_message_ref(call))));
}

Task<void> StatusCalls::serve_get_status(BusMessage call) {
    Task<Caller> look_up = dispatcher_.find_caller(call);
    Caller caller = co_await std::move(look_up);
    std::optional<Context> person;
    std::optional<policy::LocalAccount> local;
    if (!caller.is_root()) {
        Task<Dispatcher::Established> establishing =
            dispatcher_.establish(std::move(caller), Context{});
        Dispatcher::Established who = co_await std::move(establishing);
        if (auto* established = std::get_if<Context>(&who)) {
            person = std::move(*established);
        }
    }
    if (person) {
        const CallerShares::Place place = dispatcher_.share_of(person->caller.uid);
        if (!place.taken()) {
            reply_error(call.get(), contract::error::kLimitExceeded, "you call too often");
            co_return;
        }
        Task<std::optional<policy::LocalAccount>> by_name =
            rooms_.local_accounts.find(person->user, policy::Groups::Wanted);
        std::optional<policy::LocalAccount> found = co_await std::move(by_name);
        local = std::move(found);
    }
    BusMessage reply;
    check(sd_bus_message_new_method_return(call.get(), out(reply)), "reply");
    Dictionary status(reply.get());
    add_overview(status);
    const ConfigurationInForce now = rooms_.configuration();
    if (local && now.configuration) {
        add_person(status, *person, *local, *now.configuration);
    }
    status.close();
    check(sd_bus_message_send(reply.get()), "reply");
}

/// What everybody may know.
void StatusCalls::add_overview(Dictionary& status) const {
    const ConfigurationInForce now = rooms_.configuration();
    const identity::TokenCounts& tokens = rooms_.revocations.counts();
    status.add(key::kVersion, RAXAUTH_VERSION)
        .add(key::kConfiguration, now.trouble)
        .add(key::kLimitsTrouble, rooms_.limiter.trouble().value_or(""))
        .add(key::kConversations, static_cast<std::uint32_t>(rooms_.registry.live()))
        .add(key::kSessions, static_cast<std::uint32_t>(rooms_.sessions.size()))
        .add(key::kTickets, static_cast<std::uint32_t>(rooms_.sessions.tickets()))
        .add(key::kTokensIssued, tokens.issued)
        .add(key::kTokensRevoked, tokens.revoked)
        .add(key::kTokensWaiting, static_cast<std::uint64_t>(rooms_.revocations.pending()));
    if (!now.configuration) {
        return;
    }
    const settings::Settings& settings = now.configuration->settings;
    const identity::Reachability seen = now.configuration->identity->reachability();
    status
        .add(key::kBinding,
             settings.binds_anybody() ? std::string_view() : settings::kBindingAdvice)
        .add(key::kIdentityUrl, settings.identity.url)
        .add(key::kIdentityReachable, seen.reachable)
        .add(key::kIdentitySince, seen.since)
        .add(key::kIdentityRoundTrip, static_cast<std::uint64_t>(seen.round_trip.count()))
        .add(key::kIdentityDetail, seen.detail);
}

/// What concerns the caller alone.
void StatusCalls::add_person(Dictionary& status, const Context& person,
                             const policy::LocalAccount& local,
                             const Configuration& configuration) const {
    const settings::Settings& settings = configuration.settings;
    const bool exempt = policy::is_exempt(settings.accounts, local);
    status.add(key::kUser, person.user).add(key::kExempt, exempt);
    const auto account = policy::account_for(settings.accounts, person.user);
    if (exempt || !account) {
        return;
    }
    status.add(key::kAccount, account->name);
    add_counters(status, account->name, settings.limits);
    if (const sessions::Session* session = standing_sign_in(rooms_, person, configuration)) {
        status.add(key::kSignedIn, session->signed_in.at)
            .add(key::kExpires, session->signed_in.token.expires())
            .add(key::kSecondFactor, session->signed_in.second_factor);
    }
    Context at_sudo;
    at_sudo.user = person.user;
    at_sudo.service = "sudo";
    at_sudo.session = person.session;
    const settings::ServicePolicy policy = settings.for_service("sudo");
    const flows::ReuseDecision decision = flows::decide_reuse(
        at_sudo, local.uid, *account, policy, settings.sessions, rooms_.sessions, rooms_.clock);
    status.add(key::kSudoAsks, words_for(decision.mode, policy.access.require_mfa))
        .add(key::kSudoWhy, decision.why);
}

void StatusCalls::add_counters(Dictionary& reply, const std::string& account,
                               const settings::LimitSettings& limits) const {
    const limits::Limiter::Counters counters = rooms_.limiter.counters(account);
    reply.add(key::kWrongPasscodes, counters.wrong_passcodes)
        .add(key::kWrongPasswords, counters.wrong_passwords)
        .add(key::kChallenges, counters.challenges)
        .add(key::kLimitWrongPasscodes, limits.wrong_passcodes)
        .add(key::kLimitChallenges, limits.challenges);
    if (counters.refused_until) {
        reply.add(key::kRefusedUntil, *counters.refused_until);
    }
}

std::optional<std::string> StatusCalls::account_of(sd_bus_message* call,
                                                   const std::string& user) const {
    const ConfigurationInForce now = rooms_.configuration();
    if (!now.configuration) {
        reply_error(call, SD_BUS_ERROR_FAILED, now.trouble);
        return std::nullopt;
    }
    const auto account = policy::account_for(now.configuration->settings.accounts, user);
    if (!account) {
        reply_error(call, contract::error::kNotManaged,
                    "no account at Identity belongs to that name");
        return std::nullopt;
    }
    return account->name;
}

void StatusCalls::get_limits(sd_bus_message* call) {
    const char* user = nullptr;
    check(sd_bus_message_read(call, "s", &user), "read the user");
    dispatcher_.serve(call, serve_get_limits(BusMessage(sd_bus_message_ref(call)), user));
}

Task<void> StatusCalls::serve_get_limits(BusMessage call, std::string user) {
    Task<bool> asking = dispatcher_.is_from_root(call);
    const bool is_root = co_await std::move(asking);
    if (!is_root) {
        co_return;
    }
    const std::optional<std::string> account = account_of(call.get(), user);
    if (!account) {
        co_return;
    }
    BusMessage reply;
    check(sd_bus_message_new_method_return(call.get(), out(reply)), "reply");
    Dictionary counters(reply.get());
    counters.add(key::kAccount, *account);
    add_counters(counters, *account, rooms_.configuration().configuration->settings.limits);
    counters.close();
    check(sd_bus_message_send(reply.get()), "reply");
}

void StatusCalls::reset_limits(sd_bus_message* call) {
    const char* user = nullptr;
    check(sd_bus_message_read(call, "s", &user), "read the user");
    dispatcher_.serve(call, serve_reset_limits(BusMessage(sd_bus_message_ref(call)), user));
}

Task<void> StatusCalls::serve_reset_limits(BusMessage call, std::string user) {
    Task<bool> asking = dispatcher_.is_from_root(call);
    const bool is_root = co_await std::move(asking);
    if (!is_root) {
        co_return;
    }
    const std::optional<std::string> account = account_of(call.get(), user);
    if (!account) {
        co_return;
    }
    const bool counted = rooms_.limiter.reset(*account);
    journal::notice(fmt::format("limits reset by root: user={} account={}", sanitise(user, 64),
                                sanitise(*account, 64)));
    check(sd_bus_reply_method_return(call.get(), "b", static_cast<int>(counted)), "reply");
}

void StatusCalls::get_history(sd_bus_message* call) {
    std::uint32_t most = 0;
    check(sd_bus_message_read(call, "u", &most), "read how many");
    dispatcher_.serve(call, serve_get_history(BusMessage(sd_bus_message_ref(call)), most));
}

Task<void> StatusCalls::serve_get_history(BusMessage call, std::uint32_t most) {
    Task<Caller> look_up = dispatcher_.find_caller(call);
    Caller caller = co_await std::move(look_up);
    std::optional<std::string> only;
    if (!caller.is_root()) {
        Task<Dispatcher::Established> establishing =
            dispatcher_.establish(std::move(caller), Context{});
        Dispatcher::Established who = co_await std::move(establishing);
        if (const auto* refusal = std::get_if<Refusal>(&who)) {
            reply_error(call.get(), refusal->error, refusal->text);
            co_return;
        }
        only = std::get<Context>(who).user;
    }
    BusMessage reply;
    check(sd_bus_message_new_method_return(call.get(), out(reply)), "reply");
    check(sd_bus_message_open_container(reply.get(), 'a', "a{sv}"), "list");
    std::uint32_t left = std::min(most == 0 ? kMostVerdicts : most, kMostVerdicts);
    rooms_.history.each([&](const journal::PastVerdict& past) {
        if (only && past.user != *only) {
            return true;
        }
        add_verdict(reply.get(), past);
        return --left > 0;
    });
    check(sd_bus_message_close_container(reply.get()), "list");
    check(sd_bus_message_send(reply.get()), "reply");
}

void StatusCalls::reload(sd_bus_message* call) {
    dispatcher_.serve(call, serve_reload(BusMessage(sd_bus_message_ref(call))));
}

Task<void> StatusCalls::serve_reload(BusMessage call) {
    Task<bool> asking = dispatcher_.is_from_root(call);
    const bool is_root = co_await std::move(asking);
    if (!is_root) {
        co_return;
    }
    rooms_.reload();
    const std::string trouble = rooms_.configuration().trouble;
    if (!trouble.empty()) {
        reply_error(call.get(), SD_BUS_ERROR_FAILED, trouble);
        co_return;
    }
    check(sd_bus_reply_method_return(call.get(), nullptr), "reply");
}

} // namespace raxauth::bus
