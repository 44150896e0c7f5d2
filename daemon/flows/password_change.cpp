// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/password_change.h"

#include "daemon/flows/passcode.h"
#include "daemon/flows/steps/answers.h"
#include "daemon/flows/steps/counted_message.h"
#include "daemon/flows/steps/enrolment_texts.h"
#include "daemon/flows/steps/refusal_words.h"
#include "daemon/journal/journal.h"

#include <fmt/core.h>
#include <utility>

namespace raxauth::flows {
namespace {

using caller::Context;
using contract::MessageKind;
using conversation::Person;
using conversation::Verdict;
using identity::Done;
using identity::FactorAnswer;
using identity::FactorRefusal;

constexpr unsigned kMaxTries = 3;
constexpr const char* kRules = "A new password has 8 to 100 characters, with a capital letter, a "
                               "small letter and a digit among them.";

/// Asks for a new password until the provider accepts one. `note` is shown before the first
/// question.
Task<std::variant<Secret, Verdict>> renew(Person& person, const Context& context,
                                          Services& services, const Subject& subject,
                                          const Secret& present, const Secret& typed,
                                          std::string note) {
    const std::string& provider = services.words.name;
    for (unsigned tries = 0; tries < kMaxTries; ++tries) {
        Secret fresh = co_await ask_one(
            person, MessageKind::Secret,
            fmt::format("{}\n{}\nNew {} password for {}: ", note, kRules, provider, context.user));
        if (fresh.empty()) {
            co_return Verdict::refused(State::Denied, Reason::Cancelled, "no new password")
                .telling("The password was not changed.");
        }
        // A client that knows one answer only gives it to every question: nothing of that is a new
        // password, least of all "password,passcode".
        if (fresh.equals(typed) && (!typed.equals(present) || tries > 0)) {
            co_return ban_password_only_client(
                services.limiter, subject, "the question for a new password",
                "The password has expired, and this client cannot be asked for a new one.");
        }
        if (fresh.equals(present)) {
            note = "The new password has to differ from the present one.";
            continue;
        }
        const Secret again = co_await ask_one(person, MessageKind::Secret,
                                              fmt::format("The new {} password again: ", provider));
        if (!fresh.equals(again)) {
            note = "The two new passwords are not the same.";
            continue;
        }
        const Counted<FactorAnswer<Done>> sent = co_await counted_password_proof(
            services.limiter, subject,
            services.factors->change_password(subject.account, present, fresh));
        if (const auto* limit = std::get_if<limits::LimitRefusal>(&sent)) {
            co_return throttled(*limit, services.clock.wall(), "limits, before a password change");
        }
        const auto* refusal = std::get_if<FactorRefusal>(&std::get<0>(sent));
        if (refusal == nullptr) {
            journal::notice(fmt::format("password changed: user={} account={} service={}",
                                        context.user, subject.account.name, context.service));
            // The provider ends the tokens of the old password.
            services.sessions.flush(context.user);
            co_return fresh;
        }
        if (refusal->cause != FactorRefusal::Cause::Conflict) {
            co_return refusal_of(*refusal, "a new password", services.words);
        }
        note = fmt::format("{} does not accept this password{}{}.", services.words.service,
                           refusal->message.empty() ? "" : ": ", refusal->message);
    }
    co_return Verdict::refused(State::MaxTries, Reason::ManagementRefused, "no usable new password")
        .telling("The password was not changed.");
}

/// What speaks against a change before anything is asked.
std::optional<Verdict> refusal_before_asking(const Context& context, Services& services,
                                             Subject& subject) {
    const identity::ProviderWords& words = services.words;
    if (subject.early) {
        return std::move(*subject.early);
    }
    if (context.caller.is_root() && context.session.real_uid == 0) {
        return Verdict::refused(State::Denied, Reason::NotSupported, "root is not the person")
            .telling(fmt::format("The password of {0} is a {1} password: only {0} can change it, "
                                 "with passwd or \"raxauth password\".",
                                 context.user, words.name));
    }
    if (subject.refusal) {
        return std::move(*subject.refusal);
    }
    if (services.factors == nullptr || !services.identity.capabilities().change_password) {
        return not_offered("Passwords cannot be changed from here", words);
    }
    if (const auto refusal =
            services.limiter.refusal(subject.account.name, subject.origin, subject.service)) {
        return throttled(*refusal, services.clock.wall(), "limiter, before a password change");
    }
    return std::nullopt;
}

} // namespace

Task<std::variant<Secret, Verdict>>
change_expired_password(Person& person, const Context& context, Services& services,
                        const Subject& subject, const Secret& present, const Secret& typed) {
    person.allow(services.settings.sign_in.enrolment_deadline, kEnrolmentDeadline);
    co_return co_await renew(person, context, services, subject, present, typed,
                             fmt::format("The password of this {} account has expired. Choose a "
                                         "new one to go on (an empty line: not now).",
                                         services.words.name));
}

Task<Verdict> change_password(Person& person, Context context, Services services,
                              std::shared_ptr<SignInTrace> trace) {
    Subject subject = co_await find_subject(context, services);
    trace->account = subject.account.name;
    std::optional<Verdict> refusal = refusal_before_asking(context, services, subject);
    if (refusal) {
        co_return std::move(*refusal);
    }
    const std::string& provider = services.words.name;
    person.allow(services.settings.sign_in.enrolment_deadline, kEnrolmentDeadline);
    Secret present;
    if (context.password) {
        present = std::move(*context.password);
    } else {
        present =
            co_await ask_one(person, MessageKind::Password,
                             fmt::format("Present {} password for {}: ", provider, context.user));
    }
    if (present.empty() || is_sshd_junk(present.view())) {
        co_return Verdict::refused(State::Denied, Reason::WrongCredentials, "empty password")
            .telling("The password was not changed.");
    }
    const std::chrono::milliseconds held =
        services.limiter.delay(subject.account.name, subject.origin);
    if (held.count() > 0) {
        co_await services.sleep(held);
    }
    const Secret no_line; // what was typed for this is the password and no more
    std::variant<Secret, Verdict> renewed =
        co_await renew(person, context, services, subject, present, no_line,
                       fmt::format("The new password is valid for everything at {}.", provider));
    if (auto* verdict = std::get_if<Verdict>(&renewed)) {
        co_return std::move(*verdict);
    }
    Verdict done = Verdict::completed(Reason::PasswordChanged).because("Identity accepted it");
    done.correct_password(std::get<Secret>(renewed));
    done.messages.push_back(
        {MessageKind::Info, fmt::format("The {} password is changed. Sessions that were signed in "
                                        "with the old one are no longer valid.",
                                        provider)});
    co_return done;
}

} // namespace raxauth::flows
