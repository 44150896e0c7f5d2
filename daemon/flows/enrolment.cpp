// SPDX-License-Identifier: Apache-2.0
//
// The order of the documents: a token for setting up, a device, its code, switched on; then the
// ordinary sign-in proves it. Each step is remembered, so that a lost connection costs nothing but
// the connection. What the person must see stands in the question itself, and the key never as
// plain text of a message: see detail::kTexts.
#include "daemon/flows/enrolment.h"

#include "common/secret_pipe.h"
#include "common/text.h"
#include "daemon/enrolment/key_uri.h"
#include "daemon/enrolment/phone_number.h"
#include "daemon/enrolment/qr_text.h"
#include "daemon/flows/factor_management.h"
#include "daemon/flows/passcode.h"
#include "daemon/flows/pending_enrolments.h"
#include "daemon/flows/prompts.h"
#include "daemon/journal/journal.h"

#include <algorithm>
#include <exception>
#include <fmt/core.h>
#include <strings.h>
#include <utility>
#include <variant>

namespace raxauth::flows {
namespace {

using caller::Context;
using contract::MessageKind;
using conversation::Message;
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

const char* name_of(FactorKind kind) {
    return kind == FactorKind::Otp ? "authenticator" : "SMS";
}

/// What the PAM application leaves of the time: sshd's LoginGraceTime as the drop-in sets it, and
/// LOGIN_TIMEOUT of login.defs(5). Others wait.
std::chrono::seconds time_left(const Context& context, const settings::Settings& settings) {
    std::chrono::seconds most = settings.sign_in.enrolment_deadline;
    if (context.service == "sshd") {
        most = std::min(most, std::chrono::seconds(300));
    } else if (context.service == "login") {
        most = std::min(most, std::chrono::seconds(60));
    }
    return most;
}

std::string in_words(std::chrono::seconds time) {
    return time < std::chrono::minutes(2)
               ? fmt::format("{} seconds", time.count())
               : fmt::format("{} minutes",
                             std::chrono::duration_cast<std::chrono::minutes>(time).count());
}

/// Nothing is known of the terminal behind sshd, and nearly all speak UTF-8.
bool speaks_utf8(const std::string& locale) {
    return locale.empty() || strcasestr(locale.c_str(), "utf-8") != nullptr ||
           strcasestr(locale.c_str(), "utf8") != nullptr;
}

bool says(const Secret& answer, std::string_view letter, std::string_view word) {
    const auto equal = [&](std::string_view wanted) {
        return answer.size() == wanted.size() &&
               strncasecmp(answer.c_str(), wanted.data(), wanted.size()) == 0;
    };
    return equal(letter) || equal(word);
}

class SetUp {
  public:
    SetUp(Person& person, const Context& context, Services& services, const Subject& subject,
          const Secret* password, const Secret* typed, SignInTrace& trace)
        : person_(person), context_(context), services_(services), subject_(subject),
          password_(password), typed_(typed), trace_(trace),
          key_(fmt::format("{}\n{}\n{}\n{}", services.settings.identity.url, context.user,
                           subject.account.name, subject.origin.key)),
          style_(speaks_utf8(context.locale) ? enrolment::QrStyle::HalfBlocks
                                             : enrolment::QrStyle::Ascii) {}
    SetUp(const SetUp&) = delete;
    SetUp& operator=(const SetUp&) = delete;
    ~SetUp() {
        trace_.when_withdrawn = nullptr;
        if (!state_) {
            return;
        }
        // Lost, or failed in a way that may pass: kept for the same person, who has to have begun
        // it with the password. A session's token is not kept beyond the conversation.
        const bool worth_it = password_ != nullptr && !state_->device.empty() && !*withdrawn_;
        try {
            if (worth_it) {
                services_.enrolments.keep(key_, std::move(state_));
            } else {
                services_.enrolments.abandon(std::move(state_));
            }
        } catch (const std::exception& fault) {
            journal::warning(std::string("a set-up that was broken off is lost: ") + fault.what());
        }
    }

    void with_mfa_on() noexcept { on_already_ = true; }
    void call_device(std::string name) { device_name_ = std::move(name); }
    /// `kind` and `session_token` (with `user_id`) where the person has a session.
    Task<std::optional<Verdict>> run(std::optional<FactorKind> kind, const Secret* session_token,
                                     std::string user_id);

