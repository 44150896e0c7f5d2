// SPDX-License-Identifier: Apache-2.0
//
// Handlers come in two kinds. Those that hang on the sender's unique name alone (Answer, Cancel)
// are done at once. All others first ask the bus who the sender is, asynchronously, so they run as
// small coroutines that own the call message until they have answered it.
#include "daemon/bus/auth_service.h"

#include "common/bus_contract.h"
#include "common/text.h"
#include "common/user_name.h"
#include "daemon/bus/guard.h"
#include "daemon/bus/process_facts.h"
#include "daemon/bus/reply_values.h"
#include "daemon/flows/check_account.h"
#include "daemon/flows/enrolment.h"
#include "daemon/flows/factor_management.h"
#include "daemon/flows/password_change.h"
#include "daemon/flows/sign_in.h"
#include "daemon/journal/journal.h"
#include "daemon/limits/origin.h"

#include <fmt/core.h>

namespace raxauth::bus {
namespace {

using caller::Caller;
using caller::Context;
using conversation::AnswerError;
using conversation::Ending;
using conversation::Message;
using conversation::Step;
using conversation::Verdict;

/// Calls being served at once, conversations aside: of one connection (who it is may not be known
/// yet), and of all. One user has 256 connections at most (dbus-daemon(1),
/// max_connections_per_user) and so cannot fill the table.
constexpr std::size_t kMaxServingOfSender = 8;
constexpr std::size_t kMaxServing = 4096;

const char* error_name(AnswerError error) {
    switch (error) {
    case AnswerError::NoSuchConversation:
        return contract::error::kNoSuchConversation;
    case AnswerError::StaleSerial:
        return contract::error::kStaleSerial;
    case AnswerError::Busy:
        return contract::error::kBusy;
    case AnswerError::InvalidAnswers:
        return contract::error::kInvalidContext;
    }
    return contract::error::kInvalidContext;
}

journal::VerdictLine line_for(std::string_view hook, const Context& context) {
    journal::VerdictLine line;
    line.hook = hook;
    line.user = context.user;
    line.user_unknown = context.account_uid == contract::kUnsetId;
    line.service = context.service;
    line.remote_host = context.remote_host;
    line.tty = context.tty;
    return line;
}

} // namespace

/// The vtable and its trampolines: the only functions sd-bus calls.
struct AuthServiceVtable {
    template <void (AuthService::*Method)(sd_bus_message*)>
    static int call(sd_bus_message* message, void* self, sd_bus_error* /*error*/) noexcept {
        const int r = guard([&] { (static_cast<AuthService*>(self)->*Method)(message); });
        return r < 0 ? r : 1;
    }
    template <AuthService::Dialogue Dialogue>
    static int begin(sd_bus_message* message, void* self, sd_bus_error* /*error*/) noexcept {
        const int r = guard([&] { static_cast<AuthService*>(self)->begin(message, Dialogue); });
        return r < 0 ? r : 1;
    }

    static int version(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*,
                       sd_bus_error*) noexcept {
        return sd_bus_message_append(reply, "s", RAXAUTH_VERSION);
    }
    static int identity_url(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply,
                            void* self, sd_bus_error*) noexcept {
        return guard([&] {
            const auto now = static_cast<AuthService*>(self)->rooms_.configuration();
            check(sd_bus_message_append(
                      reply, "s",
                      now.configuration ? now.configuration->settings.identity.url.c_str() : ""),
                  "append property");
        });
    }
    static int live(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply,
                    void* self, sd_bus_error*) noexcept {
        return sd_bus_message_append(
            reply, "u",
            static_cast<std::uint32_t>(static_cast<AuthService*>(self)->rooms_.registry.live()));
    }
    static int sessions(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply,
                        void* self, sd_bus_error*) noexcept {
        return sd_bus_message_append(
            reply, "u",
            static_cast<std::uint32_t>(static_cast<AuthService*>(self)->rooms_.sessions.size()));
    }
    static int reachable(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply,
                         void* self, sd_bus_error*) noexcept {
        return guard([&] {
            const auto now = static_cast<AuthService*>(self)->rooms_.configuration();
            const bool yes =
                now.configuration && now.configuration->identity->reachability().reachable;
            check(sd_bus_message_append(reply, "b", static_cast<int>(yes)), "append property");
        });
    }

