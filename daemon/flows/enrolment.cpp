// SPDX-License-Identifier: Apache-2.0
//
// The order is the provider's: a token for setting up, a device, its code, switched on; then the
// ordinary sign-in proves it. Each step is remembered, so that a lost connection costs nothing but
// the connection. What the person must see stands in the question itself, and the key never as
// plain text of a message: see Message::secret_text.
#include "daemon/flows/enrolment.h"

#include "common/text.h"
#include "daemon/enrolment/key_uri.h"
#include "daemon/enrolment/phone_number.h"
#include "daemon/enrolment/qr_text.h"
#include "daemon/flows/passcode.h"
#include "daemon/flows/pending_enrolments.h"
#include "daemon/flows/prompts.h"
#include "daemon/flows/steps/answers.h"
#include "daemon/flows/steps/counted_message.h"
#include "daemon/flows/steps/ended.h"
#include "daemon/flows/steps/enrolment_texts.h"
#include "daemon/flows/steps/factor_words.h"
#include "daemon/flows/steps/refusal_words.h"
#include "daemon/flows/steps/session_access.h"
#include "daemon/journal/journal.h"

#include <exception>
#include <fmt/core.h>
#include <utility>
#include <variant>

namespace raxauth::flows {
namespace {

using caller::Context;
using conversation::Person;
using conversation::Verdict;
using identity::Done;
using identity::FactorAnswer;
using identity::FactorKind;
using identity::FactorRefusal;
using Cause = identity::FactorRefusal::Cause;

/// Wrong codes, and answers that are none, before the conversation ends.
constexpr unsigned kMaxWrong = 5;
/// Drawings of one code: each costs the daemon's loop some time.
constexpr unsigned kMaxDrawings = 8;
/// Identity revokes what was begun before MFA was switched on, to the second.
constexpr std::chrono::seconds kUntilEnabledCounts{2};
/// What an authenticator that was set up here is called at the provider.
constexpr const char* kDeviceName = "raxauth";

/// A step that cannot go on throws Ended.
class SetUp {
  public:
    /// `password` is null where a session's token is used; `typed` is then null too.
    SetUp(Person& person, const Context& context, Services& services, const Subject& subject,
          const Secret* password, const Secret* typed)
        : person_(person), context_(context), services_(services), subject_(subject),
          password_(password), typed_(typed), interview_(person, kMaxWrong),
          key_(fmt::format("{}\n{}\n{}\n{}", services.settings.identity.url, context.user,
                           subject.account.name, subject.origin.key)),
          style_(qr_style_for(context.locale)), resends_left_(services.settings.limits.resends) {}
    SetUp(const SetUp&) = delete;
    SetUp& operator=(const SetUp&) = delete;
    ~SetUp();

    /// MFA is on: one more device is added.
    void add_to_existing() noexcept { mfa_is_on_ = true; }
    void call_device(std::string name) { device_name_ = std::move(name); }
    /// `kind` and `access` where the person has a session. A verdict: it is not set up.
    Task<std::optional<Verdict>> run(std::optional<FactorKind> kind, const SessionAccess* access);

  private:
    Task<void> resume_what_was_lost();
    Task<void> choose_kind();
    Task<void> begin(const SessionAccess* access);
    Task<void> add_authenticator();
    Task<void> add_phone();
    Task<void> replace_unverified_phone(const Secret& number, FactorRefusal refusal);
    Task<void> send_pin();
    Task<void> resend_pin();
    Task<void> verify_device();
    Task<Secret> ask_for_code();
    Task<void> switch_on();
    Task<Secret> ask_or_end(std::string text, const char* given_up);
    Task<Secret> ask_or_end(Secret text, const char* given_up);
    Task<void> end_where_wanted(const Secret& answer);
    Task<void> undo();
    Task<void> cancel();
    void settle(Verdict& verdict);