  private:
    Task<std::optional<Verdict>> begin(const Secret* session_token, std::string user_id);
    Task<std::optional<Verdict>> go_on_with_what_was_lost();
    Task<std::optional<Verdict>> choose();
    Task<std::optional<Verdict>> authenticator();
    Task<std::optional<Verdict>> phone();
    Task<std::optional<Verdict>> add_phone();
    Task<std::optional<Verdict>> replace_unverified_phone(const Secret& number,
                                                          FactorRefusal refusal);
    Task<std::optional<Verdict>> send_pin();
    Task<std::optional<Verdict>> switch_on();
    Task<Secret> ask(Message question);
    Task<Verdict> cancelled();
    void settle(Verdict& verdict);
    Message code_question(const enrolment::KeyUri& key) const;
    std::optional<Verdict> password_again(const Secret& answer);
    identity::Acting who() const { return {state_->token(), state_->user_id}; }
    Verdict too_many(const char* what);

    Person& person_;
    const Context& context_;
    Services& services_;
    const Subject& subject_;
    const Secret* password_; ///< null: the session's token is used
    const Secret* typed_;    ///< all that was typed at the password prompt
    SignInTrace& trace_;
    const std::string key_;
    enrolment::QrStyle style_;
    std::shared_ptr<PendingEnrolment> state_; ///< ours alone while the conversation lives
    std::shared_ptr<bool> withdrawn_ = std::make_shared<bool>(false);
    std::string note_; ///< what happened just before, for the next question
    unsigned wrong_ = 0;
    unsigned resends_left_ = 0;
    unsigned drawings_left_ = kMaxDrawings;
    std::string device_name_ = kDeviceName;
    bool on_already_ = false; ///< MFA is: one more device is added
};

Task<std::optional<Verdict>> SetUp::run(std::optional<FactorKind> kind, const Secret* session_token,
                                        std::string user_id) {
    person_.allow(services_.settings.sign_in.enrolment_deadline);
    resends_left_ = services_.settings.limits.resends;
    trace_.when_withdrawn = [withdrawn = withdrawn_] { *withdrawn = true; };
    if (password_ != nullptr) {
        Task<std::optional<Verdict>> going_on = go_on_with_what_was_lost();
        std::optional<Verdict> stopped = co_await std::move(going_on);
        if (stopped) {
            co_return stopped;
        }
    }
    if (!state_) {
        state_ = std::make_shared<PendingEnrolment>();
        state_->account = subject_.account.name;
        state_->begun = services_.clock.wall();
        state_->kind = kind;
    }
    Task<std::optional<Verdict>> choosing = choose();
    std::optional<Verdict> ended = co_await std::move(choosing);
    if (!ended) {
        Task<std::optional<Verdict>> beginning = begin(session_token, std::move(user_id));
        ended = co_await std::move(beginning);
    }
    if (!ended && !state_->verified) {
        Task<std::optional<Verdict>> adding =
            state_->kind == FactorKind::Otp ? authenticator() : phone();
        ended = co_await std::move(adding);
    }
    if (!ended) {
        Task<std::optional<Verdict>> switching = switch_on();
        ended = co_await std::move(switching);
    }
    if (ended && state_) {
        settle(*ended);
    }
    co_return ended;
}

/// What of a set-up that failed is kept for the next sign-in.
void SetUp::settle(Verdict& verdict) {
    const Reason why = verdict.reason();
    if (why == Reason::NoSignIn && password_ != nullptr) { // Identity ended the token
        state_->setup_token = identity::OwnedToken();
        verdict = Verdict::refused(State::Denied, why, std::move(verdict.why))
                      .telling("Rackspace Identity has ended what was begun here. Sign in again "
                               "within 15 minutes to go on.");
    }
    if (why == Reason::ManagementRefused || why == Reason::PasswordOnlyClient) {
        services_.enrolments.abandon(std::move(state_)); // the same again would be refused again
    }
}

/// Who comes back is asked whether it was them: the key was shown to whoever began it.
Task<std::optional<Verdict>> SetUp::go_on_with_what_was_lost() {
    state_ = services_.enrolments.take(key_);
    if (!state_) {
        co_return std::nullopt;
    }
    std::string note;
    while (wrong_ < kMaxWrong) {
        Task<Secret> asking = ask(
            {MessageKind::Text,
             fmt::format(
                 "{}A second factor ({}) began to be set up from here at {}, and was not "
                 "finished.\n  y  that was me: go on with it\n  n  start anew\n  c  "
                 "cancel\nGo on [y, n, c]? ",
                 note, name_of(*state_->kind),
                 time_of_day(state_->begun - std::chrono::seconds(59), services_.clock.wall()))});
        const Secret answer = co_await std::move(asking);
        if (says(answer, "y", "yes")) {
            co_return std::nullopt;
        }
        if (says(answer, "n", "no")) {
            Task<void> undoing = services_.enrolments.undo(std::move(state_), services_.factors);
            co_await std::move(undoing);
            state_.reset();
            co_return std::nullopt;
        }
        if (says(answer, "c", "cancel")) {
            Task<Verdict> cancelling = cancelled();
            Verdict verdict = co_await std::move(cancelling);
            co_return verdict;
        }
        if (std::optional<Verdict> again = password_again(answer)) {
            co_return again;
        }
        ++wrong_;
        note = "Please answer y, n or c.\n";
    }
    co_return too_many("no usable answer about a set-up that was broken off");
}

/// What Identity needs to let us set anything up.
Task<std::optional<Verdict>> SetUp::begin(const Secret* session_token, std::string user_id) {
    if (session_token != nullptr) {
        state_->session_token = session_token->clone();
        state_->user_id = std::move(user_id);
        co_return std::nullopt;
    }
    if (state_->setup_token.held()) {
        co_return std::nullopt; // from before the connection was lost
    }
    Task<FactorAnswer<identity::SetupSession>> asking =
        services_.factors->begin_setup(subject_.account, *password_);
    FactorAnswer<identity::SetupSession> answer = co_await std::move(asking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&answer)) {
        Verdict verdict = refused_by_identity(*refusal, "a token to set up MFA");
        co_return verdict;
    }
    auto& session = std::get<identity::SetupSession>(answer);
    if (session.user_id.empty()) { // one of the documents shows a reply without a user
        Task<FactorAnswer<identity::FactorState>> looking =
            services_.factors->state(session.token.text(), subject_.account.name);
        const FactorAnswer<identity::FactorState> found = co_await std::move(looking);
        if (const auto* facts = std::get_if<identity::FactorState>(&found)) {
            session.user_id = facts->user_id;
        }
    }
    if (session.user_id.empty()) {
        co_return Verdict::refused(State::Denied, Reason::MfaSetupRequired,
                                   "Identity's token for setting up MFA does not say whose it is")
            .telling(kSetUpElsewhere);
    }
    state_->setup_token = std::move(session.token);
    state_->user_id = std::move(session.user_id);
    co_return std::nullopt;
}

Task<Secret> SetUp::ask(Message question) {
    std::vector<Message> questions;
    questions.push_back(std::move(question));
    Task<std::vector<Secret>> asking = person_.ask(std::move(questions));
    std::vector<Secret> answers = co_await std::move(asking);
    Secret answer = trimmed(answers.at(0));
    co_return answer;
}

/// The person says so: nothing half done is left.
Task<Verdict> SetUp::cancelled() {
    Task<void> undoing = services_.enrolments.undo(std::move(state_), services_.factors);
    co_await std::move(undoing);
    co_return Verdict::refused(State::Denied, Reason::Cancelled, "the set-up was cancelled")
        .telling("Nothing was set up.");
}

Verdict SetUp::too_many(const char* what) {
    return Verdict::refused(State::MaxTries, Reason::WrongCredentials, what)
        .telling("Too many answers that do not fit. Sign in again within 15 minutes to go on "
                 "where this stopped.");
}

/// A client that knows one answer only would give the password to every question.
std::optional<Verdict> SetUp::password_again(const Secret& answer) {
    const bool again = (password_ != nullptr && answer.equals(*password_)) ||
                       (typed_ != nullptr && answer.equals(*typed_));
    if (answer.empty() || !again) {
        return std::nullopt;
    }
    services_.limiter.ban_password_only_client(subject_.account.name, subject_.origin);
    return Verdict::refused(State::Denied, Reason::PasswordOnlyClient,
                            "the client answered a question of the set-up with the password; sshd "
                            "needs KbdInteractiveAuthentication yes")
        .telling("This client cannot be asked anything: it sent the password again.");
}

Task<std::optional<Verdict>> SetUp::choose() {
    if (state_->kind) {
        co_return std::nullopt;
    }
    // ssh(1) writes "(user@host) " before the first line: short, so that it fits.
    std::string note =
        password_ != nullptr
            ? fmt::format("Rackspace demands a second factor of this account.\nNone is set up yet. "
                          "That can be done here and now, within {}.\n",
                          in_words(time_left(context_, services_.settings)))
            : std::string();
    while (wrong_ < kMaxWrong) {
        Task<Secret> asking =
            ask({MessageKind::Text, fmt::format("{}  1  an authenticator app on your phone\n"
                                                "  2  text messages (SMS) to a mobile phone\n"
                                                "  c  cancel\n"
                                                "Which [1, 2, c]? ",
                                                note)});
        const Secret answer = co_await std::move(asking);
        if (says(answer, "1", "otp")) {
            state_->kind = FactorKind::Otp;
            co_return std::nullopt;
        }
        if (says(answer, "2", "sms")) {
            state_->kind = FactorKind::Sms;
            co_return std::nullopt;
        }
        if (says(answer, "c", "cancel")) {
            Task<Verdict> cancelling = cancelled();
            Verdict verdict = co_await std::move(cancelling);
            co_return verdict;
        }
        if (std::optional<Verdict> again = password_again(answer)) {
            co_return again;
        }
        ++wrong_;
        note = "Please answer 1, 2 or c.\n";
    }
    co_return Verdict::refused(State::Denied, Reason::MfaSetupRequired,
                               "no usable answer to the offer to set up MFA")
        .telling(kSetUpElsewhere);
}

Message SetUp::code_question(const enrolment::KeyUri& key) const {
    auto text = std::make_shared<Secret>();
    text->reserve(kMaxSecretBytes);
    text->append(note_);
    // ssh(1) writes user and host before the first line: the drawing begins on one of its own.
    if (const auto drawing = enrolment::draw_qr(state_->key_uri, style_)) {
        text->append("Scan this with the authenticator app:\n");
        text->append(drawing->view());
        text->append("or type the key into it (time-based): ");
    } else {
        text->append("Type this key into the authenticator app (time-based): ");
    }
    text->append(key.key.view());
    text->append("\nThen type the passcode that it shows [a: in plain characters, c: "
                 "cancel]: ");
    Message question{MessageKind::Text, {}};
    question.secret_text = std::move(text);
    return question;
}

Task<std::optional<Verdict>> SetUp::authenticator() {
    if (state_->device.empty()) {
        Task<FactorAnswer<identity::OtpDevice>> adding =
            services_.factors->add_otp_device(who(), device_name_);
        FactorAnswer<identity::OtpDevice> answer = co_await std::move(adding);
        if (const auto* refusal = std::get_if<FactorRefusal>(&answer)) {
            co_return refused_by_identity(*refusal, "a new authenticator");
        }
        auto& device = std::get<identity::OtpDevice>(answer);
        state_->device = std::move(device.id);
        state_->key_uri = std::move(device.key_uri);
    }
    const std::optional<enrolment::KeyUri> key = enrolment::read_key_uri(state_->key_uri);
    if (!key) {
        Task<Verdict> cancelling = cancelled();
        Verdict undone = co_await std::move(cancelling);
        co_return Verdict::refused(State::Unavailable, Reason::IdentityFault,
                                   "the new authenticator's key URI cannot be used")
            .telling("Rackspace Identity gave no usable key. Try again later.");
    }
    while (wrong_ < kMaxWrong) {
        Task<Secret> asking = ask(code_question(*key));
        const Secret answer = co_await std::move(asking);
        note_.clear();
        if (says(answer, "c", "cancel")) {
            Task<Verdict> cancelling = cancelled();
            Verdict verdict = co_await std::move(cancelling);
            co_return verdict;
        }
        if (says(answer, "a", "ascii") && drawings_left_ > 0) {
            --drawings_left_;
            style_ = enrolment::QrStyle::Ascii;
            continue;
        }
        if (std::optional<Verdict> again = password_again(answer)) {
            co_return again;
        }
        const std::optional<Secret> code = passcode_from(answer.view());
        ++wrong_;
        if (!code) {
            note_ = "A passcode consists of digits only.\n";
            continue;
        }
        Task<FactorAnswer<Done>> verifying =
            services_.factors->verify_otp_device(who(), state_->device, *code);
        const FactorAnswer<Done> verified = co_await std::move(verifying);
        const auto* refusal = std::get_if<FactorRefusal>(&verified);
        // Verified already: by an answer that was lost. The sign-in that follows proves it anyway.
        if (refusal == nullptr || refusal->cause == Cause::Conflict) {
            state_->verified = true;
            state_->key_uri.clear();
            co_return std::nullopt;
        }
        if (refusal->cause != Cause::WrongCode) {
            co_return refused_by_identity(*refusal, "the authenticator's passcode");
        }
        note_ = "That passcode was not accepted. Is the clock of the phone right?\n";
    }
    co_return too_many("wrong passcodes while setting up an authenticator");
}

Task<std::optional<Verdict>> SetUp::phone() {
    if (state_->device.empty()) {
        Task<std::optional<Verdict>> adding = add_phone();
        std::optional<Verdict> ended = co_await std::move(adding);
        if (ended) {
            co_return ended;
        }
    }
    if (!state_->pin_sent) {
        Task<std::optional<Verdict>> sending = send_pin();
        std::optional<Verdict> ended = co_await std::move(sending);
        if (ended) {
            co_return ended;
        }
    }
    while (wrong_ < kMaxWrong) {
        Task<Secret> asking = ask(
            {MessageKind::Text,
             fmt::format(
                 "{}A text message with a PIN is on its way to {}.\nPIN [{}c: cancel]: ", note_,
                 enrolment::masked(state_->number), resends_left_ > 0 ? "r: send another, " : "")});
        const Secret answer = co_await std::move(asking);
        note_.clear();
        if (says(answer, "c", "cancel")) {
            Task<Verdict> cancelling = cancelled();
            Verdict verdict = co_await std::move(cancelling);
            co_return verdict;
        }
        if (says(answer, "r", "resend")) {
            if (resends_left_ == 0) {
                ++wrong_;
                note_ = "No further text message will be sent for now.\n";
                continue;
            }
            --resends_left_;
            Task<std::optional<Verdict>> sending = send_pin();
            std::optional<Verdict> ended = co_await std::move(sending);
            if (ended) {
                co_return ended;
            }
            continue;
        }
        if (std::optional<Verdict> again = password_again(answer)) {
            co_return again;
        }
        const std::optional<Secret> pin = passcode_from(answer.view());
        ++wrong_;
        if (!pin) {
            note_ = "A PIN consists of digits only.\n";
            continue;
        }
        Task<FactorAnswer<Done>> verifying =
            services_.factors->verify_phone(who(), state_->device, *pin);
        const FactorAnswer<Done> verified = co_await std::move(verifying);
        const auto* refusal = std::get_if<FactorRefusal>(&verified);
        // Verified already: by an answer that was lost. The sign-in that follows proves it anyway.
        if (refusal == nullptr || refusal->cause == Cause::Conflict) {
            state_->verified = true;
            co_return std::nullopt;
        }
        if (refusal->cause != Cause::WrongCode) {
            co_return refused_by_identity(*refusal, "the phone's PIN");
        }
        note_ = "That PIN was not accepted: it is wrong or too old.\n";
    }
    co_return too_many("wrong PINs while setting up a phone");
}

Task<std::optional<Verdict>> SetUp::add_phone() {
    while (wrong_ < kMaxWrong) {
        Task<Secret> asking = ask(
            {MessageKind::Text,
             fmt::format("{}Number of the mobile phone, with its country code (+1 512-555-0100) "
                         "[c: cancel]: ",
                         note_)});
        const Secret answer = co_await std::move(asking);
        note_.clear();
        if (says(answer, "c", "cancel")) {
            Task<Verdict> cancelling = cancelled();
            Verdict verdict = co_await std::move(cancelling);
            co_return verdict;
        }
        if (std::optional<Verdict> again = password_again(answer)) {
            co_return again;
        }
        ++wrong_;
        std::optional<Secret> number = enrolment::read_phone_number(answer);
        if (!number) {
            note_ = "That is no number: it begins with + and the country code.\n";
            continue;
        }
        Task<FactorAnswer<identity::Phone>> adding = services_.factors->add_phone(who(), *number);
        FactorAnswer<identity::Phone> added = co_await std::move(adding);
        if (auto* done = std::get_if<identity::Phone>(&added)) {
            state_->device = std::move(done->id);
            state_->number = std::move(*number);
            --wrong_;
            co_return std::nullopt;
        }
        const auto& refusal = std::get<FactorRefusal>(added);
        if (refusal.cause != Cause::Conflict) {
            co_return refused_by_identity(refusal, "a phone");
        }
        Task<std::optional<Verdict>> replacing = replace_unverified_phone(*number, refusal);
        std::optional<Verdict> ended = co_await std::move(replacing);
        if (ended || !state_->device.empty()) {
            co_return ended;
        }
    }
    co_return too_many("unusable phone numbers");
}

/// There is one phone for each user. One that was never verified is in the way of the one the
/// person has now: it goes. Nothing: `state_->device` says whether that helped.
Task<std::optional<Verdict>> SetUp::replace_unverified_phone(const Secret& number,
                                                             FactorRefusal refusal) {
    Task<FactorAnswer<std::vector<identity::Phone>>> listing = services_.factors->phones(who());
    const FactorAnswer<std::vector<identity::Phone>> listed = co_await std::move(listing);
    const auto* phones = std::get_if<std::vector<identity::Phone>>(&listed);
    const bool in_the_way = phones != nullptr && phones->size() == 1 && !phones->front().verified;
    if (phones != nullptr && phones->size() == 1 && phones->front().verified) {
        co_return Verdict::refused(State::Denied, Reason::ManagementRefused,
                                   "the account has a verified phone already")
            .telling("This account has a phone already, and can have one only. \"raxauth devices\" "
                     "shows it, \"raxauth devices remove ID\" removes it.");
    }
    if (in_the_way) {
        Task<FactorAnswer<Done>> removing =
            services_.factors->remove_phone(who(), phones->front().id);
        const FactorAnswer<Done> removed = co_await std::move(removing);
        if (std::holds_alternative<Done>(removed)) {
            Task<FactorAnswer<identity::Phone>> adding =
                services_.factors->add_phone(who(), number);
            FactorAnswer<identity::Phone> added = co_await std::move(adding);
            if (auto* done = std::get_if<identity::Phone>(&added)) {
                state_->device = std::move(done->id);
                state_->number = number.clone();
                co_return std::nullopt;
            }
            refusal = std::get<FactorRefusal>(std::move(added));
        }
    }
    note_ = fmt::format("Rackspace Identity does not take this number{}{}.\n",
                        refusal.message.empty() ? "" : ": ", refusal.message);
    co_return std::nullopt;
}

/// Counts as what it is: one more text message to somebody's phone.
Task<std::optional<Verdict>> SetUp::send_pin() {
    Task<limits::Limiter::Permission> asking =
        services_.limiter.reserve_challenge(subject_.account.name, subject_.origin);
    limits::Limiter::Permission permission = co_await std::move(asking);
    if (const auto* limit = std::get_if<limits::LimitRefusal>(&permission)) {
        if (state_->pin_sent) {
            resends_left_ = 0;
            note_ = "No further text message will be sent for now; the last PIN still counts.\n";
            co_return std::nullopt;
        }
        co_return throttled(*limit, services_.clock.wall(), "limits.challenges");
    }
    Task<FactorAnswer<Done>> sending = services_.factors->send_pin(who(), state_->device);
    const FactorAnswer<Done> sent = co_await std::move(sending);
    if (const auto* refusal = std::get_if<FactorRefusal>(&sent)) {
        if (refusal->status != 0) {
            std::get<0>(permission)->not_judged(); // an answer that is a no: nothing was sent
        }
        co_return refused_by_identity(*refusal, "a text message with a PIN");
    }
    state_->pin_sent = true;
    co_return std::nullopt;
}

Task<std::optional<Verdict>> SetUp::switch_on() {
    FactorAnswer<Done> enabled = Done{};
    if (!on_already_) {
        Task<void> gaining = gain_time(person_); // the verification may have taken most of it
        co_await std::move(gaining);
        Task<FactorAnswer<Done>> enabling = services_.factors->enable(who(), state_->kind);
        enabled = co_await std::move(enabling);
    }
    const auto* refusal = std::get_if<FactorRefusal>(&enabled);
    // Some servers switch it on with the verification, which ends the token for setting up.
    const bool on_already =
        refusal != nullptr && refusal->cause == Cause::TokenDead && state_->setup_token.held();
    if (refusal != nullptr && !on_already) {
        co_return refused_by_identity(*refusal, "multi-factor authentication");
    }
    journal::notice(fmt::format("second factor set up: user={} account={} kind={} service={} "
                                "remote-host={}",
                                context_.user, subject_.account.name, name_of(*state_->kind),
                                context_.service, context_.remote_host));
    state_.reset(); // and the token for setting up ends
    if (!on_already_) {
        co_await services_.sleep(kUntilEnabledCounts);
    }
    co_return std::nullopt;
}

} // namespace

