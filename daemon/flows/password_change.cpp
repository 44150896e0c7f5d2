// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/password_change.h"

#include "daemon/flows/factor_management.h"
#include "daemon/flows/passcode.h"
#include "daemon/journal/journal.h"

#include <fmt/core.h>
#include <utility>

namespace raxauth::flows {
namespace {

using caller::Context;
using contract::MessageKind;
using conversation::Message;
using conversation::Person;
using conversation::Verdict;
using identity::Done;
using identity::FactorAnswer;
using identity::FactorRefusal;

constexpr unsigned kMaxTries = 3;
constexpr const char* kRules = "A new password has 8 to 100 characters, with a capital letter, a "
                               "small letter and a digit among them.";

Task<Secret> ask(Person& person, MessageKind kind, std::string text) {
    std::vector<Message> questions;
    questions.push_back({kind, std::move(text)});
    Task<std::vector<Secret>> asking = person.ask(std::move(questions));
    std::vector<Secret> answers = co_await std::move(asking);
    co_return std::move(answers.at(0));
}

/// Asks for a new password until Identity takes one. `opening` is shown before the first question.
Task<std::variant<Secret, Verdict>> renew(Person& person, const Context& context,
                                          Services& services, const Subject& subject,
                                          const Secret& present, const Secret& typed,
                                          std::string opening) {
    std::string note = std::move(opening);
    for (unsigned tries = 0; tries < kMaxTries; ++tries) {
        Task<Secret> asking =
            ask(person, MessageKind::Secret,
                fmt::format("{}\n{}\nNew Rackspace password for {}: ", note, kRules, context.user));
        Secret fresh = co_await std::move(asking);
        if (fresh.empty()) {
            co_return Verdict::refused(State::Denied, Reason::Cancelled, "no new password")
                .telling("The password was not changed.");
        }
        // A client that knows one answer only gives it to every question: nothing of that is a new
        // password, least of all "password,passcode".
        if (fresh.equals(typed) && (!typed.equals(present) || tries > 0)) {
            services.limiter.ban_password_only_client(subject.account.name, subject.origin);
            co_return Verdict::refused(State::Denied, Reason::PasswordOnlyClient,
                                       "the client gave its one answer for a new password; sshd "
                                       "needs KbdInteractiveAuthentication yes")
                .telling(
                    "The password has expired, and this client cannot be asked for a new one.");
        }
        if (fresh.equals(present)) {
            note = "The new password has to differ from the present one.";
            continue;
        }
        Task<Secret> confirming =
            ask(person, MessageKind::Secret, "The new Rackspace password again: ");
        const Secret again = co_await std::move(confirming);
        if (!fresh.equals(again)) {
            note = "Those two were not the same.";
            continue;
        }
        // A guess at the password as any first step is: counted before it is sent.
        Task<limits::Limiter::Permission> permitting =
            services.limiter.reserve_challenge(subject.account.name, subject.origin);
        limits::Limiter::Permission permission = co_await std::move(permitting);
        if (const auto* limit = std::get_if<limits::LimitRefusal>(&permission)) {
            co_return throttled(*limit, services.clock.wall(), "limits, before a password change");
        }
        Task<FactorAnswer<Done>> changing =
            services.factors->change_password(subject.account, present, fresh);
        const FactorAnswer<Done> changed = co_await std::move(changing);
        const auto* refusal = std::get_if<FactorRefusal>(&changed);
        if (refusal != nullptr && refusal->cause == FactorRefusal::Cause::WrongPassword) {
            services.limiter.password_failed(subject.account.name, subject.origin);
        }
        if (refusal == nullptr || refusal->status != 0) {
            std::get<0>(permission)->not_judged(); // an answer, and no challenge: no SMS
        }
        permission = limits::LimitRefusal{};
        if (refusal == nullptr) {
            journal::notice(fmt::format("password changed: user={} account={} service={}",
                                        context.user, subject.account.name, context.service));
            // Identity ends the tokens of the old password.
            services.sessions.flush(context.user);
            co_return fresh;
        }
        if (refusal->cause != FactorRefusal::Cause::Conflict) {
            co_return refused_by_identity(*refusal, "a new password");
        }
        note = fmt::format("Rackspace Identity does not take this password{}{}.",
                           refusal->message.empty() ? "" : ": ", refusal->message);
    }
    co_return Verdict::refused(State::MaxTries, Reason::ManagementRefused, "no usable new password")
        .telling("The password was not changed.");
}

} // namespace

Task<std::variant<Secret, Verdict>>
change_expired_password(Person& person, const Context& context, Services& services,
                        const Subject& subject, const Secret& present, const Secret& typed) {
    person.allow(services.settings.sign_in.enrolment_deadline);
    Task<std::variant<Secret, Verdict>> renewing =
        renew(person, context, services, subject, present, typed,
              "The password of this Rackspace account has expired. Choose a new one to go on (an "
              "empty line: not now).");
    std::variant<Secret, Verdict> renewed = co_await std::move(renewing);
    co_return renewed;
}

Task<Verdict> change_password(Person& person, Context context, Services services,
                              std::shared_ptr<SignInTrace> trace) {
    Task<Subject> finding = find_subject(context, services);
    Subject subject = co_await std::move(finding);
    trace->account = subject.account.name;
    if (subject.early) {
        co_return std::move(*subject.early);
    }
    if (context.caller.is_root() && context.session.real_uid == 0) {
        co_return Verdict::refused(State::Denied, Reason::NotSupported, "root is not the person")
            .telling(fmt::format("The password of {0} is a Rackspace password: only {0} can change "
                                 "it, with passwd or \"raxauth password\".",
                                 context.user));
    }
    if (subject.refusal) {
        co_return std::move(*subject.refusal);
    }
    if (services.factors == nullptr) {
        co_return Verdict::refused(State::Denied, Reason::NotSupported,
                                   "this identity service changes no passwords");
    }
    if (const auto refusal = services.limiter.refusal(subject.account.name, subject.origin)) {
        co_return throttled(*refusal, services.clock.wall(), "limiter, before a password change");
    }
    person.allow(services.settings.sign_in.enrolment_deadline);
    Secret present;
    if (context.password) {
        present = std::move(*context.password);
    } else {
        Task<Secret> asking = ask(person, MessageKind::Password,
                                  fmt::format("Present Rackspace password for {}: ", context.user));
        present = co_await std::move(asking);
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
    Task<std::variant<Secret, Verdict>> renewing =
        renew(person, context, services, subject, present, no_line,
              "The password is Rackspace's, for all "
              "that you use there.");
    std::variant<Secret, Verdict> renewed = co_await std::move(renewing);
    if (auto* verdict = std::get_if<Verdict>(&renewed)) {
        co_return std::move(*verdict);
    }
    Verdict done = Verdict::completed(Reason::PasswordChanged).because("Identity took it");
    done.messages.push_back({MessageKind::Info,
                             "The Rackspace password is changed. Sessions that were signed in with "
                             "the old one count no more."});
    co_return done;
}

} // namespace raxauth::flows
