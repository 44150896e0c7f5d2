// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/session_calls.h"

#include "common/bus_contract.h"
#include "common/bus_keys.h"
#include "common/secret_pipe.h"
#include "common/text.h"
#include "common/user_name.h"
#include "daemon/bus/reply_values.h"
#include "daemon/bus/verdict_lines.h"
#include "daemon/flows/check_account.h"
#include "daemon/flows/reuse.h"
#include "daemon/flows/subject.h"
#include "daemon/journal/journal.h"

#include <fmt/core.h>

namespace raxauth::bus {
namespace {

using caller::Caller;
using caller::Context;

sessions::SessionKey key_of(const Context& context) {
    return sessions::SessionKey::of(context.session, context.user);
}

void add_session(sd_bus_message* reply, const sessions::Session& session, bool current) {
    namespace key = contract::session;
    const sessions::SignedIn& proof = session.signed_in;
    Dictionary entry(reply);
    entry.add(key::kUser, proof.user)
        .add(key::kAccount, proof.account.name)
        .add(key::kService, proof.service)
        .add(key::kRemoteHost, proof.remote_host)
        .add(key::kAuditSession, session.facts.audit_session)
        .add(key::kSession, session.facts.logind_session)
        .add(key::kSignedIn, proof.at)
        .add(key::kExpires, proof.token.expires())
        .add(key::kSecondFactor, proof.second_factor)
        .add(key::kThis, current)
        .close();
}

std::optional<ContextMessage> context_of(sd_bus_message* call) {
    std::optional<ContextMessage> message = read_context(call);
    if (!message) {
        reply_error(call, contract::error::kInvalidContext, "the context cannot be read");
    }
    return message;
}

BusMessage reply_to(const BusMessage& call) {
    BusMessage reply;
    check(sd_bus_message_new_method_return(call.get(), out(reply)), "reply");
    return reply;
}

} // namespace

void SessionCalls::check_account(sd_bus_message* call) {
    if (auto message = context_of(call)) {
        dispatcher_.serve(
            call, serve_check_account(BusMessage(sd_bus_message_ref(call)), *std::move(message)));
    }
}

Task<void> SessionCalls::serve_check_account(BusMessage call, ContextMessage message) {
    Task<Caller> look_up = dispatcher_.find_caller(call);
    Caller caller = co_await std::move(look_up);
    Task<std::optional<Dispatcher::Accepted>> establishing =
        dispatcher_.establish_or_refuse(call, std::move(caller), std::move(message.claims));
    std::optional<Dispatcher::Accepted> accepted = co_await std::move(establishing);
    if (!accepted) {
        co_return;
    }
    Context& context = accepted->context;
    flows::AccountVerdict verdict;
    const ConfigurationInForce now = rooms_.configuration();
    if (!is_valid_user_name(context.user)) {
        context.user = sanitise(context.user, 64);
        verdict = {State::Denied, Reason::InvalidUserName, {}, ""};
    } else if (!now.configuration) {
        verdict = {State::Unavailable, Reason::Misconfigured, {}, now.trouble};
    } else {
        Task<flows::AccountVerdict> checking =
            flows::check_account(context, services_of(rooms_, *now.configuration));
        flows::AccountVerdict reached = co_await std::move(checking);
        verdict = std::move(reached);
    }
    record(rooms_.history, "account", context, verdict.state, verdict.reason, verdict.why);
    const BusMessage reply = reply_to(call);
    check(sd_bus_message_append(reply.get(), "ss", std::string(word(verdict.state)).c_str(),
                                std::string(word(verdict.reason)).c_str()),
          "reply");
    append_messages(reply.get(), verdict.messages);
    check(sd_bus_message_send(reply.get()), "reply");
}

void SessionCalls::open_session(sd_bus_message* call) {
    if (auto message = context_of(call)) {
        dispatcher_.serve(
            call, serve_open_session(BusMessage(sd_bus_message_ref(call)), *std::move(message)));
    }
}

Task<void> SessionCalls::serve_open_session(BusMessage call, ContextMessage message) {
    Task<bool> asking = dispatcher_.is_from_root(call);
    const bool is_root = co_await std::move(asking);
    if (!is_root) {
        co_return;
    }
    Task<Caller> look_up = dispatcher_.find_caller(call);
    const Caller caller = co_await std::move(look_up);
    Task<std::optional<Dispatcher::Accepted>> establishing =
        dispatcher_.establish_or_refuse(call, caller, std::move(message.claims));
    const std::optional<Dispatcher::Accepted> accepted = co_await std::move(establishing);
    if (!accepted) {
        co_return;
    }
    const Context& context = accepted->context;
    const auto opened = rooms_.sessions.open(context.ticket, context, caller.pid);
    if (opened) {
        journal::session_opened(context.user, context.service, context.remote_host);
    } else {
        journal::notice(
            fmt::format("no session entry: user={} service={}: the ticket is not valid, "
                        "or there is no login session to bind to",
                        context.user, context.service));
    }
    const BusMessage reply = reply_to(call);
    check(sd_bus_message_sensitive(reply.get()), "reply");
    check(sd_bus_message_append(reply.get(), "s", opened ? opened->handle.c_str() : ""), "reply");
    check(sd_bus_message_append(reply.get(), "a{ss}", 0), "reply");
    check(sd_bus_message_send(reply.get()), "reply");
}

void SessionCalls::close_session(sd_bus_message* call) {
    const char* handle = nullptr;
    check(sd_bus_message_read(call, "s", &handle), "read the handle");
    dispatcher_.serve(call, serve_close_session(BusMessage(sd_bus_message_ref(call)), handle));
}

Task<void> SessionCalls::serve_close_session(BusMessage call, std::string handle) {
    Task<bool> asking = dispatcher_.is_from_root(call);
    const bool is_root = co_await std::move(asking);
    if (!is_root) {
        co_return;
    }
    // A handle we do not know is an entry that has ended already: nothing to complain about.
    static_cast<void>(rooms_.sessions.close(handle));
    check(sd_bus_reply_method_return(call.get(), nullptr), "reply");
}

Task<std::optional<Context>> SessionCalls::find_person(const BusMessage& call) {
    Task<Caller> look_up = dispatcher_.find_caller(call);
    Caller caller = co_await std::move(look_up);
    if (caller.is_root()) {
        reply_error(call.get(), contract::error::kNotManaged,
                    "root does not sign in; run this as the person who signed in");
        co_return std::nullopt;
    }
    Task<std::optional<Dispatcher::Accepted>> establishing =
        dispatcher_.establish_or_refuse(call, std::move(caller), Context{});
    std::optional<Dispatcher::Accepted> accepted = co_await std::move(establishing);
    if (!accepted) {
        co_return std::nullopt;
    }
    co_return std::move(accepted->context);
}

void SessionCalls::get_token(sd_bus_message* call) {
    if (!are_bounded_options(call)) { // there are none yet; and the call is held until it is served
        reply_error(call, contract::error::kInvalidContext, "the options cannot be read");
        return;
    }
    dispatcher_.serve(call, serve_get_token(BusMessage(sd_bus_message_ref(call))));
}

Task<void> SessionCalls::serve_get_token(BusMessage call) {
    Task<std::optional<Context>> finding = find_person(call);
    const std::optional<Context> person = co_await std::move(finding);
    if (person) {
        give_token(call.get(), *person);
    }
}

void SessionCalls::give_token(sd_bus_message* call, const Context& person) {
    const ConfigurationInForce now = rooms_.configuration();
    if (!now.configuration || !now.configuration->settings.sessions.user_token) {
        reply_error(call, contract::error::kAccessDenied,
                    "this host does not hand out tokens (sessions.user_token = false)");
        return;
    }
    if (!flows::is_own_session(person)) {
        reply_error(call, contract::error::kNoToken,
                    "this process is not in a login session of your own");
        return;
    }
    const sessions::Session* session = standing_sign_in(rooms_, person, *now.configuration);
    if (session == nullptr) {
        reply_error(call, contract::error::kNoToken, "this login session has no sign-in");
        return;
    }
    const sessions::SignedIn& proof = session->signed_in;
    const UniqueFd pipe = send_through_pipe(proof.token.text().view());
    if (!pipe) {
        reply_error(call, SD_BUS_ERROR_FAILED, "no pipe for the token");
        return;
    }
    BusMessage reply;
    check(sd_bus_message_new_method_return(call, out(reply)), "reply");
    check(sd_bus_message_append(reply.get(), "h", pipe.get()), "append the token");
    const std::string& tenant =
        proof.facts.tenant_id.empty() ? proof.account.tenant_id : proof.facts.tenant_id;
    namespace key = contract::token;
    Dictionary details(reply.get());
    details.add(key::kExpires, proof.token.expires())
        .add(key::kAccount, proof.facts.name)
        .add(key::kUserId, proof.facts.id)
        .add(key::kTenantId, tenant)
        .add(key::kRegion, proof.facts.default_region)
        .add(key::kAuthUrl, now.configuration->settings.identity.url)
        .close();
    check(sd_bus_message_send(reply.get()), "reply");
    journal::info(fmt::format("token given to its user: user={}", person.user));
}

void SessionCalls::sign_out(sd_bus_message* call) {
    dispatcher_.serve(call, serve_sign_out(BusMessage(sd_bus_message_ref(call))));
}

Task<void> SessionCalls::serve_sign_out(BusMessage call) {
    Task<std::optional<Context>> finding = find_person(call);
    const std::optional<Context> person = co_await std::move(finding);
    if (!person) {
        co_return;
    }
    if (!flows::is_own_session(*person) || !rooms_.sessions.sign_out(key_of(*person))) {
        reply_error(call.get(), contract::error::kNoToken, "this login session has no sign-in");
        co_return;
    }
    check(sd_bus_reply_method_return(call.get(), nullptr), "reply");
}

void SessionCalls::list_sessions(sd_bus_message* call) {
    dispatcher_.serve(call, serve_list_sessions(BusMessage(sd_bus_message_ref(call))));
}

Task<void> SessionCalls::serve_list_sessions(BusMessage call) {
    Task<Caller> look_up = dispatcher_.find_caller(call);
    const Caller caller = co_await std::move(look_up);
    std::optional<Context> person;
    if (!caller.is_root()) {
        Task<std::optional<Context>> finding = find_person(call);
        std::optional<Context> found = co_await std::move(finding);
        if (!found) {
            co_return;
        }
        person = std::move(found);
    }
    const BusMessage reply = reply_to(call);
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

void SessionCalls::flush(sd_bus_message* call) {
    const char* user = nullptr;
    check(sd_bus_message_read(call, "s", &user), "read the user");
    dispatcher_.serve(call, serve_flush(BusMessage(sd_bus_message_ref(call)), user));
}

Task<void> SessionCalls::serve_flush(BusMessage call, std::string user) {
    Task<bool> asking = dispatcher_.is_from_root(call);
    const bool is_root = co_await std::move(asking);
    if (!is_root) {
        co_return;
    }
    const auto dropped = static_cast<std::uint32_t>(rooms_.sessions.flush(user));
    journal::notice(
        fmt::format("flushed by root: user={} entries={}", sanitise(user, 64), dropped));
    check(sd_bus_reply_method_return(call.get(), "u", dropped), "reply");
}

} // namespace raxauth::bus
