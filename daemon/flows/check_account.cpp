// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/check_account.h"

#include "daemon/flows/reuse.h"
#include "daemon/flows/subject.h"
#include "daemon/policy/access_rules.h"
#include "daemon/policy/account_map.h"

#include <fmt/core.h>

namespace raxauth::flows {
namespace {

using caller::Context;

AccountVerdict no(State state, Reason reason, std::string why, std::string text = {}) {
    AccountVerdict verdict{state, reason, {}, std::move(why)};
    if (!text.empty()) {
        verdict.messages.push_back({contract::MessageKind::Error, std::move(text)});
    }
    return verdict;
}

/// Rules for a user of ours. `account`: who that is at Identity by the configuration as it is now;
/// a session that signed in as somebody else does not count.
AccountVerdict check_our_user(const Context& context,
                              const std::optional<identity::Account>& account, const Services& to) {
    const settings::ServicePolicy policy = to.settings.for_service(context.service);
    if (context.signed_in) {
        return {State::Granted, Reason::LocalRules, {}, "signed in just now"};
    }
    const auto key = sessions::SessionKey::of(context.session, context.user);
    const sessions::Session* session =
        account ? standing_sign_in(key, *account, to.sessions) : nullptr;
    if (session != nullptr) {
        const sessions::SignedIn& proof = session->signed_in;
        const auto refusal =
            policy::judge_user(proof.facts, proof.second_factor, proof.account, policy.access);
        if (refusal) {
            return no(State::Denied, refusal->reason, refusal->rule,
                      fmt::format("Your Rackspace account may not use {} on this host.",
                                  context.service));
        }
        return {State::Granted, Reason::LocalRules, {}, "this session signed in"};
    }
    // A service with rules of its own that cannot be checked, unless without_sign_in decides:
    // sudo's own ticket may have skipped authenticate, and the session's sign-in be over meanwhile.
    const auto own = to.settings.services.find(context.service);
    const bool has_rules = own != to.settings.services.end() && !own->second.without_sign_in &&
                           ((own->second.roles && !own->second.roles->empty()) ||
                            (own->second.domains && !own->second.domains->empty()));
    if (has_rules) {
        return no(
            State::Denied, Reason::NoSignIn,
            fmt::format("[services.{}] has rules and this session has no sign-in", context.service),
            fmt::format("{} asks for a Rackspace sign-in on this host. Run: raxauth login",
                        context.service));
    }
    if (policy.without_sign_in == settings::WithoutSignIn::Deny) {
        return no(State::Denied, Reason::NoSignIn,
                  fmt::format("services.{}.without_sign_in = \"deny\"", context.service),
                  "This host wants a Rackspace sign-in with password and passcode. Connect with "
                  "keyboard-interactive authentication (ssh -o "
                  "PreferredAuthentications=keyboard-interactive).");
    }
    return {State::Granted, Reason::LocalRules, {}, "no rule demands a sign-in"};
}

} // namespace

Task<AccountVerdict> check_account(const Context& context, Services to) {
    Task<LookUp> look_up = find_local_account(context, to);
    LookUp found = co_await std::move(look_up);
    const std::optional<policy::LocalAccount>& local = found.account;
    if (found.failed) {
        co_return no(State::Denied, Reason::LookupFailed, "NSS failed");
    }
    if (!local) {
        co_return no(State::UnknownUser, Reason::UnknownUser, "NSS knows no such user");
    }
    if (policy::is_exempt(to.settings.accounts, *local)) {
        co_return no(State::Ignored, Reason::Exempt, "[accounts] exempts");
    }
    co_return check_our_user(context, policy::account_for(to.settings.accounts, local->name), to);
}

} // namespace raxauth::flows
