// SPDX-License-Identifier: Apache-2.0
//
// The members of AuthService about sessions that live already: the token for its own person, lists,
// status. See auth_service.cpp for how calls are served.
#include "common/bus_contract.h"
#include "common/secret_pipe.h"
#include "common/text.h"
#include "daemon/bus/auth_service.h"
#include "daemon/bus/reply_values.h"
#include "daemon/flows/reuse.h"
#include "daemon/flows/subject.h"
#include "daemon/journal/journal.h"
#include "daemon/limits/origin.h"
#include "daemon/policy/account_map.h"

#include <fmt/core.h>

namespace raxauth::bus {
namespace {

using caller::Caller;
using caller::Context;

constexpr std::uint32_t kMostVerdicts = 100;

sessions::SessionKey key_of(const Context& context) {
    return sessions::SessionKey::of(context.session, context.user);
}

void add_session(sd_bus_message* reply, const sessions::Session& session, bool current) {
    const sessions::SignedIn& proof = session.signed_in;
    Dictionary entry(reply);
    entry.add("user", proof.user)
        .add("account", proof.account.name)
        .add("service", proof.service)
        .add("remote-host", proof.remote_host)
        .add("audit-session", session.facts.audit_session)
        .add("session", session.facts.logind_session)
        .add("signed-in", proof.at)
        .add("expires", proof.token.expires())
        .add("second-factor", proof.second_factor)
        .add("this", current)
        .close();
}

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

} // namespace

/// `context`: of the person who calls, whose name is as NSS spells it.
const sessions::Session* AuthService::standing_sign_in(const Context& context,
                                                       const Configuration& configuration) const {
    const auto account = policy::account_for(configuration.settings.accounts, context.user);
    return account ? flows::standing_sign_in(key_of(context), *account, *configuration.issuer,
                                             rooms_.sessions)
                   : nullptr;
}

void AuthService::get_token(sd_bus_message* call) {
    serve(call, serve_get_token(BusMessage(sd_bus_message_ref(call))));
}

Task<void> AuthService::serve_get_token(BusMessage call) {
    Task<Established> establishing =
        establish(sd_bus_message_get_sender(call.get()), ClaimedContext{});
    Established who = co_await std::move(establishing);
    if (!who.context) {
        const bool root = who.error == contract::error::kInvalidContext;
        reply_error(call.get(), root ? contract::error::kNotManaged : who.error,
                    root ? "root has no Rackspace sign-in; run this as the person who signed in"
                         : who.text);
        co_return;
    }
    const Context& context = *who.context;
    const ConfigurationInForce now = rooms_.configuration();
    if (!now.configuration || !now.configuration->settings.sessions.user_token) {
        reply_error(call.get(), contract::error::kAccessDenied,
                    "this host does not hand out tokens (sessions.user_token = false)");
        co_return;
    }
    const sessions::Session* session =
        flows::is_own_session(context) ? standing_sign_in(context, *now.configuration) : nullptr;
    if (session == nullptr) {
        reply_error(call.get(), contract::error::kNoToken,
                    flows::is_own_session(context)
                        ? "this login session has no Rackspace sign-in; run: raxauth login"
                        : "this process is not in a login session of your own");
        co_return;
    }
    const sessions::SignedIn& proof = session->signed_in;
    const UniqueFd pipe = send_through_pipe(proof.token.text().view());
    if (!pipe) {
        reply_error(call.get(), SD_BUS_ERROR_FAILED, "no pipe for the token");
        co_return;
    }
    BusMessage reply;
    check(sd_bus_message_new_method_return(call.get(), out(reply)), "reply");
    check(sd_bus_message_append(reply.get(), "h", pipe.get()), "append the token");
    const std::string& tenant =
        proof.facts.tenant_id.empty() ? proof.account.tenant_id : proof.facts.tenant_id;
    Dictionary details(reply.get());
    details.add("expires", proof.token.expires())
        .add("account", proof.facts.name)
        .add("user-id", proof.facts.id)
        .add("tenant-id", tenant)
        .add("region", proof.facts.default_region)
        .add("auth-url", now.configuration->settings.identity.url)
        .close();
    check(sd_bus_message_send(reply.get()), "reply");
    journal::info(fmt::format("token given to its person: user={}", context.user));
}

void AuthService::sign_out(sd_bus_message* call) {
    serve(call, serve_sign_out(BusMessage(sd_bus_message_ref(call))));
}

Task<void> AuthService::serve_sign_out(BusMessage call) {
    Task<Established> establishing =
        establish(sd_bus_message_get_sender(call.get()), ClaimedContext{});
    Established who = co_await std::move(establishing);
    if (!who.context) {
        const bool root = who.error == contract::error::kInvalidContext;
        reply_error(call.get(), root ? contract::error::kNotManaged : who.error,
                    root ? "root has no Rackspace sign-in" : who.text);
        co_return;
    }
    if (!flows::is_own_session(*who.context) || !rooms_.sessions.sign_out(key_of(*who.context))) {
        reply_error(call.get(), contract::error::kNoToken,
                    "this login session has no Rackspace sign-in");
        co_return;
    }
    check(sd_bus_reply_method_return(call.get(), nullptr), "reply");
}

void AuthService::list_sessions(sd_bus_message* call) {
    serve(call, serve_list_sessions(BusMessage(sd_bus_message_ref(call))));
}

Task<void> AuthService::serve_list_sessions(BusMessage call) {
    const std::string sender = sd_bus_message_get_sender(call.get());
    Task<Caller> look_up = callers_->find(sender);
    const Caller caller = co_await std::move(look_up);
    std::optional<Context> person;
    if (!caller.is_root()) {
        Task<Established> establishing = establish(sender, ClaimedContext{});
        Established who = co_await std::move(establishing);
        if (!who.context) {
            reply_error(call.get(), who.error, who.text);
            co_return;
        }
        person = std::move(who.context);
    }
    BusMessage reply;
    check(sd_bus_message_new_method_return(call.get(), out(reply)), "reply");
    check(sd_bus_message_open_container(reply.get(), 'a', "a{sv}"), "list");
    const sessions::SessionKey own = person ? key_of(*person) : sessions::SessionKey{};
    rooms_.sessions.each([&](const sessions::Session& session) {
        if (!person || session.signed_in.user == person->user) {
            add_session(reply.get(), session, person && session.key == own);
        }
    });
    check(sd_bus_message_close_container(reply.get()), "list");
    check(sd_bus_message_send(reply.get()), "reply");
}

void AuthService::flush(sd_bus_message* call) {
    const char* user = nullptr;
    check(sd_bus_message_read(call, "s", &user), "read the user");
    serve(call, serve_flush(BusMessage(sd_bus_message_ref(call)), user));
}

Task<void> AuthService::serve_flush(BusMessage call, std::string user) {
    Task<Caller> look_up = callers_->find(sd_bus_message_get_sender(call.get()));
    const Caller caller = co_await std::move(look_up);
    if (!caller.is_root()) {
        reply_error(call.get(), contract::error::kAccessDenied, "root only");
        co_return;
    }
    const auto dropped = static_cast<std::uint32_t>(rooms_.sessions.flush(user));
    journal::notice(
        fmt::format("flushed by root: user={} entries={}", sanitise(user, 64), dropped));
    check(sd_bus_reply_method_return(call.get(), "u", dropped), "reply");
}

void AuthService::get_status(sd_bus_message* call) {
    serve(call, serve_get_status(BusMessage(sd_bus_message_ref(call))));
}

Task<void> AuthService::serve_get_status(BusMessage call) {
    const std::string sender = sd_bus_message_get_sender(call.get());
    Task<Caller> look_up = callers_->find(sender);
    const Caller caller = co_await std::move(look_up);
    std::optional<Context> person;
    if (!caller.is_root()) {
        Task<Established> establishing = establish(sender, ClaimedContext{});
        Established who = co_await std::move(establishing);
        person = std::move(who.context);
    }
    std::optional<policy::LocalAccount> local;
    if (person) {
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
void AuthService::add_overview(Dictionary& status) const {
    const ConfigurationInForce now = rooms_.configuration();
    const identity::Issuers::Totals tokens = rooms_.issuers.totals();
    status.add("version", RAXAUTH_VERSION)
        .add("configuration", now.trouble)
        .add("limits-trouble", rooms_.limiter.trouble().value_or(""))
        .add("conversations", static_cast<std::uint32_t>(rooms_.registry.live()))
        .add("sessions", static_cast<std::uint32_t>(rooms_.sessions.size()))
        .add("tickets", static_cast<std::uint32_t>(rooms_.sessions.tickets()))
        .add("tokens-issued", tokens.counts.issued)
        .add("tokens-revoked", tokens.counts.revoked)
        .add("tokens-waiting", static_cast<std::uint64_t>(tokens.pending));
    if (!now.configuration) {
        return;
    }
    const settings::Settings& settings = now.configuration->settings;
    const identity::Reachability seen = now.configuration->identity->reachability();
    status.add("binding", settings.binds_anybody() ? std::string_view() : settings::kBindingAdvice)
        .add("identity-url", settings.identity.url)
        .add("identity-reachable", seen.reachable)
        .add("identity-since", seen.since)
        .add("identity-round-trip", static_cast<std::uint64_t>(seen.round_trip.count()))
        .add("identity-detail", seen.detail);
}

/// What concerns the caller alone.
void AuthService::add_person(Dictionary& status, const Context& person,
                             const policy::LocalAccount& local,
                             const Configuration& configuration) const {
    const settings::Settings& settings = configuration.settings;
    const bool exempt = policy::is_exempt(settings.accounts, local);
    status.add("user", person.user).add("exempt", exempt);
    const auto account = policy::account_for(settings.accounts, person.user);
    if (exempt || !account) {
        return;
    }
    status.add("account", account->name);
    const limits::Limiter::Counters counters = rooms_.limiter.counters(account->name);
    status.add("wrong-passcodes", counters.wrong_passcodes)
        .add("wrong-passwords", counters.wrong_passwords)
        .add("challenges", counters.challenges)
        .add("limit-wrong-passcodes", settings.limits.wrong_passcodes)
        .add("limit-challenges", settings.limits.challenges);
    if (counters.refused_until) {
        status.add("refused-until", *counters.refused_until);
    }
    if (const sessions::Session* session = standing_sign_in(person, configuration)) {
        status.add("signed-in", session->signed_in.at)
            .add("expires", session->signed_in.token.expires())
            .add("second-factor", session->signed_in.second_factor);
    }
    Context at_sudo;
    at_sudo.user = person.user;
    at_sudo.service = "sudo";
    at_sudo.session = person.session;
    const settings::ServicePolicy policy = settings.for_service("sudo");
    const flows::ReuseDecision decision =
        flows::decide_reuse(at_sudo, local.uid, *account, *configuration.issuer, policy,
                            settings.sessions, rooms_.sessions, rooms_.clock);
    status.add("sudo-asks", words_for(decision.mode, policy.access.require_mfa))
        .add("sudo-why", decision.why);
}

void AuthService::get_history(sd_bus_message* call) {
    std::uint32_t most = 0;
    check(sd_bus_message_read(call, "u", &most), "read how many");
    serve(call, serve_get_history(BusMessage(sd_bus_message_ref(call)), most));
}

Task<void> AuthService::serve_get_history(BusMessage call, std::uint32_t most) {
    const std::string sender = sd_bus_message_get_sender(call.get());
    Task<Caller> look_up = callers_->find(sender);
    const Caller caller = co_await std::move(look_up);
    std::optional<std::string> only;
    if (!caller.is_root()) {
        Task<Established> establishing = establish(sender, ClaimedContext{});
        Established who = co_await std::move(establishing);
        if (!who.context) {
            reply_error(call.get(), who.error, who.text);
            co_return;
        }
        only = who.context->user;
    }
    BusMessage reply;
    check(sd_bus_message_new_method_return(call.get(), out(reply)), "reply");
    check(sd_bus_message_open_container(reply.get(), 'a', "a{sv}"), "list");
    std::uint32_t left = std::min(most == 0 ? kMostVerdicts : most, kMostVerdicts);
    rooms_.history.each([&](const journal::PastVerdict& past) {
        if (only && past.user != *only) {
            return true;
        }
        Dictionary entry(reply.get());
        entry.add("time", past.at)
            .add("hook", past.hook)
            .add("user", past.user)
            .add("service", past.service)
            .add("remote-host", past.remote_host)
            .add("verdict", word(past.state))
            .add("reason", word(past.reason))
            .add("why", past.why)
            .add("took-ms", static_cast<std::uint32_t>(past.took.count()))
            .close();
        return --left > 0;
    });
    check(sd_bus_message_close_container(reply.get()), "list");
    check(sd_bus_message_send(reply.get()), "reply");
}

} // namespace raxauth::bus
