// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/dialogue_calls.h"

#include "common/bus_contract.h"
#include "common/text.h"
#include "common/user_name.h"
#include "daemon/bus/guard.h"
#include "daemon/bus/reply_values.h"
#include "daemon/bus/verdict_lines.h"
#include "daemon/flows/enrolment.h"
#include "daemon/flows/factor_management.h"
#include "daemon/flows/password_change.h"
#include "daemon/limits/origin.h"
#include "daemon/policy/account_map.h"

#include <fmt/core.h>

namespace raxauth::bus {
namespace {

using caller::Context;
using conversation::Ending;
using conversation::Standing;
using conversation::Step;

const char* hook_of(DialogueKind kind) {
    switch (kind) {
    case DialogueKind::Enrolment:
        return "enrolment";
    case DialogueKind::PasswordChange:
        return "password-change";
    case DialogueKind::FactorManagement:
        return "factor-management";
    case DialogueKind::SignIn:
        break;
    }
    return "sign-in";
}

Task<conversation::Verdict> flow_of(DialogueKind kind, conversation::Person& person,
                                    Context context, flows::Services services,
                                    std::shared_ptr<flows::SignInTrace> trace) {
    switch (kind) {
    case DialogueKind::Enrolment:
        return flows::enrol(person, std::move(context), std::move(services), std::move(trace));
    case DialogueKind::PasswordChange:
        return flows::change_password(person, std::move(context), std::move(services),
                                      std::move(trace));
    case DialogueKind::FactorManagement:
        return flows::manage_factors(person, std::move(context), std::move(services),
                                     std::move(trace));
    case DialogueKind::SignIn:
        break;
    }
    return flows::sign_in(person, std::move(context), std::move(services), std::move(trace));
}

/// Who of this machine calls: nothing for root's own programs, such as sshd and login.
std::optional<uid_t> local_person(const Context& context) {
    if (!context.caller.is_root()) {
        return context.caller.uid;
    }
    const uid_t real = context.session.real_uid;
    return real != 0 && real != contract::kUnsetId ? std::optional(real) : std::nullopt;
}

/// What a line of the journal needs, without the secrets.
std::shared_ptr<const Context> described(const Context& context) {
    auto line = std::make_shared<Context>();
    line->caller.uid = context.caller.uid;
    line->user = context.user;
    line->account_uid = context.account_uid;
    line->service = context.service;
    line->remote_host = context.remote_host;
    line->tty = context.tty;
    return line;
}

/// The first step, over the bus. What holds a secret waits on the channel instead, and a step that
/// asks nothing stands for it.
void send_first_step(sd_bus_message* call, Channel& channel, const Step& step) {
    if (!holds_secret(step)) {
        send_step(call, step);
        return;
    }
    channel.keep(step);
    Step placeholder;
    placeholder.state = State::Ask;
    send_step(call, placeholder);
}

} // namespace

void DialogueCalls::begin(sd_bus_message* call, DialogueKind kind) {
    std::optional<ContextMessage> context = read_context(call);
    if (!context) {
        reply_error(call, contract::error::kInvalidContext, "the context cannot be read");
        return;
    }
    if (!context->channel) {
        // A module that a running program loaded before an upgrade: this name means to it that
        // nobody can sign in now.
        reply_error(call, contract::error::kBusy,
                    "no channel: the calling program uses an older raxauth; restart it");
        return;
    }
    if (!is_end_of_pair(context->channel.get())) {
        reply_error(call, contract::error::kInvalidContext,
                    "the channel is not an end of a socket pair");
        return;
    }
    dispatcher_.serve(call,
                      serve_begin(BusMessage(sd_bus_message_ref(call)), std::move(*context), kind));
}

Task<void> DialogueCalls::serve_begin(BusMessage call, ContextMessage message, DialogueKind kind) {
    Task<caller::Caller> look_up = dispatcher_.find_caller(call);
    caller::Caller caller = co_await std::move(look_up);
    Task<std::optional<Dispatcher::Accepted>> establishing =
        dispatcher_.establish_or_refuse(call, std::move(caller), std::move(message.claims));
    std::optional<Dispatcher::Accepted> accepted = co_await std::move(establishing);
    if (!accepted) {
        co_return;
    }
    Context& context = accepted->context;
    if (!is_valid_user_name(context.user)) {
        context.user = sanitise(context.user, 64);
        record(rooms_.history, hook_of(kind), context, State::Denied, Reason::InvalidUserName, "");
        send_verdict(call.get(), State::Denied, Reason::InvalidUserName);
        co_return;
    }
    const ConfigurationInForce now = rooms_.configuration();
    if (!now.configuration) {
        record(rooms_.history, hook_of(kind), context, State::Unavailable, Reason::Misconfigured,
               now.trouble);
        send_verdict(call.get(), State::Unavailable, Reason::Misconfigured);
        co_return;
    }
    begin_conversation(call, std::move(context), std::move(message.channel), now.configuration,
                       kind);
}

void DialogueCalls::begin_conversation(const BusMessage& call, Context context, UniqueFd end,
                                       std::shared_ptr<const Configuration> configuration,
                                       DialogueKind kind) {
    const std::shared_ptr<Channel> channel = make_channel(std::move(end));
    auto trace = std::make_shared<flows::SignInTrace>();
    auto held = std::make_shared<Context>(std::move(context));
    trace->wrong_passcode = [hook = hook_of(kind), described = described(*held)](
                                const std::string& account, unsigned number) {
        journal::VerdictLine line = line_for(hook, *described);
        line.account = account;
        journal::wrong_passcode(line, number);
    };
    conversation::Registry::Begin begin;
    begin.claim = claim_of(*held, configuration->settings);
    begin.places = configuration->settings.limits.conversations;
    begin.deadline = configuration->settings.sign_in.deadline;
    begin.proves_identity = kind == DialogueKind::SignIn;
    begin.ended = [line = write_line(hook_of(kind), *held, trace),
                   weak = std::weak_ptr(channel)](const Ending& ending) {
        line(ending);
        if (const auto live = weak.lock()) {
            live->over(ending);
        }
    };
    begin.flow = [this, configuration, held, trace, kind](conversation::Person& person) {
        return flow_of(kind, person, std::move(*held), services_of(rooms_, *configuration), trace);
    };
    auto reply =
        [message = std::shared_ptr<sd_bus_message>(
             sd_bus_message_ref(call.get()), [](sd_bus_message* m) { sd_bus_message_unref(m); }),
         channel](const Step& step) {
            if (guard([&] { send_first_step(message.get(), *channel, step); }) < 0) {
                reply_error(message.get(), SD_BUS_ERROR_FAILED, "the answer could not be sent");
            }
        };
    if (const auto id = rooms_.registry.begin(std::move(begin), std::move(reply))) {
        channel->open(*id);
        return;
    }
    record(rooms_.history, hook_of(kind), *held, State::Unavailable, Reason::TooManyConversations,
           "limits.conversations");
    channels_.erase(channel.get());
    reply_error(call.get(), contract::error::kLimitExceeded, "too many sign-ins at once");
}

conversation::Claim DialogueCalls::claim_of(const Context& context,
                                            const settings::Settings& settings) {
    const settings::LimitSettings& limits = settings.limits;
    const auto origin = limits::origin_of(context.remote_host, context.session.login_uid,
                                          context.account_uid.value_or(contract::kUnsetId));
    const auto account = policy::account_for(settings.accounts, context.user);
    const auto person = local_person(context);
    const bool known =
        origin.own_session || (account && rooms_.limiter.knows(account->name, origin));
    // Nobody far away sits at the console. A server that tells no remote host looks the same, hence
    // the share of one origin below.
    const bool at_the_console = !person && origin.key == limits::kLocalOrigin;
    conversation::Claim claim;
    if (context.account_uid == contract::kUnsetId) {
        claim.standing = Standing::NoSuchName;
    } else if (known || at_the_console) {
        claim.standing = Standing::Known;
    }
    if (person) {
        claim.shares.push_back({fmt::format("uid {}", *person), limits.conversations_per_user});
        return claim;
    }
    claim.shares.push_back(
        {fmt::format("{}\n{}", context.user, origin.key), limits.conversations_per_user});
    if (!known) {
        const std::size_t most =
            conversation::Places::of_origin(limits.conversations, limits.conversations_per_user);
        claim.shares.push_back({origin.key, most});
        if (std::string network = limits::network_of(origin.key); !network.empty()) {
            claim.shares.push_back({std::move(network), most});
        }
    }
    return claim;
}

std::shared_ptr<Channel> DialogueCalls::make_channel(UniqueFd end) {
    auto channel = std::make_shared<Channel>(
        rooms_.loop, rooms_.registry, std::move(end),
        [this](Channel* gone) { rooms_.loop.post([this, gone] { channels_.erase(gone); }); });
    channels_.emplace(channel.get(), channel);
    return channel;
}

/// The `ended` callback of a conversation: the one journal line of each verdict.
std::function<void(const Ending&)>
DialogueCalls::write_line(std::string_view hook, const Context& context,
                          std::shared_ptr<flows::SignInTrace> trace) {
    return [this, hook, described = described(context),
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
        if (ending.by_caller) {
            if (!trace->stage.empty()) {
                why += ", " + trace->stage;
                line.why = why;
            }
            journal::left_without_verdict(line);
        } else {
            rooms_.history.record(line);
        }
    };
}

} // namespace raxauth::bus
