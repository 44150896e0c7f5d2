// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/dispatcher.h"

#include "common/bus_contract.h"
#include "daemon/bus/context_message.h"
#include "daemon/bus/process_facts.h"
#include "daemon/bus/reply_values.h"
#include "daemon/bus/verdict_lines.h"
#include "daemon/journal/journal.h"

#include <utility>

namespace raxauth::bus {
namespace {

using caller::Caller;
using caller::Context;

/// Calls being served at once, conversations aside: of one connection (who it is may not be known
/// yet), and of all. One user has 256 connections at most (dbus-daemon(1),
/// max_connections_per_user) and so cannot fill the table.
constexpr std::size_t kMaxServingOfSender = 8;
constexpr std::size_t kMaxServing = 4096;

} // namespace

Dispatcher::Dispatcher(const Rooms& rooms, sd_bus* bus)
    : rooms_(rooms), callers_(bus), shares_(rooms.clock) {}

void Dispatcher::serve(sd_bus_message* call, Task<void> task) {
    const std::string sender = sd_bus_message_get_sender(call);
    const auto earlier = served_senders_.find(sender);
    if (serving_.size() >= kMaxServing ||
        (earlier != served_senders_.end() && earlier->second >= kMaxServingOfSender)) {
        reply_error(call, contract::error::kLimitExceeded, "too many calls at once");
        return;
    }
    const std::uint64_t id = ++last_served_;
    // A task that fails has nobody to tell but the journal and the caller.
    auto whole = [](Dispatcher& self, std::uint64_t number, BusMessage message,
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
            self.count_out(number);           // now: what is posted waits as long as calls come
            self.rooms_.loop.post([&self, number] { self.served(number); });
        }
    };
    Job job = Job::start(whole(*this, id, BusMessage(sd_bus_message_ref(call)), std::move(task)));
    if (!job.finished()) {
        serving_.emplace(id, Served{sender, std::move(job)});
        ++served_senders_[sender];
    }
}

void Dispatcher::count_out(std::uint64_t id) {
    const auto sender = served_senders_.find(serving_.at(id).sender);
    if (--sender->second == 0) {
        served_senders_.erase(sender);
    }
}

void Dispatcher::served(std::uint64_t id) {
    serving_.erase(id);
}

Task<Caller> Dispatcher::find_caller(const BusMessage& call) {
    return callers_.find(sd_bus_message_get_sender(call.get()));
}

Task<bool> Dispatcher::is_from_root(const BusMessage& call) {
    Task<Caller> look_up = find_caller(call);
    const Caller caller = co_await std::move(look_up);
    if (!caller.is_root()) {
        // The name that the bus policy, too, refuses with.
        reply_error(call.get(), SD_BUS_ERROR_ACCESS_DENIED, "only root may call this");
    }
    co_return caller.is_root();
}

void Dispatcher::tell_of_hidden_processes() {
    if (!std::exchange(told_of_hidden_, true)) {
        journal::error("/proc is mounted with hidepid=: raxauthd cannot see who calls, and serves "
                       "root's programs only. Mount it without, or with gid= of a group that "
                       "raxauth is in");
    }
}

Task<Dispatcher::Established> Dispatcher::establish(Caller caller, Context claims) {
    Established established;
    const auto refuse = [&established](const char* error, const char* text) {
        established.who = Refusal{error, text};
    };
    Context context = std::move(claims);
    if (!caller.is_root()) {
        established.share = std::make_unique<CallerShares::Place>(shares_, caller.uid);
        if (!established.share->taken()) {
            refuse(contract::error::kLimitExceeded, "too many calls; wait a second");
            co_return established;
        }
        keep_what_anybody_may_say(context);
        const auto facts = session_facts_of(caller.pid, caller.uid);
        if (!facts && are_processes_hidden()) {
            tell_of_hidden_processes();
            refuse(contract::error::kAccessDenied,
                   "raxauthd cannot see your process: /proc is mounted with hidepid=");
            co_return established;
        }
        std::optional<policy::LocalAccount> self;
        if (facts) {
            Task<std::optional<policy::LocalAccount>> by_uid =
                rooms_.local_accounts.find(caller.uid);
            std::optional<policy::LocalAccount> found = co_await std::move(by_uid);
            self = std::move(found);
        }
        if (!self || (!context.user.empty() && context.user != self->name) ||
            !callers_.present(caller.unique_name)) {
            refuse(contract::error::kAccessDenied, "you may act for your own account only");
            co_return established;
        }
        context.user = self->name;
        context.account_uid = self->uid;
        context.service = "user";
        context.session = *facts;
    }
    context.caller = std::move(caller);
    if (context.user.empty()) {
        refuse(contract::error::kInvalidContext, "the context names no user");
        co_return established;
    }
    established.who = std::move(context);
    co_return established;
}

Task<std::optional<Dispatcher::Accepted>>
Dispatcher::establish_or_refuse(const BusMessage& call, Caller caller, Context claims) {
    const Caller asking = caller;
    const std::string asked_for = claims.user;
    Task<Established> establishing = establish(std::move(caller), std::move(claims));
    Established established = co_await std::move(establishing);
    if (const auto* refusal = std::get_if<Refusal>(&established.who)) {
        if (refusal->error == contract::error::kAccessDenied && !asked_for.empty()) {
            const char* const member = sd_bus_message_get_member(call.get());
            const bool is_account = std::string_view(member) == contract::method::kCheckAccount;
            record_foreign(rooms_.history, is_account ? "account" : "sign-in", asking, asked_for);
        }
        reply_error(call.get(), refusal->error, refusal->text);
        co_return std::nullopt;
    }
    std::optional<Accepted> accepted;
    accepted.emplace();
    accepted->context = std::get<Context>(std::move(established.who));
    accepted->share = std::move(established.share);
    co_return accepted;
}

} // namespace raxauth::bus
