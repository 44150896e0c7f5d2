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

AccountVerdict refuse(State state, Reason reason, std::string why, std::string text = {}) {
    AccountVerdict verdict{state, reason, {}, std::move(why)};
    if (!text.empty()) {
        verdict.messages.push_back({contract::MessageKind::Error, std::move(text)});
    }
    return verdict;
}

/// The rules for a user who is managed here. `account` is the one at the provider that the present
/// configuration names; a session that signed in as somebody else does not count.
AccountVerdict check_managed_user(const Context& context, const policy::LocalAccount& local,
                                  const std::optional<identity::Account>& account,
                                  const Services& services) {
    const settings::ServicePolicy policy = services.settings.for_service(context.service);
    if (context.signed_in) {
        return {State::Granted, Reason::LocalRules, {}, "signed in just now"};
    }
    // A program that lets people in may itself have been started from somebody's shell: sshd
    // inherits that audit session and login uid, and what was proven there is no proof of who comes
    // now. An earlier sign-in helps the person's own process alone (sudo, polkit).
    const bool may_help = !settings::is_way_in(context.service) &&
                          context.session.login_uid == local.uid &&
                          context.session.real_uid == local.uid;
    const auto key = sessions::SessionKey::of(context.session, local.name);
    const sessions::Session* session =
        account && may_help ? standing_sign_in(key, *account, services.sessions) : nullptr;
    if (session != nullptr) {
        const sessions::SignedIn& proof = session->signed_in;
        const auto refusal =
            policy::judge_user(proof.facts, proof.second_factor, proof.account, policy.access);
        if (refusal) {
            return refuse(State::Denied, refusal->reason, refusal->rule,
                          fmt::format("Your {} account may not use {} on this host.",
                                      services.words.name, context.service));
        }
        return {State::Granted, Reason::LocalRules, {}, "this session signed in"};
    }
    // A service with rules of its own that cannot be checked, unless without_sign_in decides:
    // sudo's own ticket may have skipped authenticate, and the session's sign-in be over meanwhile.
    switch (services.settings.sign_in_demand(context.service)) {
    case settings::SignInDemand::OwnRules:
        return refuse(
            State::Denied, Reason::NoSignIn,
            fmt::format("[services.{}] has rules and this session has no sign-in", context.service),
            fmt::format("{} asks for a {} sign-in on this host. Run: raxauth login",
                        context.service, services.words.name));
    case settings::SignInDemand::WithoutSignIn:
        return refuse(State::Denied, Reason::NoSignIn,
                      fmt::format("services.{}.without_sign_in = \"deny\"", context.service),
                      fmt::format("This host requires a {} sign-in with password and passcode. "
                                  "Connect with keyboard-interactive authentication (ssh -o "
                                  "PreferredAuthentications=keyboard-interactive).",
                                  services.words.name));
    case settings::SignInDemand::None:
        break;
    }
    return {State::Granted, Reason::LocalRules, {}, "no rule demands a sign-in"};
}

} // namespace

Task<AccountVerdict> check_account(const Context& context, Services services) {
    const LookUp found = co_await find_local_account(context, services);
    const std::optional<policy::LocalAccount>& local = found.account;
    if (found.failed) {
        co_return refuse(State::Denied, Reason::LookupFailed, "NSS failed");
    }
    if (!local) {
        co_return refuse(State::UnknownUser, Reason::UnknownUser, "NSS knows no such user");
    }
    if (policy::is_exempt(services.settings.accounts, *local)) {
        co_return refuse(State::Ignored, Reason::Exempt, "[accounts] exempts");
    }
    co_return check_managed_user(
        context, *local, policy::account_for(services.settings.accounts, local->name), services);
}

} // namespace raxauth::flows
