// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/session_access.h"

#include "daemon/flows/reuse.h"
#include "daemon/flows/steps/ended.h"
#include "daemon/flows/steps/refusal_words.h"

#include <fmt/core.h>
#include <utility>

namespace raxauth::flows {

using caller::Context;
using conversation::Person;
using conversation::Verdict;

namespace {

Verdict has_no_sign_in(std::string why, std::string text) {
    return Verdict::refused(State::Denied, Reason::NoSignIn, std::move(why))
        .telling(std::move(text));
}

} // namespace

Task<SessionAccess> open_session_access(Person& person, const Context& context, Services& services,
                                        std::shared_ptr<SignInTrace> trace) {
    const std::string& provider = services.words.name;
    if (services.factors == nullptr) {
        throw Ended{not_offered("Second factors are not managed", services.words)};
    }
    if (!is_own_session(context)) {
        throw Ended{has_no_sign_in("no session of its own",
                                   "This process is not in a login session of your own.")};
    }
    SessionAccess access;
    access.subject = co_await find_subject(context, services);
    trace->account = access.subject.account.name;
    if (access.subject.early) {
        throw Ended{std::move(*access.subject.early)};
    }
    if (access.subject.refusal) {
        throw Ended{std::move(*access.subject.refusal)};
    }
    access.key = sessions::SessionKey::of(context.session, context.user);
    const auto standing = [&access, &services] {
        return standing_sign_in(access.key, access.subject.account, services.sessions);
    };
    const sessions::Session* session = standing();
    // Where tokens are not handed out, somebody at this session's keyboard does not get what a
    // token could do either.
    const bool anew = !services.settings.sessions.user_token;
    if (session == nullptr || anew) {
        if (!context.interactive) {
            throw Ended{has_no_sign_in(
                "no sign-in, and nobody to ask",
                fmt::format("This session has no {} sign-in. Sign in first: raxauth login",
                            provider))};
        }
        Context same = context_of_same(context);
        same.no_reuse = same.no_reuse || anew;
        if (!context.factor.empty()) { // what is to be set up, where the sign-in demands a set-up
            same.factor = context.factor;
            same.arguments = context.arguments;
        }
        Verdict verdict = co_await sign_in(person, std::move(same), services, trace);
        if (verdict.state() != State::Granted) {
            throw Ended{std::move(verdict)};
        }
        session = standing();
    }
    if (session == nullptr || session->signed_in.facts.id.empty()) {
        throw Ended{has_no_sign_in(
            "no entry, no user id",
            fmt::format("This session has no usable {} sign-in. Sign in again: raxauth login",
                        provider))};
    }
    access.token = session->signed_in.token.text().clone();
    access.user_id = session->signed_in.facts.id;
    access.generation = session->generation;
    co_return access;
}

} // namespace raxauth::flows
