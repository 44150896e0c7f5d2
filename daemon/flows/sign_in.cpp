// SPDX-License-Identifier: Apache-2.0
//
// A sign-in, in the order in which things may be found out: who is this locally, may they be signed
// in at all, password, challenge, passcode, judgement. Whatever is not a yes at the end is a no.
// The same prompts are shown, in about the same time, for names that do not exist.
#include "daemon/flows/sign_in.h"

#include "daemon/flows/enrolment.h"
#include "daemon/flows/passcode.h"
#include "daemon/flows/password_change.h"
#include "daemon/flows/prompts.h"
#include "daemon/flows/reuse.h"
#include "daemon/flows/steps/answers.h"
#include "daemon/flows/steps/counted_message.h"
#include "daemon/flows/steps/first_step_time.h"
#include "daemon/flows/steps/refusal_words.h"
#include "daemon/flows/subject.h"
#include "daemon/policy/access_rules.h"

#include <fmt/core.h>
#include <variant>

namespace raxauth::flows {
namespace {

using caller::Context;
using conversation::Person;
using conversation::Verdict;
using identity::Answer;
using identity::Rejected;
using limits::Limiter;
using limits::LimitRefusal;

/// Answers that cannot be a passcode, before we give up.
constexpr unsigned kMaxUnusableAnswers = 8;

/// The earlier sign-in of this session does not count: a whole sign-in has to follow.
struct SignInAnew {
    std::optional<Secret> typed; ///< the password, where it was typed already
};
/// The first factor of a session whose second factor counts.
struct RightPassword {};
using PasswordOutcome = std::variant<RightPassword, Verdict, SignInAnew>;

/// Sent to the person's phone, perhaps. An older server says so of everybody.
bool comes_as_message(const identity::Challenge& challenge) {
    return challenge.factor != identity::Factor::OtpDevice;
}

class SignIn {
  public:
    SignIn(Person& person, Context& context, Services& services, SignInTrace& trace)
        : person_(person), context_(context), services_(services), trace_(trace),
          policy_(services.settings.for_service(context.service)),
          given_(std::exchange(context.password, std::nullopt)),
          attempts_left_(services.settings.limits.passcode_attempts),
          resends_left_(services.identity.capabilities().resend_passcode
                            ? services.settings.limits.resends
                            : 0) {}

    Task<Verdict> run();

  private:
    ReuseDecision decide() const;
    bool still_holds(const ReuseDecision& decision);
    Task<std::variant<Verdict, SignInAnew>> reuse_session();
    Task<PasswordOutcome> check_session_password(const ReuseDecision& decision);
    Task<bool> token_lives(const ReuseDecision& decision);
    Task<void> obtain_password(std::optional<Secret> typed);
    Task<std::optional<Verdict>> ask_before_the_first_step(limits::PasswordOnly client);
    Task<Verdict> first_step();
    Task<Verdict> second_step(identity::Challenge challenge);
    Task<std::optional<Verdict>> renew_password();
    Task<std::optional<Verdict>> set_up_second_factor();
    Task<Secret> ask_for_passcode(const identity::Challenge& challenge);
    Task<std::optional<Verdict>> resend(identity::Challenge& challenge);
    Task<Verdict> submit(const identity::Challenge& challenge, const Secret& passcode);
    Task<Answer> authenticate_with_what_was_typed();

    const std::string& account_name() const { return subject_.account.name; }
    const Secret* password_to_keep() const;
    bool is_the_password(const Secret& answer) const;
    Verdict refuse_password_only_client();
    void note_messages_left();
    Verdict after_wrong_passcode(Verdict verdict);
    Verdict conclude(Answer answer);
    Verdict admit(identity::TokenIssued issued);

    Person& person_;
    Context& context_;
    Services& services_;
    SignInTrace& trace_;
    const settings::ServicePolicy policy_;

