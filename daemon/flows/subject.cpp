// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/subject.h"

#include "daemon/policy/account_map.h"

#include <exception>
#include <fmt/core.h>
#include <utility>

namespace raxauth::flows {

using caller::Context;
using conversation::Verdict;

Task<LookUp> find_local_account(const Context& context, const Services& services) {
    const policy::Groups groups = policy::groups_for_exemption(services.settings.accounts);
    LookUp result;
    if (context.account_uid && groups == policy::Groups::Unwanted) {
        if (*context.account_uid != contract::kUnsetId) {
            result.account.emplace(policy::LocalAccount{context.user, *context.account_uid, {}});
        }
        co_return result;
    }
    try {
        const Worker::Order order =
            context.caller.is_root() ? Worker::Order::Urgent : Worker::Order::Plain;
        result.account = co_await services.local_accounts.find(context.user, groups, order);
        // Who was there a moment ago where the module runs has not gone: NSS fails here.
        const bool is_known = context.account_uid && *context.account_uid != contract::kUnsetId;
        result.failed = is_known && !result.account;
    } catch (const std::exception&) {
        result.failed = true;
    }
    co_return result;
}

Task<Subject> find_subject(const Context& context, Services& services) {
    Subject subject;
    subject.service = context.service;
    const LookUp found = co_await find_local_account(context, services);
    const std::optional<policy::LocalAccount>& local = found.account;
    if (found.failed) {
        subject.early = Verdict::refused(State::Denied, Reason::LookupFailed, "NSS failed");
        co_return subject;
    }
    if (!local) {
        subject.refusal =
            Verdict::refused(State::Denied, Reason::UnknownUser, "NSS knows no such user");
        co_return subject;
    }
    subject.user = local->name;
    subject.uid = local->uid;
    if (policy::is_exempt(services.settings.accounts, *local)) {
        subject.early = Verdict::refused(State::Ignored, Reason::Exempt, "[accounts] exempts");
        co_return subject;
    }
    // By the name NSS gives back, not the one that was typed: where NSS knows ALICE as well, she is
    // still the alice of [accounts.map], and not the user called ALICE at the provider.
    const auto account = policy::account_for(services.settings.accounts, local->name);
    if (!account) {
        subject.refusal = Verdict::refused(State::Denied, Reason::Misconfigured,
                                           "accounts.rackspace_user gives no valid name");
        co_return subject;
    }
    subject.account = *account;
    const settings::ServicePolicy policy = services.settings.for_service(context.service);
    if (!services.settings.binds(local->name, policy.access)) {
        Verdict unbound =
            Verdict::refused(State::Denied, Reason::NoBinding,
                             fmt::format("nobody may sign in until the organisation is named: {}",
                                         settings::kBindingAdvice));
        if (!services.settings.binds_anybody()) {
            unbound.messages.push_back(
                {contract::MessageKind::Error,
                 "Nobody can sign in yet: this host's administrator must name the organisation."});
        }
        subject.refusal = std::move(unbound);
        co_return subject;
    }
    // A process that has no login uid yet, a service say, may give itself anybody's (the kernel
    // asks for no privilege then): it is the person's own session only if the person's process
    // asks.
    const caller::SessionFacts& session = context.session;
    const bool borrowed = session.login_uid == subject.uid && session.real_uid != subject.uid;
    subject.origin = limits::origin_of(
        context.remote_host, borrowed ? session.real_uid : session.login_uid, subject.uid);
    co_return subject;
}

bool is_own_session(const Context& context) {
    return context.session.login_uid == context.caller.uid &&
           context.session.real_uid == context.caller.uid;
}

Context context_of_same(const Context& context) {
    Context same;
    same.caller = context.caller;
    same.user = context.user;
    same.account_uid = context.account_uid;
    same.service = context.service;
    same.tty = context.tty;
    same.remote_host = context.remote_host;
    same.remote_user = context.remote_user;
    same.session = context.session;
    same.interactive = context.interactive;
    same.no_reuse = context.no_reuse;
    same.locale = context.locale;
    return same;
}

} // namespace raxauth::flows