Task<std::optional<Verdict>> enrol_at_sign_in(Person& person, const Context& context,
                                              Services& services, const Subject& subject,
                                              const Secret& password, const Secret& typed,
                                              SignInTrace& trace) {
    SetUp procedure(person, context, services, subject, &password, &typed, trace);
    Task<std::optional<Verdict>> running = procedure.run(std::nullopt, nullptr, {});
    std::optional<Verdict> ended = co_await std::move(running);
    co_return ended;
}

Task<Verdict> enrol(Person& person, Context context, Services services,
                    std::shared_ptr<SignInTrace> trace) {
    std::optional<FactorKind> kind;
    if (context.factor == "otp") {
        kind = FactorKind::Otp;
    } else if (context.factor == "sms") {
        kind = FactorKind::Sms;
    } else if (!context.factor.empty()) {
        co_return Verdict::refused(State::Denied, Reason::NotSupported, "an unknown kind of factor")
            .telling("A second factor is \"otp\" or \"sms\".");
    }
    Task<SessionAccess> opening = open_session_access(person, context, services, trace);
    SessionAccess access = co_await std::move(opening);
    if (access.refusal) {
        co_return std::move(*access.refusal);
    }
    Task<FactorAnswer<identity::FactorState>> asking =
        services.factors->state(access.token, access.subject.account.name);
    const FactorAnswer<identity::FactorState> state = co_await std::move(asking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&state)) {
        if (refusal->cause == Cause::TokenDead) {
            services.sessions.token_dead(access.key, access.generation);
        }
        co_return refused_by_identity(*refusal, "the state of MFA");
    }
    const auto& facts = std::get<identity::FactorState>(state);
    SetUp procedure(person, context, services, access.subject, nullptr, nullptr, *trace);
    if (facts.enabled) {
        procedure.with_mfa_on();
    }
    if (!context.arguments.empty() && !context.arguments[0].empty()) {
        procedure.call_device(sanitise(context.arguments[0], 64));
    }
    Task<std::optional<Verdict>> running =
        procedure.run(kind, &access.token, std::move(access.user_id));
    std::optional<Verdict> ended = co_await std::move(running);
    if (ended) {
        if (ended->reason() == Reason::NoSignIn) {
            services.sessions.token_dead(access.key, access.generation);
        }
        co_return std::move(*ended);
    }
    Verdict done = Verdict::completed(Reason::Enrolled).because("set up and switched on");
    std::string text =
        "The second factor is set up. It will be asked for at the next sign-in; what "
        "was signed in with the password alone counts no more (\"raxauth login\").";
    if (facts.enabled) {
        text =
            facts.factor == kind || !kind
                ? "The device is added."
                : fmt::format("The device is added. Passcodes go on coming from the other factor "
                              "until you say: raxauth mfa default {}",
                              kind == FactorKind::Otp ? "otp" : "sms");
    }
    done.messages.push_back({MessageKind::Info, std::move(text)});
    co_return done;
}

} // namespace raxauth::flows
