// SPDX-License-Identifier: Apache-2.0
//
// The procedure of the seed documents, in the order in which things may be found out:
// who is this locally, may they be signed in at all, password, challenge, passcode, judgement.
// Whatever is not a yes at the end is a no. The same prompts are shown, in about the same time,
// for names that do not exist.
#include "daemon/flows/sign_in.h"

#include "daemon/flows/enrolment.h"
#include "daemon/flows/factor_management.h"
#include "daemon/flows/passcode.h"
#include "daemon/flows/password_change.h"
#include "daemon/flows/prompts.h"
#include "daemon/flows/reuse.h"
#include "daemon/flows/subject.h"
#include "daemon/limits/origin.h"
#include "daemon/policy/access_rules.h"

#include <fmt/core.h>
#include <random>
#include <variant>

namespace raxauth::flows {
namespace {

using caller::Context;
using conversation::Message;
using conversation::Person;
using conversation::Verdict;
using identity::Answer;
using identity::Rejected;
using limits::Limiter;
using limits::LimitRefusal;

/// How often something that cannot be a passcode is asked for again before we give up.
constexpr unsigned kMaxUnusableAnswers = 8;
/// How long a refusal takes that Identity was not asked for, before its real time is known.
constexpr std::chrono::milliseconds kTypicalFirstStep{250};

template <class... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

class SignIn {
  public:
    SignIn(Person& person, Context& context, Services& services, SignInTrace& trace)
        : person_(person), context_(context), services_(services), trace_(trace),
          policy_(services.settings.for_service(context.service)) {}

    Task<Verdict> run();

  private:
    Task<std::optional<Verdict>> find_local_account();
    Task<std::optional<Verdict>> reuse_session();
    Task<std::optional<Verdict>> check_session_password(const ReuseDecision& decision);
    Task<bool> token_lives(const ReuseDecision& decision);
    Task<void> obtain_password();
    Task<Verdict> first_step();
    Task<Verdict> second_step(identity::Challenge challenge);
    Task<std::optional<Verdict>> renew_password();
    Task<std::optional<Verdict>> set_up_second_factor();
    Subject this_subject() const;
    Task<std::optional<Verdict>> resend(identity::Challenge& challenge);
    Task<Verdict> submit(const identity::Challenge& challenge, const Secret& passcode);
    Task<Answer> ask_identity_first_step();
    Task<void> go_through_the_motions();
    void settle_first_step(Limiter::Permission& permission, const Answer& answer);

    const Secret* kept_password() const;
    Verdict verdict_of(Answer answer);
    Verdict judged(identity::TokenIssued issued);

    Person& person_;
    Context& context_;
    Services& services_;
    SignInTrace& trace_;
    const settings::ServicePolicy policy_;