    static const sd_bus_vtable kTable[];
};

namespace {
/// Access is decided by the bus policy and by the methods themselves, secrets are wiped.
constexpr std::uint64_t kOpen = SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE;
/// Properties are readable by everybody anyway; sd-bus refuses a table that says so again.
constexpr std::uint64_t kConstant = SD_BUS_VTABLE_PROPERTY_CONST;
constexpr std::uint64_t kPlain = 0;
} // namespace

// clang-format off
#define RAXAUTH_STEP SD_BUS_RESULT("t", id, "t", serial, "s", state, "s", reason, "a(ss)", messages, "a{sv}", details)
const sd_bus_vtable AuthServiceVtable::kTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("BeginSignIn", SD_BUS_ARGS("a{sv}", context), RAXAUTH_STEP,
                            (&begin<AuthService::Dialogue::SignIn>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("BeginEnrolment", SD_BUS_ARGS("a{sv}", context), RAXAUTH_STEP,
                            (&begin<AuthService::Dialogue::Enrolment>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("BeginPasswordChange", SD_BUS_ARGS("a{sv}", context), RAXAUTH_STEP,
                            (&begin<AuthService::Dialogue::PasswordChange>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("BeginFactorManagement", SD_BUS_ARGS("a{sv}", context), RAXAUTH_STEP,
                            (&begin<AuthService::Dialogue::FactorManagement>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("Answer", SD_BUS_ARGS("t", id, "t", serial, "ah", answers), RAXAUTH_STEP,
                            (&call<&AuthService::answer>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("t", id), SD_BUS_NO_RESULT,
                            (&call<&AuthService::cancel>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("CheckAccount", SD_BUS_ARGS("a{sv}", context),
                            SD_BUS_RESULT("s", state, "s", reason, "a(ss)", messages),
                            (&call<&AuthService::check_account>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("OpenSession", SD_BUS_ARGS("a{sv}", context),
                            SD_BUS_RESULT("s", handle, "a{ss}", environment),
                            (&call<&AuthService::open_session>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("CloseSession", SD_BUS_ARGS("s", handle), SD_BUS_NO_RESULT,
                            (&call<&AuthService::close_session>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("GetToken", SD_BUS_ARGS("a{sv}", options),
                            SD_BUS_RESULT("h", token, "a{sv}", details),
                            (&call<&AuthService::get_token>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("SignOut", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT,
                            (&call<&AuthService::sign_out>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("ListSessions", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", sessions),
                            (&call<&AuthService::list_sessions>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("Flush", SD_BUS_ARGS("s", user), SD_BUS_RESULT("u", dropped),
                            (&call<&AuthService::flush>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("GetStatus", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", status),
                            (&call<&AuthService::get_status>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("GetHistory", SD_BUS_ARGS("u", most), SD_BUS_RESULT("aa{sv}", verdicts),
                            (&call<&AuthService::get_history>), kOpen),
    SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT,
                            (&call<&AuthService::reload>), kOpen),
    SD_BUS_PROPERTY("Version", "s", &version, 0, kConstant),
    SD_BUS_PROPERTY("IdentityUrl", "s", &identity_url, 0, kPlain),
    SD_BUS_PROPERTY("LiveConversations", "u", &live, 0, kPlain),
    SD_BUS_PROPERTY("Sessions", "u", &sessions, 0, kPlain),
    SD_BUS_PROPERTY("IdentityReachable", "b", &reachable, 0, kPlain),
    SD_BUS_VTABLE_END,
};
#undef RAXAUTH_STEP
// clang-format on

AuthService::AuthService(Rooms rooms, const char* address)
    : rooms_(std::move(rooms)), shares_(rooms_.clock) {
    check(sd_bus_new(out(bus_)), "create the bus connection");
    check(sd_bus_set_address(bus_.get(), address), "set the bus address");
    check(sd_bus_set_bus_client(bus_.get(), 1), "be a bus client");
    check(sd_bus_negotiate_fds(bus_.get(), 1), "negotiate descriptors");
    check(sd_bus_start(bus_.get()), "connect to the system bus");
    check(sd_bus_set_exit_on_disconnect(bus_.get(), 1), "follow the bus");
    callers_ = std::make_unique<Callers>(
        bus_.get(), [this](const std::string& name) { rooms_.registry.owner_gone(name); });
    check(sd_bus_add_object_vtable(bus_.get(), out(object_), contract::kObject,
                                   contract::kInterface, AuthServiceVtable::kTable, this),
          "add the bus object");
    check(sd_bus_attach_event(bus_.get(), rooms_.loop.event(), kPrompt),
          "attach the bus to the loop");
    // Where there is no logind, this never comes.
    check(sd_bus_add_match(bus_.get(), out(session_removed_),
                           "type='signal',sender='org.freedesktop.login1',"
                           "path='/org/freedesktop/login1',"
                           "interface='org.freedesktop.login1.Manager',member='SessionRemoved'",
                           &AuthService::on_session_removed, this),
          "match on SessionRemoved");
    // No queueing and no replacement: whoever has the name already is refused, and stays.
    check(sd_bus_request_name(bus_.get(), contract::kBusName, 0), "take the name on the bus");
}

AuthService::~AuthService() = default;

int AuthService::on_session_removed(sd_bus_message* signal, void* self, sd_bus_error* /*error*/) {
    return guard([&] {
        const char* id = nullptr;
        if (sd_bus_message_read(signal, "s", &id) >= 0) {
            static_cast<AuthService*>(self)->rooms_.sessions.logind_session_removed(id);
        }
    });
}

void AuthService::release_name() noexcept {
    static_cast<void>(
        sd_bus_release_name_async(bus_.get(), nullptr, contract::kBusName, nullptr, nullptr));
}

flows::Services AuthService::services(const Configuration& configuration) const {
    return flows::Services{
        configuration.settings,
        *configuration.identity,
        rooms_.limiter,
        rooms_.local_accounts,
        rooms_.sessions,
        rooms_.clock,
        [&loop = rooms_.loop](std::chrono::microseconds time) { return loop.sleep(time); },
        configuration.factors,
        rooms_.enrolments,
        configuration.words,
    };
}

/// The `ended` callback of a conversation: the one journal line of each verdict.
std::function<void(const Ending&)>
AuthService::write_line(std::string_view hook, const Context& context,
                        std::shared_ptr<flows::SignInTrace> trace) {
    Context described; // what the line needs, without the secrets
    described.user = context.user;
    described.account_uid = context.account_uid;
    described.service = context.service;
    described.remote_host = context.remote_host;
    described.tty = context.tty;
    return [this, hook, described = std::make_shared<Context>(std::move(described)),
            trace = std::move(trace)](const Ending& ending) {
        journal::VerdictLine line = line_for(hook, *described);
        std::string why = ending.why;
        if (!trace->reuse.empty() && why != trace->reuse) {
            why += (why.empty() ? "" : "; ") + ("no reuse: " + trace->reuse);
        }
        line.account = trace->account;
        line.state = ending.state;
        line.reason = ending.reason;
        line.why = why;
        line.conversation = ending.id;
        line.took = ending.took;
        rooms_.history.record(line);
    };
}

void AuthService::record(std::string_view hook, const Context& context, State state, Reason reason,
                         std::string_view why) {
    journal::VerdictLine line = line_for(hook, context);
    line.state = state;
    line.reason = reason;
    line.why = why;
    rooms_.history.record(line);
}

void AuthService::serve(sd_bus_message* call, Task<void> task) {
    const std::string sender = sd_bus_message_get_sender(call);
    const auto earlier = served_senders_.find(sender);
    if (serving_.size() >= kMaxServing ||
        (earlier != served_senders_.end() && earlier->second >= kMaxServingOfSender)) {
        reply_error(call, contract::error::kLimitExceeded, "too many calls at once");
        return;
    }
    const std::uint64_t id = ++last_served_;
    // A task that fails has nobody to tell but the journal and the caller.
    auto whole = [](AuthService& self, std::uint64_t number, BusMessage message,
                    Task<void> body) -> Task<void> {
        std::string fault;
        try {
            co_await std::move(body);
        } catch (const std::exception& caught) {
            fault = caught.what();
        }
        if (!fault.empty()) {
            journal::warning("a bus call was not served: " + fault);
            reply_error(message.get(), SD_BUS_ERROR_FAILED, "not served");
        }
        if (self.serving_.contains(number)) { // it had to wait, and its frame cannot end itself
            self.rooms_.loop.post([&self, number] { self.served(number); });
        }
    };
    Job job = Job::start(whole(*this, id, BusMessage(sd_bus_message_ref(call)), std::move(task)));
    if (!job.finished()) {
        serving_.emplace(id, Served{sender, std::move(job)});
        ++served_senders_[sender];
    }
}

void AuthService::served(std::uint64_t id) {
    const auto done = serving_.find(id);
    const auto sender = served_senders_.find(done->second.sender);
    if (--sender->second == 0) {
        served_senders_.erase(sender);
    }
    serving_.erase(done);
}

Task<AuthService::Established> AuthService::establish(std::string sender, ClaimedContext claimed) {
    Established result;
    Task<Caller> look_up = callers_->find(std::move(sender));
    Caller caller = co_await std::move(look_up);
    Context context;
    context.user = std::move(claimed.user);
    context.service = sanitise(claimed.service, 64);
    context.tty = sanitise(claimed.tty, 64);
    context.remote_host = sanitise(claimed.remote_host, 255);
    context.remote_user = sanitise(claimed.remote_user, 128);
    context.password = std::move(claimed.password);
    context.interactive = claimed.interactive;
    context.no_reuse = claimed.no_reuse;
    context.locale = sanitise(claimed.locale, 64);
    context.factor = sanitise(claimed.factor, 16);
    context.verb = sanitise(claimed.verb, 32);
    for (const std::string& argument : claimed.arguments) {
        context.arguments.push_back(sanitise(argument, 256));
    }
    if (caller.is_root()) {
        context.session = std::move(claimed.session);
        context.ticket = std::move(claimed.ticket);
        context.signed_in = claimed.signed_in;
        context.account_uid = claimed.account_uid;
    } else {
        const CallerShares::Place place(shares_, caller.uid);
        if (!place.taken()) {
            result.error = contract::error::kLimitExceeded;
            result.text = "you call too often";
            co_return result;
        }
        const auto facts = session_facts_of(caller.pid, caller.uid);
        std::optional<policy::LocalAccount> self;
        if (facts) {
            Task<std::optional<policy::LocalAccount>> by_uid =
                rooms_.local_accounts.find(caller.uid);
            std::optional<policy::LocalAccount> found = co_await std::move(by_uid);
            self = std::move(found);
        }
        if (!self || (!context.user.empty() && context.user != self->name) ||
            !callers_->present(caller.unique_name)) {
            result.error = contract::error::kAccessDenied;
            result.text = "you may act for your own account only";
            co_return result;
        }
        context.user = self->name;
        context.account_uid = self->uid;
        context.service = "user";
        context.remote_host.clear();
        context.remote_user.clear();
        context.session = *facts;
    }
    context.caller = std::move(caller);
    if (context.user.empty()) {
        result.error = contract::error::kInvalidContext;
        result.text = "the context names no user";
        co_return result;
    }
    result.context.emplace(std::move(context));
    co_return result;
}

const char* AuthService::hook_of(Dialogue dialogue) {
    switch (dialogue) {
    case Dialogue::Enrolment:
        return "enrolment";
    case Dialogue::PasswordChange:
        return "password-change";
    case Dialogue::FactorManagement:
        return "factor-management";
    case Dialogue::SignIn:
        break;
    }
    return "sign-in";
}

void AuthService::begin(sd_bus_message* call, Dialogue dialogue) {
    std::optional<ClaimedContext> claimed = read_context(call);
    if (!claimed) {
        reply_error(call, contract::error::kInvalidContext, "the context cannot be read");
        return;
    }
    serve(call, serve_begin(BusMessage(sd_bus_message_ref(call)), std::move(*claimed), dialogue));
}

Task<void> AuthService::serve_begin(BusMessage call, ClaimedContext claimed, Dialogue dialogue) {
    Task<Established> establishing =
        establish(sd_bus_message_get_sender(call.get()), std::move(claimed));
    Established who = co_await std::move(establishing);
    if (!who.context) {
        reply_error(call.get(), who.error, who.text);
        co_return;
    }
    Context& context = *who.context;
    const char* const hook = hook_of(dialogue);
    if (!is_valid_user_name(context.user)) {
        context.user = sanitise(context.user, 64);
        record(hook, context, State::Denied, Reason::InvalidUserName, "");
        send_verdict(call.get(), State::Denied, Reason::InvalidUserName);
        co_return;
    }
    const ConfigurationInForce now = rooms_.configuration();
    if (!now.configuration) {
        record(hook, context, State::Unavailable, Reason::Misconfigured, now.trouble);
        send_verdict(call.get(), State::Unavailable, Reason::Misconfigured);
        co_return;
    }
    const std::shared_ptr<const Configuration> configuration = now.configuration;
    const settings::LimitSettings& limits = configuration->settings.limits;
    auto trace = std::make_shared<flows::SignInTrace>();
    conversation::Registry::Begin begin;
    begin.owner = context.caller.unique_name;
    begin.group = context.caller.is_root()
                      ? fmt::format("{}\n{}\n{}", context.user,
                                    limits::origin_of(context.remote_host,
                                                      context.session.login_uid, contract::kUnsetId)
                                        .key,
                                    context.session.real_uid) // login uids can be borrowed
                      : fmt::format("uid {}", context.caller.uid);
    begin.deadline = configuration->settings.sign_in.deadline;
    begin.limits = {limits.conversations, limits.conversations_per_user};
    begin.ended = write_line(hook, context, trace);
    auto held = std::make_shared<Context>(std::move(context));
    begin.proves_identity = dialogue == Dialogue::SignIn;
    begin.flow = [this, configuration, held, trace, dialogue](conversation::Person& person) {
        Context own = std::move(*held);
        switch (dialogue) {
        case Dialogue::Enrolment:
            return flows::enrol(person, std::move(own), services(*configuration), trace);
        case Dialogue::PasswordChange:
            return flows::change_password(person, std::move(own), services(*configuration), trace);
        case Dialogue::FactorManagement:
            return flows::manage_factors(person, std::move(own), services(*configuration), trace);
        case Dialogue::SignIn:
            break;
        }
        return flows::sign_in(person, std::move(own), services(*configuration), trace);
    };
    const Context& logged = *held;
    const std::string user = logged.user;
    auto reply = [message = std::shared_ptr<sd_bus_message>(
                      sd_bus_message_ref(call.get()),
                      [](sd_bus_message* m) { sd_bus_message_unref(m); })](const Step& step) {
        if (guard([&] { send_step(message.get(), step); }) < 0) {
            reply_error(message.get(), SD_BUS_ERROR_FAILED, "the answer could not be sent");
        }
    };
    if (!rooms_.registry.begin(std::move(begin), std::move(reply))) {
        record(hook, *held, State::Unavailable, Reason::TooManyConversations,
               "limits.conversations");
        reply_error(call.get(), contract::error::kLimitExceeded, "too many sign-ins at once");
    }
}

void AuthService::answer(sd_bus_message* call) {
    std::uint64_t id = 0;
    std::uint64_t serial = 0;
    check(sd_bus_message_read(call, "tt", &id, &serial), "read the answer");
    const std::string sender = sd_bus_message_get_sender(call);
    std::optional<std::vector<Secret>> answers = read_answers(call);
    if (!answers) {
        const auto error = rooms_.registry.abort(sender, id, Reason::InternalFault);
        reply_error(call, error ? error_name(*error) : contract::error::kInvalidContext,
                    "an answer must be the read end of a pipe that holds all of it and its end");
        return;
    }
    auto reply =
        [message = std::shared_ptr<sd_bus_message>(sd_bus_message_ref(call), [](sd_bus_message* m) {
             sd_bus_message_unref(m);
         })](const Step& step) {
            if (guard([&] { send_step(message.get(), step); }) < 0) {
                reply_error(message.get(), SD_BUS_ERROR_FAILED, "the answer could not be sent");
            }
        };
    if (const auto error =
            rooms_.registry.answer(sender, id, serial, std::move(*answers), std::move(reply))) {
        reply_error(call, error_name(*error), "not answered");
    }
}

void AuthService::cancel(sd_bus_message* call) {
    std::uint64_t id = 0;
    check(sd_bus_message_read(call, "t", &id), "read the id");
    if (!rooms_.registry.cancel(sd_bus_message_get_sender(call), id)) {
        reply_error(call, contract::error::kNoSuchConversation, "not yours");
        return;
    }
    check(sd_bus_reply_method_return(call, nullptr), "reply");
}

void AuthService::check_account(sd_bus_message* call) {
    std::optional<ClaimedContext> claimed = read_context(call);
    if (!claimed) {
        reply_error(call, contract::error::kInvalidContext, "the context cannot be read");
        return;
    }
    serve(call, serve_check_account(BusMessage(sd_bus_message_ref(call)), std::move(*claimed)));
}

Task<void> AuthService::serve_check_account(BusMessage call, ClaimedContext claimed) {
    Task<Established> establishing =
        establish(sd_bus_message_get_sender(call.get()), std::move(claimed));
    Established who = co_await std::move(establishing);
    if (!who.context) {
        reply_error(call.get(), who.error, who.text);
        co_return;
    }
    Context& context = *who.context;
    flows::AccountVerdict verdict;
    const ConfigurationInForce now = rooms_.configuration();
    if (!is_valid_user_name(context.user)) {
        context.user = sanitise(context.user, 64);
        verdict = {State::Denied, Reason::InvalidUserName, {}, ""};
    } else if (!now.configuration) {
        verdict = {State::Unavailable, Reason::Misconfigured, {}, now.trouble};
    } else {
        Task<flows::AccountVerdict> checking =
            flows::check_account(context, services(*now.configuration));
        flows::AccountVerdict reached = co_await std::move(checking);
        verdict = std::move(reached);
    }
    record("account", context, verdict.state, verdict.reason, verdict.why);
    BusMessage reply;
    check(sd_bus_message_new_method_return(call.get(), out(reply)), "reply");
    check(sd_bus_message_append(reply.get(), "ss", std::string(word(verdict.state)).c_str(),
                                std::string(word(verdict.reason)).c_str()),
          "reply");
    append_messages(reply.get(), verdict.messages);
    check(sd_bus_message_send(reply.get()), "reply");
}

void AuthService::open_session(sd_bus_message* call) {
    std::optional<ClaimedContext> claimed = read_context(call);
    if (!claimed) {
        reply_error(call, contract::error::kInvalidContext, "the context cannot be read");
        return;
    }
    serve(call, serve_open_session(BusMessage(sd_bus_message_ref(call)), std::move(*claimed)));
}

Task<void> AuthService::serve_open_session(BusMessage call, ClaimedContext claimed) {
    const std::string sender = sd_bus_message_get_sender(call.get());
    Task<Caller> look_up = callers_->find(sender);
    const Caller caller = co_await std::move(look_up);
    if (!caller.is_root()) {
        reply_error(call.get(), contract::error::kAccessDenied, "root only");
        co_return;
    }
    Task<Established> establishing = establish(sender, std::move(claimed));
    Established who = co_await std::move(establishing);
    if (!who.context) {
        reply_error(call.get(), who.error, who.text);
        co_return;
    }
    const Context& context = *who.context;
    const auto opened = rooms_.sessions.open(context.ticket, context, caller.pid);
    if (opened) {
        journal::session_opened(context.user, context.service, context.remote_host);
    } else {
        journal::notice(fmt::format("no session entry: user={} service={}: the ticket is not good, "
                                    "or there is no login session to bind to",
                                    context.user, context.service));
    }
    BusMessage reply;
    check(sd_bus_message_new_method_return(call.get(), out(reply)), "reply");
    check(sd_bus_message_sensitive(reply.get()), "reply");
    check(sd_bus_message_append(reply.get(), "s", opened ? opened->handle.c_str() : ""), "reply");
    check(sd_bus_message_append(reply.get(), "a{ss}", 0), "reply");
    check(sd_bus_message_send(reply.get()), "reply");
}

void AuthService::close_session(sd_bus_message* call) {
    const char* handle = nullptr;
    check(sd_bus_message_read(call, "s", &handle), "read the handle");
    serve(call, serve_close_session(BusMessage(sd_bus_message_ref(call)), handle));
}

Task<void> AuthService::serve_close_session(BusMessage call, std::string handle) {
    Task<Caller> look_up = callers_->find(sd_bus_message_get_sender(call.get()));
    const Caller caller = co_await std::move(look_up);
    if (!caller.is_root()) {
        reply_error(call.get(), contract::error::kAccessDenied, "root only");
        co_return;
    }
    // A handle we do not know is an entry that has ended already: nothing to complain about.
    static_cast<void>(rooms_.sessions.close(handle));
    check(sd_bus_reply_method_return(call.get(), nullptr), "reply");
}

void AuthService::reload(sd_bus_message* call) {
    serve(call, serve_reload(BusMessage(sd_bus_message_ref(call))));
}

Task<void> AuthService::serve_reload(BusMessage call) {
    Task<Caller> look_up = callers_->find(sd_bus_message_get_sender(call.get()));
    const Caller caller = co_await std::move(look_up);
    if (!caller.is_root()) {
        reply_error(call.get(), contract::error::kAccessDenied, "root only");
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
