// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/reuse.h"

#include "daemon/policy/access_rules.h"

#include <fmt/core.h>

namespace raxauth::flows {

using settings::Reuse;

const sessions::Session* standing_sign_in(const sessions::SessionKey& key,
                                          const identity::Account& account,
                                          sessions::SessionStore& sessions) {
    const sessions::Session* session = sessions.find(key);
    const bool counts = session != nullptr && session->signed_in.account == account;
    return counts ? session : nullptr;
}

ReuseDecision decide_reuse(const caller::Context& context, uid_t account_uid,
                           const identity::Account& account, const settings::ServicePolicy& policy,
                           const settings::SessionSettings& settings,
                           sessions::SessionStore& sessions, const Clock& clock) {
    ReuseDecision decision;
    const auto refuse = [&decision](std::string why) {
        decision.why = std::move(why);
        return decision;
    };
    if (context.no_reuse) {
        return refuse("no_reuse on the module's line");
    }
    if (policy.reuse == Reuse::None) {
        return refuse(fmt::format("reuse is \"none\" for {}", context.service));
    }
    decision.key = sessions::SessionKey::of(context.session, context.user);
    if (!decision.key.is_set()) {
        return refuse("not inside a login session");
    }
    if (context.session.login_uid != account_uid || context.session.real_uid != account_uid) {
        return refuse("the session, or the calling process, is another user's");
    }
    if (!context.remote_user.empty() && context.remote_user != context.user) {
        return refuse("asked for by another user");
    }
    const sessions::Session* session = standing_sign_in(decision.key, account, sessions);
    if (session == nullptr) {
        return refuse(sessions.find(decision.key) == nullptr
                          ? "no sign-in in this session"
                          : "this session signed in with another account or tenant than is "
                            "configured now");
    }
    const sessions::SignedIn& proof = session->signed_in;
    decision.generation = session->generation;
    decision.signed_in_at = proof.at;
    // By both clocks: the wall clock can be set back, the other stands still while the host sleeps.
    const auto age = clock.wall() - proof.at;
    if (age < WallTime::duration::zero() || age > policy.reuse_for ||
        clock.monotonic() - proof.at_monotonic > policy.reuse_for) {
        return refuse("the sign-in is older than reuse_for");
    }
    if (const auto refusal =
            policy::judge_user(proof.facts, proof.second_factor, proof.account, policy.access)) {
        return refuse(refusal->rule);
    }
    if (policy.reuse == Reuse::Passcode && !proof.verifier) {
        return refuse("no password to compare with is held for this session");
    }
    decision.mode = policy.reuse;
    decision.recheck = clock.monotonic() - proof.checked > settings.recheck_after;
    decision.why = fmt::format("reuse = \"{}\" for {}",
                               policy.reuse == Reuse::All ? "all" : "passcode", context.service);
    return decision;
}

std::optional<std::string> lost_since(const ReuseDecision& before, const ReuseDecision& now) {
    if (now.mode == before.mode && now.generation == before.generation) {
        return std::nullopt;
    }
    return now.mode == Reuse::None ? now.why : "the session's sign-in ended meanwhile";
}

} // namespace raxauth::flows