    uid_t uid_ = contract::kUnsetId;
    /// What it will come to in any case. The password is asked for all the same: who may not sign
    /// in, and who exists at all, must not show in the prompts.
    std::optional<Verdict> refusal_;
    bool with_api_key_ = false; ///< what was typed turned out to be one
    identity::Account account_;
    limits::Origin origin_;
    Secret typed_; ///< the whole first answer, as a client that knows only one would repeat it
    Secret password_;
    std::optional<Secret> passcode_; ///< from a single line
    unsigned attempts_left_ = 0;
    unsigned resends_left_ = 0;
    std::string note_; ///< for the next passcode prompt
    bool password_renewed_ = false;
    bool enrolled_ = false;
};

Task<Verdict> SignIn::run() {
    std::optional<Verdict> early = co_await find_local_account();
    if (early) {
        co_return std::move(*early);
    }
    if (!refusal_) {
        std::optional<Verdict> reused = co_await reuse_session();
        if (reused) {
            co_return std::move(*reused);
        }
    }
    co_await obtain_password();
    if (refusal_) {
        co_await go_through_the_motions();
        co_return std::move(*refusal_);
    }
    if (password_.empty() || is_sshd_junk(password_.view())) {
        // These would count against the account at Identity; the motions look the same.
        co_await go_through_the_motions();
        co_return Verdict::refused(State::Denied, Reason::WrongCredentials,
                                   password_.empty() ? "empty password"
                                                     : "sshd had refused this user already");
    }
    if (const auto refusal = services_.limiter.refusal(account_.name, origin_)) {
        co_return throttled(*refusal, services_.clock.wall(), "limiter, before the first step");
    }
    const std::chrono::milliseconds held = services_.limiter.delay(account_.name, origin_);
    if (held.count() > 0) {
        co_await services_.sleep(held);
    }
    Verdict verdict = co_await first_step();
    co_return verdict;
}

/// Everything that is decided before a password is asked for. Fills account_ and origin_, or
/// refusal_, for those who are asked all the same.
Task<std::optional<Verdict>> SignIn::find_local_account() {
    Task<Subject> finding = find_subject(context_, services_);
    Subject subject = co_await std::move(finding);
    uid_ = subject.uid;
    account_ = std::move(subject.account);
    trace_.account = account_.name;
    origin_ = std::move(subject.origin);
    refusal_ = std::move(subject.refusal);
    if (subject.early) {
        co_return std::move(*subject.early);
    }
    attempts_left_ = services_.settings.limits.passcode_attempts;
    resends_left_ = services_.settings.limits.resends;
    co_return std::nullopt;
}

/// Does the second factor of this very session count here? A verdict, or nothing: sign in anew.
Task<std::optional<Verdict>> SignIn::reuse_session() {
    const ReuseDecision decision =
        decide_reuse(context_, uid_, account_, policy_, services_.settings.sessions,
                     services_.sessions, services_.clock);
    if (policy_.reuse != settings::Reuse::None) { // for the others there is nothing to explain
        trace_.reuse = decision.why;
    }
    if (decision.mode == settings::Reuse::None) {
        co_return std::nullopt;
    }
    if (decision.mode == settings::Reuse::All) {
        if (decision.recheck) {
            Task<void> gaining = gain_time(person_);
            co_await std::move(gaining);
            const bool lives = co_await token_lives(decision);
            if (!lives) {
                co_return std::nullopt;
            }
        }
    } else {
        std::optional<Verdict> ended = co_await check_session_password(decision);
        if (ended || context_.password) {
            co_return ended; // or, with the password typed already, sign in anew
        }
    }
    std::optional<sessions::Grant> grant =
        services_.sessions.reuse(decision.key, decision.generation);
    if (!grant) {
        co_return std::nullopt;
    }
    co_return Verdict::granted(std::move(*grant)).because(decision.why);
}

/// The first factor of a session whose second factor counts. A verdict when it is wrong; nothing
/// when it is right. When the session's token turns out to live no more, what was typed goes on
/// into a whole sign-in, by context_.password.
Task<std::optional<Verdict>> SignIn::check_session_password(const ReuseDecision& decision) {
    Secret typed;
    if (context_.password) {
        typed = std::move(*context_.password);
        context_.password.reset();
    } else {
        std::vector<Message> question;
        question.push_back(
            session_password_prompt(context_, decision.signed_in_at, services_.clock.wall()));
        Task<std::vector<Secret>> asking = person_.ask(std::move(question));
        std::vector<Secret> answers = co_await std::move(asking);
        typed = std::move(answers.at(0));
    }
    if (typed.empty()) {
        co_return Verdict::refused(State::Denied, Reason::WrongCredentials, "empty password");
    }
    if (decision.recheck) {
        const bool lives = co_await token_lives(decision);
        if (!lives) {
            context_.password = std::move(typed);
            co_return std::nullopt;
        }
    }
    using Check = sessions::SessionStore::PasswordCheck;
    Task<Check> checking =
        services_.sessions.check_password(decision.key, decision.generation, typed.clone());
    const Check check = co_await std::move(checking);
    switch (check) {
    case Check::Right:
        co_return std::nullopt;
    case Check::Wrong:
        co_return Verdict::refused(State::Denied, Reason::WrongCredentials,
                                   "not the password of this session's sign-in");
    case Check::WrongAndOver:
        co_return Verdict::refused(State::MaxTries, Reason::WrongCredentials,
                                   "three wrong passwords: this session's sign-in is dropped")
            .telling("Too many wrong passwords. The sign-in of this session no longer counts.");
    case Check::NoVerifier:
        trace_.reuse = "the session's sign-in ended meanwhile";
        break;
    case Check::NotDone:
        trace_.reuse = "the password could not be compared with that of the session's sign-in";
        break;
    }
    context_.password = std::move(typed);
    co_return std::nullopt;
}

/// Asks Identity, where that was not done lately, whether the session's token still lives.
Task<bool> SignIn::token_lives(const ReuseDecision& decision) {
    const sessions::Session* session = services_.sessions.find(decision.key);
    if (session == nullptr || session->generation != decision.generation) {
        co_return false;
    }
    const Secret token = session->signed_in.token.text().clone();
    const identity::TokenState state = co_await services_.identity.validate(token);
    switch (state) {
    case identity::TokenState::Alive:
        services_.sessions.token_alive(decision.key, decision.generation);
        co_return true;
    case identity::TokenState::Dead:
        services_.sessions.token_dead(decision.key, decision.generation);
        trace_.reuse = "Identity knows the session's token no more";
        co_return false;
    case identity::TokenState::Unknown:
        trace_.reuse = "Identity could not be asked about the session's token";
        co_return services_.settings.sessions.reuse_unverified;
    }
    co_return false;
}

Task<void> SignIn::obtain_password() {
    if (!refusal_) {
        services_.identity.warm(); // the handshake costs nobody anything while the person types
    }
    const bool single = services_.settings.sign_in.single_prompt;
    if (context_.password) {
        typed_ = std::move(*context_.password);
    } else {
        std::vector<Message> question;
        question.push_back(password_prompt(context_, single));
        Task<std::vector<Secret>> asking = person_.ask(std::move(question));
        std::vector<Secret> answers = co_await std::move(asking);
        typed_ = std::move(answers.at(0));
    }
    if (single) {
        SingleLine parts = split_single_line(typed_);
        password_ = std::move(parts.password);
        passcode_ = std::move(parts.passcode);
    } else {
        password_ = typed_.clone();
    }
}

/// A refusal that Identity is not asked for takes about as long as one that it is.
Task<void> SignIn::go_through_the_motions() {
    std::chrono::microseconds typical = services_.identity.reachability().round_trip;
    if (typical.count() <= 0) {
        typical = kTypicalFirstStep;
    }
    static thread_local std::minstd_rand random{std::random_device{}()};
    std::uniform_real_distribution<double> jitter(0.9, 1.2);
    const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::duration<double, std::micro>(static_cast<double>(typical.count()) *
                                                  jitter(random)));
    co_await services_.sleep(wait);
}

/// Step 1 with what was typed as the configuration allows. An API key is tried only where the
/// configuration says so, and only after Identity refused the same words as a password: what was
/// typed is never judged by its look.
Task<Answer> SignIn::ask_identity_first_step() {
    Answer answer = co_await services_.identity.authenticate(
        account_, identity::CredentialKind::Password, password_);
    const auto* rejected = std::get_if<Rejected>(&answer);
    const bool as_key =
        rejected != nullptr && rejected->cause == Rejected::Cause::WrongCredentials &&
        services_.settings.sign_in.credential == settings::CredentialRule::PasswordOrApiKey &&
        !policy_.access.require_mfa;
    if (as_key) {
        with_api_key_ = true;
        answer = co_await services_.identity.authenticate(
            account_, identity::CredentialKind::ApiKey, password_);
    }
    co_return answer;
}

/// Did the request perhaps lead to an SMS? A request that got no answer may have; an answer that is
/// no challenge says no, also a 5xx: an outage must not use up the person's budget.
bool challenge_was_used(const Answer& answer) {
    if (const auto* required = std::get_if<identity::PasscodeRequired>(&answer)) {
        return required->challenge.factor != identity::Factor::OtpDevice;
    }
    if (const auto* lost = std::get_if<identity::Unreachable>(&answer)) {
        return lost->maybe_judged;
    }
    return false;
}

/// Tells the limiter how a first step ended: a wrong password counts before others are let on.
void SignIn::settle_first_step(Limiter::Permission& permission, const Answer& answer) {
    const auto* rejected = std::get_if<Rejected>(&answer);
    if (rejected != nullptr && rejected->cause == Rejected::Cause::WrongCredentials) {
        services_.limiter.password_failed(account_.name, origin_);
    }
    if (!challenge_was_used(answer)) {
        std::get<0>(permission)->not_judged();
    }
    permission = LimitRefusal{};
}

Task<Verdict> SignIn::first_step() {
    Task<Limiter::Permission> asking = services_.limiter.reserve_challenge(account_.name, origin_);
    Limiter::Permission permission = co_await std::move(asking);
    if (const auto* refusal = std::get_if<LimitRefusal>(&permission)) {
        co_return throttled(*refusal, services_.clock.wall(), "limits.challenges");
    }
    Answer answer = co_await ask_identity_first_step();
    settle_first_step(permission, answer);
    if (auto* required = std::get_if<identity::PasscodeRequired>(&answer)) {
        identity::Challenge challenge = std::move(required->challenge);
        Verdict verdict = co_await second_step(std::move(challenge));
        co_return verdict;
    }
    if (services_.factors != nullptr && context_.interactive && !with_api_key_) {
        std::optional<Task<std::optional<Verdict>>> help;
        if (std::holds_alternative<identity::PasswordExpired>(answer) && !password_renewed_) {
            help = renew_password();
        } else if (std::holds_alternative<identity::SetupRequired>(answer) && !enrolled_ &&
                   services_.settings.sign_in.enrol_at_login) {
            help = set_up_second_factor();
        }
        if (help) {
            std::optional<Verdict> ended = co_await std::move(*help);
            if (ended) {
                co_return std::move(*ended);
            }
            Task<void> gaining = gain_time(person_);
            co_await std::move(gaining);
            Task<Verdict> again = first_step();
            Verdict verdict = co_await std::move(again);
            co_return verdict;
        }
    }
    co_return verdict_of(std::move(answer));
}

/// The password has expired: a new one, once, and the sign-in goes on with it.
Task<std::optional<Verdict>> SignIn::renew_password() {
    password_renewed_ = true;
    const Subject subject = this_subject();
    Task<std::variant<Secret, Verdict>> renewing =
        change_expired_password(person_, context_, services_, subject, password_, typed_);
    std::variant<Secret, Verdict> renewed = co_await std::move(renewing);
    if (auto* verdict = std::get_if<Verdict>(&renewed)) {
        co_return std::move(*verdict);
    }
    password_ = std::move(std::get<Secret>(renewed));
    typed_ = password_.clone();
    passcode_.reset();
    co_return std::nullopt;
}

/// Identity demands MFA and the account has none: it is set up here, once, and then proven.
Task<std::optional<Verdict>> SignIn::set_up_second_factor() {
    enrolled_ = true;
    const Subject subject = this_subject();
    Task<std::optional<Verdict>> enrolling =
        enrol_at_sign_in(person_, context_, services_, subject, password_, typed_, trace_);
    std::optional<Verdict> ended = co_await std::move(enrolling);
    if (ended) {
        co_return ended;
    }
    passcode_.reset();
    note_ = "Your second factor is set up. Now sign in with it.";
    co_return std::nullopt;
}

Subject SignIn::this_subject() const {
    Subject subject;
    subject.uid = uid_;
    subject.account = account_;
    subject.origin = origin_;
    return subject;
}

/// Asks for passcodes until one is right, or there is nothing left to ask for.
Task<Verdict> SignIn::second_step(identity::Challenge challenge) {
    unsigned unusable = 0;
    while (unusable < kMaxUnusableAnswers) {
        Secret typed;
        const bool sms = challenge.factor != identity::Factor::OtpDevice;
        if (passcode_) {
            typed = std::move(*passcode_);
            passcode_.reset();
        } else {
            std::vector<Message> question;
            question.push_back(passcode_prompt(
                context_, {challenge.factor, sms && resends_left_ > 0, std::move(note_)}));
            note_.clear();
            Task<std::vector<Secret>> asking = person_.ask(std::move(question));
            std::vector<Secret> answers = co_await std::move(asking);
            typed = std::move(answers.at(0));
        }
        // sshd's PasswordAuthentication gives its one answer to every prompt (pam-facts 3).
        if (!typed.empty() && (typed.equals(typed_) || typed.equals(password_))) {
            services_.limiter.ban_password_only_client(account_.name, origin_);
            co_return Verdict::refused(State::Denied, Reason::PasswordOnlyClient,
                                       "the client answered the passcode prompt with the password; "
                                       "sshd needs KbdInteractiveAuthentication yes")
                .telling("This client cannot be asked for a passcode: it sent the password again.");
        }
        const std::string_view text = typed.view();
        if (text.empty() || text == "r" || text == "R") {
            ++unusable;
            if (!sms || resends_left_ == 0) {
                note_ = sms ? "No further SMS will be sent in this sign-in."
                            : "Codes of an authenticator app are not sent.";
                continue;
            }
            std::optional<Verdict> ended = co_await resend(challenge);
            if (ended) {
                co_return std::move(*ended);
            }
            continue;
        }
        const std::optional<Secret> passcode = passcode_from(text);
        if (!passcode) {
            ++unusable;
            note_ = "A passcode consists of digits only.";
            continue;
        }
        Verdict verdict = co_await submit(challenge, *passcode);
        const bool again = verdict.state() == State::Denied &&
                           verdict.reason() == Reason::WrongCredentials && attempts_left_ > 0;
        if (!again) {
            co_return verdict;
        }
        note_ = fmt::format("That passcode was not accepted; {} left.",
                            attempts_left_ == 1 ? "1 attempt"
                                                : fmt::format("{} attempts", attempts_left_));
    }
    co_return Verdict::refused(State::MaxTries, Reason::WrongCredentials,
                               "no usable answer at the passcode prompt");
}

/// The person asked for a new code: step 1 once more, which sends an SMS. Nothing when it did, with
/// the new challenge in place of the old.
Task<std::optional<Verdict>> SignIn::resend(identity::Challenge& challenge) {
    Task<Limiter::Permission> asking = services_.limiter.reserve_challenge(account_.name, origin_);
    Limiter::Permission permission = co_await std::move(asking);
    if (std::holds_alternative<LimitRefusal>(permission)) {
        resends_left_ = 0;
        note_ = "No further SMS will be sent for now; the last code still counts.";
        co_return std::nullopt;
    }
    --resends_left_;
    Answer answer = co_await services_.identity.authenticate(
        account_, identity::CredentialKind::Password, password_);
    settle_first_step(permission, answer);
    if (auto* required = std::get_if<identity::PasscodeRequired>(&answer)) {
        challenge = std::move(required->challenge);
        note_ = "A new code has been requested.";
        co_return std::nullopt;
    }
    co_return verdict_of(std::move(answer));
}

/// One passcode to Identity. WrongCredentials with attempts_left_ means: may be asked again.
Task<Verdict> SignIn::submit(const identity::Challenge& challenge, const Secret& passcode) {
    Task<Limiter::Permission> asking = services_.limiter.reserve_passcode(account_.name, origin_);
    Limiter::Permission permission = co_await std::move(asking);
    if (const auto* refusal = std::get_if<LimitRefusal>(&permission)) {
        attempts_left_ = 0;
        co_return throttled(*refusal, services_.clock.wall(), "limits.wrong_passcodes");
    }
    Limiter::Attempt& attempt = *std::get<0>(permission);
    --attempts_left_;
    Answer answer = co_await services_.identity.submit_passcode(account_, challenge, passcode);
    const auto* rejected = std::get_if<Rejected>(&answer);
    const auto* lost = std::get_if<identity::Unreachable>(&answer);
    // Whatever else comes may have been counted at Identity, so it is counted here.
    const bool not_judged =
        (rejected != nullptr && rejected->cause == Rejected::Cause::SessionExpired) ||
        (lost != nullptr && !lost->maybe_judged) ||
        std::holds_alternative<identity::Throttled>(answer) ||
        std::holds_alternative<identity::Disabled>(answer);
    if (not_judged) {
        attempt.not_judged();
    } else if (std::holds_alternative<identity::TokenIssued>(answer)) {
        attempt.accepted();
    }
    if (rejected != nullptr && rejected->cause == Rejected::Cause::WrongPasscode) {
        if (attempts_left_ == 0) {
            co_return Verdict::refused(State::MaxTries, Reason::WrongCredentials, "wrong passcode")
                .telling("That passcode was not accepted.");
        }
        co_return Verdict::refused(State::Denied, Reason::WrongCredentials, "wrong passcode");
    }
    if (std::holds_alternative<identity::PasscodeRequired>(answer)) {
        // A challenge in answer to a passcode is no answer; the code may have been judged.
        co_return Verdict::refused(State::Unavailable, Reason::IdentityFault,
                                   "a challenge in answer to a passcode");
    }
    co_return verdict_of(std::move(answer));
}

/// What later PAM calls of the session may compare with; an API key is no password.
const Secret* SignIn::kept_password() const {
    return with_api_key_ ? nullptr : &password_;
}

/// The only way from Identity's answer to `granted`.
Verdict SignIn::judged(identity::TokenIssued issued) {
    auto judgement = policy::judge(std::move(issued), account_, policy_.access);
    if (const auto* refusal = std::get_if<policy::AccessRefusal>(&judgement)) {
        Verdict verdict = Verdict::refused(State::Denied, refusal->reason, refusal->rule);
        return refusal->reason == Reason::MfaRequired
                   ? std::move(verdict).telling(
                         "This host demands multi-factor authentication, and this Rackspace "
                         "account signed in without it. Set it up in the Cloud Control Panel.")
                   : std::move(verdict).telling("This Rackspace account may not sign in here.");
    }
    services_.limiter.signed_in(account_.name, origin_);
    return Verdict::granted(
        services_.sessions.accept(std::get<policy::Admission>(std::move(judgement)), context_,
                                  account_, uid_, kept_password()));
}

Verdict SignIn::verdict_of(Answer answer) {
    const auto refuse = [](State state, Reason reason, std::string why, const char* text) {
        return Verdict::refused(state, reason, std::move(why)).telling(text);
    };
    return std::visit(
        Overloaded{
            [this](identity::TokenIssued&& issued) { return judged(std::move(issued)); },
            [&](identity::PasscodeRequired&&) {
                return Verdict::refused(State::Unavailable, Reason::IdentityFault,
                                        "an unexpected challenge");
            },
            [&](Rejected&& rejected) {
                switch (rejected.cause) {
                case Rejected::Cause::WrongCredentials:
                    return Verdict::refused(State::Denied, Reason::WrongCredentials,
                                            "Identity refused user name or password");
                case Rejected::Cause::WrongPasscode:
                    return Verdict::refused(State::Denied, Reason::WrongCredentials,
                                            "wrong passcode");
                case Rejected::Cause::SessionExpired:
                    return refuse(State::Denied, Reason::SessionExpired,
                                  "the MFA session of Identity expired",
                                  "The passcode came too late. Please start over.");
                case Rejected::Cause::AccessRefused:
                    return refuse(State::Denied, Reason::AccessRefused,
                                  "Identity refused the tenant or domain",
                                  "This Rackspace account may not sign in here.");
                }
                return Verdict::refused(State::Denied, Reason::InternalFault, "unknown rejection");
            },
            [&](identity::Locked&&) {
                return refuse(State::Denied, Reason::AccountLocked, "locked at Identity",
                              "This Rackspace account is locked after too many wrong passcodes. "
                              "Wait half an hour, or ask your Rackspace account administrator.");
            },
            [&](identity::Disabled&&) {
                return refuse(State::Denied, Reason::AccountDisabled, "disabled at Identity",
                              "This Rackspace account is disabled. Ask your Rackspace account "
                              "administrator.");
            },
            [&](identity::SetupRequired&&) {
                return refuse(State::Denied, Reason::MfaSetupRequired,
                              "Identity demands MFA and the account has none", kSetUpElsewhere);
            },
            [&](identity::PasswordExpired&&) {
                return refuse(State::Expired, Reason::PasswordExpired, "AUTH-001",
                              "The password of this Rackspace account has expired. Change it in "
                              "the Cloud Control Panel, then try again.");
            },
            [&](identity::Throttled&& throttled) {
                return refuse(State::Unavailable, Reason::Throttled,
                              throttled.retry_after
                                  ? fmt::format("Identity limits our rate; retry after {} s",
                                                throttled.retry_after->count())
                                  : std::string("Identity limits our rate"),
                              "Rackspace Identity is refusing requests for now. Try again in a "
                              "minute.");
            },
            [&](identity::Unreachable&& lost) {
                return refuse(State::Unavailable, Reason::IdentityUnreachable,
                              std::move(lost.detail),
                              "Rackspace Identity cannot be reached from this host.");
            },
            [&](identity::Fault&& fault) {
                return refuse(State::Unavailable, Reason::IdentityFault, std::move(fault.detail),
                              "Rackspace Identity gave no usable answer. Try again later.");
            },
        },
        std::move(answer));
}

} // namespace

Task<Verdict> sign_in(Person& person, Context context, Services services,
                      std::shared_ptr<SignInTrace> trace) {
    SignIn procedure(person, context, services, *trace);
    Verdict verdict = co_await procedure.run();
    co_return verdict;
}

} // namespace raxauth::flows