    Subject subject_;
    bool with_api_key_ = false;   ///< what was typed turned out to be one
    std::optional<Secret> given_; ///< the password that the stack had already
    Secret typed_; ///< the whole first answer, as a client that knows only one would repeat it
    Secret password_;
    std::optional<Secret> passcode_; ///< from a single line
    unsigned attempts_left_;
    unsigned resends_left_;
    unsigned passcodes_sent_ = 0;
    std::string note_; ///< for the next passcode prompt
    limits::SignInProof proof_ = limits::SignInProof::WithoutPasscode;
    bool password_renewed_ = false;
    bool enrolled_ = false;
};

Task<Verdict> SignIn::run() {
    subject_ = co_await find_subject(context_, services_);
    if (!subject_.user.empty()) {
        // Sessions are found by it: where NSS takes ALICE for alice, both are one person's.
        context_.user = subject_.user;
    }
    trace_.account = account_name();
    if (subject_.early) {
        co_return std::move(*subject_.early);
    }
    std::optional<Secret> typed;
    if (!subject_.refusal) {
        std::variant<Verdict, SignInAnew> reused = co_await reuse_session();
        if (auto* verdict = std::get_if<Verdict>(&reused)) {
            co_return std::move(*verdict);
        }
        typed = std::move(std::get<SignInAnew>(reused).typed);
    }
    co_await obtain_password(std::move(typed));
    if (subject_.refusal) {
        co_await take_the_time_of_a_first_step(services_);
        co_return std::move(*subject_.refusal);
    }
    if (password_.empty() || is_sshd_junk(password_.view())) {
        // These would count against the account at Identity; it must not show that it was not
        // asked.
        co_await take_the_time_of_a_first_step(services_);
        co_return Verdict::refused(State::Denied, Reason::WrongCredentials,
                                   password_.empty() ? "empty password"
                                                     : "sshd had refused this user already");
    }
    if (const auto refusal =
            services_.limiter.refusal(account_name(), subject_.origin, subject_.service)) {
        if (!refusal->ban) {
            co_return throttled(*refusal, services_.clock.wall(), "limiter, before the first step");
        }
        std::optional<Verdict> ended = co_await ask_before_the_first_step(*refusal->ban);
        if (ended) {
            co_return std::move(*ended);
        }
    }
    const std::chrono::milliseconds held = services_.limiter.delay(account_name(), subject_.origin);
    if (held.count() > 0) {
        co_await services_.sleep(held);
    }
    co_return co_await first_step();
}

/// This client answered a passcode prompt of this service with the password, or with nothing. It
/// gets no further text message until it has shown that it can be asked: nothing, when it has.
Task<std::optional<Verdict>> SignIn::ask_before_the_first_step(limits::PasswordOnly client) {
    if (!passcode_) {
        PasscodePrompt prompt;
        prompt.nothing_sent = true;
        prompt.empty_is_no_answer = client == limits::PasswordOnly::SaysNothing;
        prompt.note = prompt.empty_is_no_answer
                          ? "This client left the passcode prompt empty before."
                          : "This client sent its password as the passcode before.";
        Secret typed =
            co_await ask_one(person_, passcode_question(policy_, services_.words.name, prompt));
        if (is_the_password(typed)) {
            co_return refuse_password_only_client();
        }
        if (typed.empty() && prompt.empty_is_no_answer) {
            co_return ban_silent_client(services_.limiter, subject_);
        }
        if (passcode_from(typed.view())) {
            passcode_ = std::move(typed);
        }
    }
    services_.limiter.answered_properly(account_name(), subject_.origin, subject_.service);
    co_return std::nullopt;
}

/// sshd's PasswordAuthentication gives its one answer to every prompt.
bool SignIn::is_the_password(const Secret& answer) const {
    return !answer.empty() && (answer.equals(typed_) || answer.equals(password_));
}

Verdict SignIn::refuse_password_only_client() {
    return ban_password_only_client(
        services_.limiter, subject_, "the passcode prompt",
        "This client cannot be asked for a passcode: it sent the password again.");
}

/// Tells ahead when the account's text messages are nearly used up.
void SignIn::note_messages_left() {
    const auto left = services_.limiter.challenges_left(account_name(), subject_.origin);
    if (left.challenges > 1) {
        return;
    }
    const std::string when = time_of_day(left.next_at, services_.clock.wall());
    note_ += note_.empty() ? "" : "\n";
    note_ += left.challenges == 1
                 ? fmt::format("After this code one more can be sent; then none until {}.", when)
                 : fmt::format("This is the last code that can be sent until {}.", when);
}

ReuseDecision SignIn::decide() const {
    return decide_reuse(context_, subject_.uid, subject_.account, policy_,
                        services_.settings.sessions, services_.sessions, services_.clock);
}

bool SignIn::still_holds(const ReuseDecision& decision) {
    const std::optional<std::string> why = lost_since(decision, decide());
    trace_.reuse = why.value_or(trace_.reuse);
    return !why;
}

/// Does the second factor of this very session count here?
Task<std::variant<Verdict, SignInAnew>> SignIn::reuse_session() {
    const ReuseDecision decision = decide();
    if (policy_.reuse != settings::Reuse::None) { // for the others there is nothing to explain
        trace_.reuse = decision.why;
    }
    if (decision.mode == settings::Reuse::None) {
        co_return SignInAnew();
    }
    if (decision.mode == settings::Reuse::All) {
        if (decision.recheck) {
            co_await gain_time(person_);
            const bool lives = co_await token_lives(decision);
            if (!lives || !still_holds(decision)) {
                co_return SignInAnew();
            }
        }
    } else {
        PasswordOutcome outcome = co_await check_session_password(decision);
        if (auto* verdict = std::get_if<Verdict>(&outcome)) {
            co_return std::move(*verdict);
        }
        if (auto* anew = std::get_if<SignInAnew>(&outcome)) {
            co_return std::move(*anew);
        }
    }
    std::optional<sessions::Grant> grant =
        services_.sessions.reuse(decision.key, decision.generation);
    if (!grant) {
        co_return SignInAnew();
    }
    co_return Verdict::granted(std::move(*grant)).because(decision.why);
}

/// When the session's token turns out to live no more, what was typed goes on into a whole sign-in.
Task<PasswordOutcome> SignIn::check_session_password(const ReuseDecision& decision) {
    Secret typed;
    if (given_) {
        typed = std::move(*std::exchange(given_, std::nullopt));
    } else {
        typed = co_await ask_one(person_,
                                 session_password_question(context_, policy_, decision.signed_in_at,
                                                           services_.clock.wall()));
    }
    if (typed.empty()) {
        co_return Verdict::refused(State::Denied, Reason::WrongCredentials, "empty password");
    }
    if (!still_holds(decision)) {
        co_return SignInAnew{std::move(typed)};
    }
    if (decide().recheck) { // by the time that it is now
        const bool lives = co_await token_lives(decision);
        if (!lives || !still_holds(decision)) {
            co_return SignInAnew{std::move(typed)};
        }
    }
    using Check = sessions::SessionStore::PasswordCheck;
    const Check check = co_await services_.sessions.check_password(
        decision.key, decision.generation, typed.clone());
    switch (check) {
    case Check::Right:
        co_return RightPassword();
    case Check::Wrong:
        co_return Verdict::refused(State::Denied, Reason::WrongCredentials,
                                   "not the password of this session's sign-in");
    case Check::WrongAndOver:
        co_return Verdict::refused(State::MaxTries, Reason::WrongCredentials,
                                   "three wrong passwords: this session's sign-in is dropped")
            .telling("Too many wrong passwords. The sign-in of this session is no longer valid.");
    case Check::NoVerifier:
        trace_.reuse = "the session's sign-in ended meanwhile";
        break;
    case Check::NotDone:
        trace_.reuse = "the password could not be compared with that of the session's sign-in";
        break;
    }
    co_return SignInAnew{std::move(typed)};
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
        trace_.reuse = "Identity no longer knows the session's token";
        co_return false;
    case identity::TokenState::Unknown:
        trace_.reuse = "Identity could not be asked about the session's token";
        co_return services_.settings.sessions.reuse_unverified;
    }
    co_return false;
}

Task<void> SignIn::obtain_password(std::optional<Secret> typed) {
    if (!subject_.refusal) {
        services_.identity.warm(); // the handshake costs nobody anything while the person types
    }
    const bool single = services_.settings.sign_in.single_prompt;
    if (typed) {
        typed_ = std::move(*typed);
    } else if (given_) {
        typed_ = std::move(*std::exchange(given_, std::nullopt));
    } else {
        typed_ = co_await ask_one(person_, password_prompt(context_, policy_));
    }
    if (single) {
        SingleLine parts = split_single_line(typed_);
        password_ = std::move(parts.password);
        passcode_ = std::move(parts.passcode);
    } else {
        password_ = typed_.clone();
    }
}

/// Step 1 with what was typed as the configuration allows. An API key is tried only where the
/// configuration says so, and only after Identity refused the same words as a password: what was
/// typed is never judged by its look.
Task<Answer> SignIn::authenticate_with_what_was_typed() {
    Answer answer = co_await services_.identity.authenticate(
        subject_.account, identity::CredentialKind::Password, password_);
    const auto* rejected = std::get_if<Rejected>(&answer);
    const bool as_key =
        rejected != nullptr && rejected->cause == Rejected::Cause::WrongCredentials &&
        services_.settings.sign_in.credential == settings::CredentialRule::PasswordOrApiKey &&
        services_.identity.capabilities().api_keys && !policy_.access.require_mfa;
    if (as_key) {
        with_api_key_ = true;
        answer = co_await services_.identity.authenticate(
            subject_.account, identity::CredentialKind::ApiKey, password_);
    }
    co_return answer;
}

Task<Verdict> SignIn::first_step() {
    Counted<Answer> sent = co_await counted_first_step(services_.limiter, subject_,
                                                       authenticate_with_what_was_typed());
    if (const auto* limit = std::get_if<LimitRefusal>(&sent)) {
        co_return throttled(*limit, services_.clock.wall(), "limits.challenges");
    }
    Answer& answer = std::get<0>(sent);
    if (auto* required = std::get_if<identity::PasscodeRequired>(&answer)) {
        if (comes_as_message(required->challenge)) {
            note_messages_left();
        }
        co_return co_await second_step(std::move(required->challenge));
    }
    if (services_.factors == nullptr || !context_.interactive || with_api_key_) {
        co_return conclude(std::move(answer));
    }
    const identity::Capabilities can = services_.identity.capabilities();
    std::optional<Verdict> ended;
    if (std::holds_alternative<identity::PasswordExpired>(answer) && !password_renewed_ &&
        can.change_password) {
        ended = co_await renew_password();
    } else if (std::holds_alternative<identity::SetupRequired>(answer) && !enrolled_ &&
               can.set_up_at_sign_in && services_.settings.sign_in.enrol_at_login) {
        ended = co_await set_up_second_factor();
    } else {
        co_return conclude(std::move(answer));
    }
    if (ended) {
        co_return std::move(*ended);
    }
    co_await gain_time(person_);
    co_return co_await first_step();
}

/// The password has expired: a new one, once, and the sign-in goes on with it.
Task<std::optional<Verdict>> SignIn::renew_password() {
    password_renewed_ = true;
    std::variant<Secret, Verdict> renewed =
        co_await change_expired_password(person_, context_, services_, subject_, password_, typed_);
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
    std::optional<Verdict> ended =
        co_await enrol_at_sign_in(person_, context_, services_, subject_, password_, typed_);
    if (!ended) {
        passcode_.reset();
        note_ = "Your second factor is set up. Now sign in with it.";
    }
    co_return ended;
}

Task<Secret> SignIn::ask_for_passcode(const identity::Challenge& challenge) {
    if (passcode_) {
        co_return std::move(*std::exchange(passcode_, std::nullopt));
    }
    PasscodePrompt prompt;
    prompt.factor = challenge.factor;
    prompt.may_resend = comes_as_message(challenge) && resends_left_ > 0;
    prompt.note = std::exchange(note_, {});
    co_return co_await ask_one(person_, passcode_question(policy_, services_.words.name, prompt));
}

/// Asks for passcodes until one is right, or there is nothing left to ask for.
Task<Verdict> SignIn::second_step(identity::Challenge challenge) {
    trace_.stage = "at the passcode prompt, after the right password";
    unsigned unusable = 0;
    bool silent = true;
    while (unusable < kMaxUnusableAnswers) {
        const Secret typed = co_await ask_for_passcode(challenge);
        silent = silent && typed.empty();
        if (is_the_password(typed)) {
            co_return refuse_password_only_client();
        }
        const std::string_view text = typed.view();
        if (text.empty() || text == "r" || text == "R") {
            ++unusable;
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
        if (verdict.reason() == Reason::WrongCredentials) {
            verdict = after_wrong_passcode(std::move(verdict));
        }
        const bool again = verdict.state() == State::Denied &&
                           verdict.reason() == Reason::WrongCredentials && attempts_left_ > 0;
        if (!again) {
            co_return verdict;
        }
        note_ = fmt::format("That passcode was not accepted; {} left.",
                            attempts_left_ == 1 ? "1 attempt"
                                                : fmt::format("{} attempts", attempts_left_));
    }
    if (silent) { // mc and JSch leave a prompt empty that they have no password for
        co_return ban_silent_client(services_.limiter, subject_);
    }
    co_return Verdict::refused(State::MaxTries, Reason::WrongCredentials,
                               "no usable answer at the passcode prompt");
}

/// The person asked for a new code: step 1 once more, which sends one, where that may be. Nothing:
/// the next prompt says what became of it, with the new challenge in place of the old.
Task<std::optional<Verdict>> SignIn::resend(identity::Challenge& challenge) {
    if (!comes_as_message(challenge)) {
        note_ = "Codes of an authenticator app are not sent.";
        co_return std::nullopt;
    }
    if (resends_left_ == 0) {
        note_ = "No further SMS will be sent in this sign-in.";
        co_return std::nullopt;
    }
    Counted<Answer> sent = co_await counted_first_step(
        services_.limiter, subject_,
        services_.identity.authenticate(subject_.account, identity::CredentialKind::Password,
                                        password_));
    if (std::holds_alternative<LimitRefusal>(sent)) {
        resends_left_ = 0;
        note_ = "No further SMS will be sent for now; the last code is still valid.";
        co_return std::nullopt;
    }
    --resends_left_;
    Answer& answer = std::get<0>(sent);
    if (auto* required = std::get_if<identity::PasscodeRequired>(&answer)) {
        challenge = std::move(required->challenge);
        note_ = "A new code has been requested.";
        note_messages_left();
        co_return std::nullopt;
    }
    co_return conclude(std::move(answer));
}

/// One passcode to Identity. WrongCredentials with attempts_left_ means: may be asked again.
Task<Verdict> SignIn::submit(const identity::Challenge& challenge, const Secret& passcode) {
    Limiter::Permission permission = co_await services_.limiter.reserve_passcode(
        account_name(), subject_.origin, subject_.service);
    if (const auto* refusal = std::get_if<LimitRefusal>(&permission)) {
        attempts_left_ = 0;
        co_return throttled(*refusal, services_.clock.wall(), "limits.wrong_passcodes");
    }
    Limiter::Attempt& attempt = *std::get<0>(permission);
    --attempts_left_;
    ++passcodes_sent_;
    Answer answer =
        co_await services_.identity.submit_passcode(subject_.account, challenge, passcode);
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
        proof_ = limits::SignInProof::WithPasscode;
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
    co_return conclude(std::move(answer));
}

/// The journal has it at once: the person may hang up at the next prompt.
Verdict SignIn::after_wrong_passcode(Verdict verdict) {
    if (trace_.wrong_passcode) {
        trace_.wrong_passcode(account_name(), passcodes_sent_);
    }
    const auto used_up = services_.limiter.passcode_refusal(account_name(), subject_.origin);
    return used_up ? last_wrong_passcode(*used_up, services_.clock.wall()) : std::move(verdict);
}

/// What later PAM calls of the session may compare with; an API key is no password.
const Secret* SignIn::password_to_keep() const {
    return with_api_key_ ? nullptr : &password_;
}

/// The only way from Identity's answer to `granted`: makes the Grant, and forgets the account's
/// wrong attempts.
Verdict SignIn::admit(identity::TokenIssued issued) {
    auto judgement = policy::judge(std::move(issued), subject_.account, policy_.access);
    if (const auto* refusal = std::get_if<policy::AccessRefusal>(&judgement)) {
        const identity::ProviderWords& words = services_.words;
        Verdict verdict = Verdict::refused(State::Denied, refusal->reason, refusal->rule);
        return std::move(verdict).telling(
            refusal->reason == Reason::MfaRequired
                ? fmt::format("This host demands multi-factor authentication, and this {} account "
                              "signed in without it. Set it up {}.",
                              words.name, words.mfa_elsewhere)
                : fmt::format("This {} account may not sign in here.", words.name));
    }
    services_.limiter.signed_in(account_name(), subject_.origin, proof_);
    return Verdict::granted(
        services_.sessions.accept(std::get<policy::Admission>(std::move(judgement)), context_,
                                  subject_.account, subject_.uid, password_to_keep()));
}

Verdict SignIn::conclude(Answer answer) {
    if (auto* issued = std::get_if<identity::TokenIssued>(&answer)) {
        return admit(std::move(*issued));
    }
    return refusal_of(answer, services_.words);
}

} // namespace

Task<Verdict> sign_in(Person& person, Context context, Services services,
                      std::shared_ptr<SignInTrace> trace) {
    SignIn procedure(person, context, services, *trace);
    co_return co_await procedure.run();
}

} // namespace raxauth::flows