    template <class Value>
    Value need(FactorAnswer<Value> answer, std::string_view request) const {
        if (const auto* refusal = std::get_if<FactorRefusal>(&answer)) {
            throw refused(*refusal, request);
        }
        return std::move(std::get<0>(answer));
    }
    Ended refused(const FactorRefusal& refusal, std::string_view request) const {
        return {refusal_of(refusal, request, services_.words)};
    }
    void end_after_too_many(const char* given_up) const {
        if (interview_.is_over()) {
            throw Ended{Verdict::refused(State::MaxTries, Reason::WrongCredentials, given_up)
                            .telling("Too many invalid answers. Sign in again within 15 minutes to "
                                     "go on where this stopped.")};
        }
    }
    bool is_otp() const { return state_->kind == FactorKind::Otp; }
    const CodeWords& code_words() const { return flows::code_words(*state_->kind); }
    identity::Acting who() const { return {state_->token(), state_->user_id}; }

    Person& person_;
    const Context& context_;
    Services& services_;
    const Subject& subject_;
    const Secret* password_;
    const Secret* typed_; ///< all that was typed at the password prompt
    Interview interview_;
    const std::string key_;
    std::optional<enrolment::QrStyle> style_; ///< empty: not drawn until the person asks for it
    std::shared_ptr<PendingEnrolment> state_; ///< nobody else's while the conversation lives
    unsigned resends_left_;
    unsigned drawings_left_ = kMaxDrawings;
    std::string device_name_ = kDeviceName;
    bool mfa_is_on_ = false;
    bool pin_is_on_its_way_ = false; ///< since the last question
};

SetUp::~SetUp() {
    if (!state_) {
        return;
    }
    // Lost, or failed in a way that may pass: kept for the same person, who has to have begun it
    // with the password. A session's token is not kept beyond the conversation.
    const bool worth_keeping =
        password_ != nullptr && !state_->device.empty() && !person_.withdrawn();
    try {
        if (worth_keeping) {
            services_.enrolments.keep(key_, std::move(state_));
        } else {
            services_.enrolments.abandon(std::move(state_));
        }
    } catch (const std::exception& fault) {
        journal::warning(std::string("an interrupted set-up is lost: ") + fault.what());
    }
}

Task<std::optional<Verdict>> SetUp::run(std::optional<FactorKind> kind,
                                        const SessionAccess* access) {
    person_.allow(services_.settings.sign_in.enrolment_deadline, kEnrolmentDeadline);
    try {
        if (password_ != nullptr) {
            co_await resume_what_was_lost();
        }
        if (state_ && kind && state_->kind != kind) {
            co_await undo(); // the other kind is wanted now
        }
        if (!state_) {
            state_ = std::make_shared<PendingEnrolment>();
            state_->account = subject_.account.name;
            state_->begun = services_.clock.wall();
            state_->kind = kind;
        }
        co_await choose_kind();
        co_await begin(access);
        if (!state_->verified) {
            if (is_otp()) {
                co_await add_authenticator();
            } else {
                co_await add_phone();
            }
            co_await verify_device();
        }
        co_await switch_on();
    } catch (Ended& ended) {
        if (state_) {
            settle(ended.verdict);
        }
        co_return std::move(ended.verdict);
    }
    co_return std::nullopt;
}

/// What of a set-up that failed is kept for the next sign-in.
void SetUp::settle(Verdict& verdict) {
    const Reason reason = verdict.reason();
    if (reason == Reason::NoSignIn && password_ != nullptr) { // the provider ended the token
        state_->setup_token = identity::OwnedToken();
        verdict = Verdict::refused(State::Denied, reason, std::move(verdict.why))
                      .telling(fmt::format("{} has ended this set-up. Sign in again within 15 "
                                           "minutes to go on with it.",
                                           services_.words.service));
    }
    if (reason == Reason::ManagementRefused || reason == Reason::PasswordOnlyClient) {
        services_.enrolments.abandon(std::move(state_)); // the same again would be refused again
    }
}

Task<Secret> SetUp::ask_or_end(std::string text, const char* given_up) {
    end_after_too_many(given_up);
    Secret answer = co_await interview_.ask(std::move(text));
    co_await end_where_wanted(answer);
    co_return answer;
}

Task<Secret> SetUp::ask_or_end(Secret text, const char* given_up) {
    end_after_too_many(given_up);
    Secret answer = co_await interview_.ask(std::move(text));
    co_await end_where_wanted(answer);
    co_return answer;
}

/// By the person, who cancels; or by us, since a client that knows one answer only would give the
/// password to every question.
Task<void> SetUp::end_where_wanted(const Secret& answer) {
    if (is_choice(answer, "c", "cancel")) {
        co_await cancel();
    }
    const bool repeated = (password_ != nullptr && answer.equals(*password_)) ||
                          (typed_ != nullptr && answer.equals(*typed_));
    if (repeated && !answer.empty()) {
        throw Ended{ban_password_only_client(
            services_.limiter, subject_, "a question of the set-up",
            "This client cannot be asked anything: it sent the password again.")};
    }
}

/// What was added is removed again, now.
Task<void> SetUp::undo() {
    co_await services_.enrolments.undo(std::move(state_), services_.factors);
    state_.reset();
}

Task<void> SetUp::cancel() {
    co_await undo();
    throw Ended{Verdict::refused(State::Denied, Reason::Cancelled, "the set-up was cancelled")
                    .telling("Nothing was set up.")};
}

/// A person who comes back is asked whether they began it: its key was shown to who did.
Task<void> SetUp::resume_what_was_lost() {
    state_ = services_.enrolments.take(key_);
    if (!state_) {
        co_return;
    }
    const std::string question = fmt::format(
        "A set-up of a second factor ({}) was begun from here at {} and not finished.\n"
        "  y  that was me: go on with it\n  n  start anew\n  c  cancel\nGo on [y, n, c]? ",
        name_of(*state_->kind),
        time_of_day(state_->begun - std::chrono::seconds(59), services_.clock.wall()));
    for (;;) {
        const Secret answer =
            co_await ask_or_end(question, "no usable answer about an interrupted set-up");
        if (is_choice(answer, "y", "yes")) {
            co_return;
        }
        if (is_choice(answer, "n", "no")) {
            co_await undo();
            co_return;
        }
        interview_.wrong("Please answer y, n or c.\n");
    }
}

Task<void> SetUp::choose_kind() {
    const identity::Capabilities can = services_.identity.capabilities();
    if (!state_->kind && can.enrol_otp != can.enrol_sms) { // no choice
        state_->kind = can.enrol_otp ? FactorKind::Otp : FactorKind::Sms;
    }
    if (state_->kind) {
        if (!(is_otp() ? can.enrol_otp : can.enrol_sms)) {
            throw Ended{
                not_offered("This kind of second factor cannot be set up", services_.words)};
        }
        co_return;
    }
    // ssh(1) writes "(user@host) " before the first line: short, so that it fits.
    if (password_ != nullptr) {
        interview_.note(fmt::format("{} demands a second factor of this account.\nNone is set up "
                                    "yet. That can be done here and now, within {}.\n",
                                    services_.words.name,
                                    in_words(enrolment_time(context_, services_.settings))));
    }
    while (!interview_.is_over()) {
        const Secret answer =
            co_await ask_or_end(std::string("  1  an authenticator app on your phone\n"
                                            "  2  text messages (SMS) to a mobile phone\n"
                                            "  c  cancel\n"
                                            "Which [1, 2, c]? "),
                                "");
        if (is_choice(answer, "1", "otp")) {
            state_->kind = FactorKind::Otp;
            co_return;
        }
        if (is_choice(answer, "2", "sms")) {
            state_->kind = FactorKind::Sms;
            co_return;
        }
        interview_.wrong("Please answer 1, 2 or c.\n");
    }
    throw Ended{Verdict::refused(State::Denied, Reason::MfaSetupRequired,
                                 "no usable answer to the offer to set up MFA")
                    .telling(set_up_elsewhere(services_.words))};
}

/// What the provider needs to let us set anything up.
Task<void> SetUp::begin(const SessionAccess* access) {
    if (access != nullptr) {
        state_->session_token = access->token.clone();
        state_->user_id = access->user_id;
        co_return;
    }
    if (state_->setup_token.held()) {
        co_return; // from before the connection was lost
    }
    identity::SetupSession session =
        need(co_await services_.factors->begin_setup(subject_.account, *password_),
             "a token to set up MFA");
    if (session.user_id.empty()) { // a reply need not name the user
        const FactorAnswer<identity::FactorState> found =
            co_await services_.factors->state(session.token.text(), subject_.account.name);
        if (const auto* facts = std::get_if<identity::FactorState>(&found)) {
            session.user_id = facts->user_id;
        }
    }
    if (session.user_id.empty()) {
        throw Ended{Verdict::refused(State::Denied, Reason::MfaSetupRequired,
                                     "the token for setting up MFA does not say whose it is")
                        .telling(set_up_elsewhere(services_.words))};
    }
    state_->setup_token = std::move(session.token);
    state_->user_id = std::move(session.user_id);
}

Task<void> SetUp::add_authenticator() {
    if (state_->device.empty()) {
        identity::OtpDevice device = need(
            co_await services_.factors->add_otp_device(who(), device_name_), "a new authenticator");
        state_->device = std::move(device.id);
        state_->key_uri = std::move(device.key_uri);
    }
    if (!enrolment::read_key_uri(state_->key_uri)) {
        co_await undo();
        throw Ended{Verdict::refused(State::Unavailable, Reason::IdentityFault,
                                     "the new authenticator's key URI cannot be used")
                        .telling(fmt::format("{} gave no usable key. Try again later.",
                                             services_.words.service))};
    }
}

Task<void> SetUp::add_phone() {
    while (state_->device.empty()) {
        const Secret answer =
            co_await ask_or_end(std::string("Number of the mobile phone, with its country code (+1 "
                                            "512-555-0100) [c: cancel]: "),
                                "unusable phone numbers");
        std::optional<Secret> number = enrolment::read_phone_number(answer);
        if (!number) {
            interview_.wrong("That is no telephone number. Begin with + and the country code.\n");
            continue;
        }
        FactorAnswer<identity::Phone> added = co_await services_.factors->add_phone(who(), *number);
        auto* refusal = std::get_if<FactorRefusal>(&added);
        if (refusal != nullptr && refusal->cause == Cause::Conflict) {
            co_await replace_unverified_phone(*number, std::move(*refusal));
            continue;
        }
        state_->device = need(std::move(added), "a phone").id;
        state_->number = std::move(*number);
    }
    if (!state_->pin_sent) {
        co_await send_pin();
    }
}

/// There is one phone for each user. One that was never verified is in the way of the one the
/// person has now: it goes. `state_->device` says whether that helped.
Task<void> SetUp::replace_unverified_phone(const Secret& number, FactorRefusal refusal) {
    const FactorAnswer<std::vector<identity::Phone>> listed =
        co_await services_.factors->phones(who());
    const auto* phones = std::get_if<std::vector<identity::Phone>>(&listed);
    const identity::Phone* only =
        phones != nullptr && phones->size() == 1 ? &phones->front() : nullptr;
    if (only != nullptr && only->verified) {
        throw Ended{Verdict::refused(State::Denied, Reason::ManagementRefused,
                                     "the account has a verified phone already")
                        .telling("This account has a phone already and can have only one. "
                                 "\"raxauth devices\" shows it, \"raxauth devices remove ID\" "
                                 "removes it.")};
    }
    if (only != nullptr) {
        const FactorAnswer<Done> removed =
            co_await services_.factors->remove_phone(who(), only->id);
        if (std::holds_alternative<Done>(removed)) {
            FactorAnswer<identity::Phone> added =
                co_await services_.factors->add_phone(who(), number);
            if (auto* phone = std::get_if<identity::Phone>(&added)) {
                state_->device = std::move(phone->id);
                state_->number = number.clone();
                co_return;
            }
            refusal = std::get<FactorRefusal>(std::move(added));
        }
    }
    interview_.wrong(fmt::format("{} does not accept this number{}{}.\n", services_.words.service,
                                 refusal.message.empty() ? "" : ": ", refusal.message));
}

/// Where no further message may be sent, the one that was sent still counts.
Task<void> SetUp::send_pin() {
    Counted<FactorAnswer<Done>> sent = co_await counted_message(
        services_.limiter, subject_, services_.factors->send_pin(who(), state_->device));
    if (const auto* limit = std::get_if<limits::LimitRefusal>(&sent)) {
        if (!state_->pin_sent) {
            throw Ended{throttled(*limit, services_.clock.wall(), "limits.challenges")};
        }
        resends_left_ = 0;
        interview_.note(
            "No further text message will be sent for now; the last PIN is still valid.\n");
        co_return;
    }
    need(std::move(std::get<0>(sent)), "a text message with a PIN");
    state_->pin_sent = true;
    pin_is_on_its_way_ = true;
}

Task<void> SetUp::resend_pin() {
    if (resends_left_ == 0) {
        interview_.wrong("No further text message will be sent for now.\n");
        co_return;
    }
    --resends_left_;
    co_await send_pin();
}

Task<Secret> SetUp::ask_for_code() {
    if (is_otp()) {
        const std::optional<enrolment::KeyUri> key = enrolment::read_key_uri(state_->key_uri);
        co_return co_await ask_or_end(code_text(state_->key_uri, key.value(), style_),
                                      code_words().given_up);
    }
    co_return co_await ask_or_end(fmt::format("{} {}.\nPIN [{}c: cancel]: ",
                                              std::exchange(pin_is_on_its_way_, false)
                                                  ? "A text message with a PIN is on its way to"
                                                  : "The PIN is in the last text message to",
                                              enrolment::masked(state_->number),
                                              resends_left_ > 0 ? "r: send another, " : ""),
                                  code_words().given_up);
}

/// Asks for codes of the new device until one is right.
Task<void> SetUp::verify_device() {
    for (;;) {
        const Secret answer = co_await ask_for_code();
        if (is_otp() && drawings_left_ > 0) {
            const bool in_blocks = is_choice(answer, "b", "blocks");
            if (in_blocks || is_choice(answer, "p", "plain")) {
                --drawings_left_;
                style_ = in_blocks ? enrolment::QrStyle::HalfBlocks : enrolment::QrStyle::Ascii;
                continue;
            }
        }
        if (!is_otp() && is_choice(answer, "r", "resend")) {
            co_await resend_pin();
            continue;
        }
        const std::optional<Secret> code = passcode_from(answer.view());
        if (!code) {
            interview_.wrong(code_words().no_digits);
            continue;
        }
        FactorAnswer<Done> verified = Done{};
        if (is_otp()) {
            verified = co_await services_.factors->verify_otp_device(who(), state_->device, *code);
        } else {
            verified = co_await services_.factors->verify_phone(who(), state_->device, *code);
        }
        const auto* refusal = std::get_if<FactorRefusal>(&verified);
        if (refusal != nullptr && refusal->cause == Cause::WrongCode) {
            interview_.wrong(code_words().not_accepted);
            continue;
        }
        // Verified already: by a request whose answer was lost. The sign-in that follows proves it.
        if (refusal != nullptr && refusal->cause != Cause::Conflict) {
            throw refused(*refusal, code_words().request);
        }
        state_->verified = true;
        state_->key_uri.clear();
        co_return;
    }
}

Task<void> SetUp::switch_on() {
    if (!mfa_is_on_) {
        co_await gain_time(person_); // the verification may have taken most of it
        const FactorAnswer<Done> enabled = co_await services_.factors->enable(who(), state_->kind);
        const auto* refusal = std::get_if<FactorRefusal>(&enabled);
        // Some servers switch it on with the verification, which ends the token for setting up.
        const bool by_verification =
            refusal != nullptr && refusal->cause == Cause::TokenDead && state_->setup_token.held();
        if (refusal != nullptr && !by_verification) {
            throw refused(*refusal, "multi-factor authentication");
        }
    }
    journal::notice(fmt::format("second factor set up: user={} account={} kind={} service={} "
                                "remote-host={}",
                                context_.user, subject_.account.name, name_of(*state_->kind),
                                context_.service, context_.remote_host));
    state_.reset(); // and the token for setting up ends
    if (!mfa_is_on_) {
        co_await services_.sleep(kUntilEnabledCounts);
    }
}

Verdict enrolled(std::string text) {
    Verdict done = Verdict::completed(Reason::Enrolled).because("set up and switched on");
    done.messages.push_back({contract::MessageKind::Info, std::move(text)});
    return done;
}

/// `raxauth enrol`, in steps that throw Ended.
Task<Verdict> enrol_in_session(Person& person, const Context& context, Services& services,
                               std::shared_ptr<SignInTrace> trace) {
    const std::optional<FactorKind> kind = factor_kind_from(context.factor);
    if (!kind && !context.factor.empty()) {
        throw Ended{
            Verdict::refused(State::Denied, Reason::NotSupported, "an unknown kind of factor")
                .telling(kFactorKinds)};
    }
    const SessionAccess access = co_await open_session_access(person, context, services, trace);
    if (trace->enrolled) { // the sign-in that this needed demanded it, and has done it already
        co_return enrolled("The second factor is set up, and you are signed in with it.");
    }
    const FactorAnswer<identity::FactorState> state =
        co_await services.factors->state(access.token, access.subject.account.name);
    if (const auto* refusal = std::get_if<FactorRefusal>(&state)) {
        if (refusal->cause == Cause::TokenDead) {
            services.sessions.token_dead(access.key, access.generation);
        }
        throw Ended{refusal_of(*refusal, "the state of MFA", services.words)};
    }
    const auto& facts = std::get<identity::FactorState>(state);
    SetUp procedure(person, context, services, access.subject, nullptr, nullptr);
    if (facts.enabled) {
        procedure.add_to_existing();
    }
    if (!context.arguments.empty() && !context.arguments[0].empty()) {
        procedure.call_device(sanitise(context.arguments[0], 64));
    }
    std::optional<Verdict> ended = co_await procedure.run(kind, &access);
    if (ended) {
        if (ended->reason() == Reason::NoSignIn) {
            services.sessions.token_dead(access.key, access.generation);
        }
        throw Ended{std::move(*ended)};
    }
    std::string text = "The second factor is set up. It will be asked for at the next sign-in; "
                       "password-only sign-ins are no longer valid (\"raxauth login\").";
    if (facts.enabled) {
        text = facts.factor == kind || !kind
                   ? "The device is added."
                   : fmt::format("The device is added. Passcodes still come from the other factor; "
                                 "to change that: raxauth mfa default {}",
                                 word_of(*kind));
    }
    co_return enrolled(std::move(text));
}

} // namespace

Task<std::optional<Verdict>> enrol_at_sign_in(Person& person, const Context& context,
                                              Services& services, const Subject& subject,
                                              const Secret& password, const Secret& typed) {
    SetUp procedure(person, context, services, subject, &password, &typed);
    if (!context.factor.empty() && !context.arguments.empty() && !context.arguments[0].empty()) {
        procedure.call_device(sanitise(context.arguments[0], 64));
    }
    co_return co_await procedure.run(factor_kind_from(context.factor), nullptr);
}

Task<Verdict> enrol(Person& person, Context context, Services services,
                    std::shared_ptr<SignInTrace> trace) {
    try {
        co_return co_await enrol_in_session(person, context, services, std::move(trace));
    } catch (Ended& ended) {
        co_return std::move(ended.verdict);
    }
}

} // namespace raxauth::flows
