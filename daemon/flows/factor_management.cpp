// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/factor_management.h"

#include "common/secret_pipe.h"
#include "daemon/enrolment/phone_number.h"
#include "daemon/flows/passcode.h"
#include "daemon/flows/prompts.h"
#include "daemon/flows/reuse.h"
#include "daemon/identity/json_writer.h"
#include "daemon/journal/journal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/core.h>
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
using identity::Enforcement;
using identity::FactorAnswer;
using identity::FactorKind;
using identity::FactorRefusal;
using Cause = identity::FactorRefusal::Cause;

constexpr unsigned kMaxBypassCodes = 10;
constexpr unsigned kMaxBypassMinutes = 180;
constexpr unsigned kMaxCodes = 3; ///< typed for one device

std::string_view word_of(Enforcement level) {
    switch (level) {
    case Enforcement::Default:
        return "default";
    case Enforcement::Optional:
        return "optional";
    case Enforcement::Required:
        return "required";
    case Enforcement::Mandated:
        return "mandated";
    }
    return "";
}

std::optional<Enforcement> enforcement_from(std::string_view word) {
    for (const Enforcement level :
         {Enforcement::Default, Enforcement::Optional, Enforcement::Required}) {
        if (word == word_of(level)) {
            return level;
        }
    }
    return std::nullopt; // mandated: by Rackspace alone
}

std::optional<FactorKind> factor_from(std::string_view word) {
    if (word == "otp") {
        return FactorKind::Otp;
    }
    return word == "sms" ? std::optional(FactorKind::Sms) : std::nullopt;
}

/// A number from 1 to `most`; nothing else.
std::optional<unsigned> number_from(std::string_view text, unsigned most) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && number >= 1 && number <= most ? std::optional(number) : std::nullopt;
}

/// JSON written straight into a Secret: it may hold codes and numbers.
class Json {
  public:
    Json() { text_.reserve(1024); }

    Json& open(char bracket) {
        separate();
        text_.append(bracket);
        first_ = true;
        return *this;
    }
    Json& close(char bracket) {
        text_.append(bracket);
        first_ = false;
        return *this;
    }
    Json& key(std::string_view name) {
        string(name);
        text_.append(':');
        first_ = true;
        return *this;
    }
    Json& string(std::string_view value) {
        separate();
        if (!identity::append_json_string(text_, value)) {
            text_.append('"'); // not UTF-8: cut short
        }
        return *this;
    }
    Json& plain(std::string_view value) {
        separate();
        text_.append(value);
        return *this;
    }
    Json& add(std::string_view name, std::string_view value) { return key(name).string(value); }
    Json& add(std::string_view name, bool value) {
        return key(name).plain(value ? "true" : "false");
    }

    std::shared_ptr<const Secret> take() {
        return std::make_shared<const Secret>(std::move(text_));
    }

  private:
    void separate() {
        if (!first_) {
            text_.append(',');
        }
        first_ = false;
    }
    Secret text_;
    bool first_ = true;
};

std::shared_ptr<const Secret> nothing_to_tell() {
    return std::make_shared<const Secret>(std::string_view("{}"));
}

Verdict done(std::shared_ptr<const Secret> result, std::string text, std::string why) {
    if (result->size() > kMaxSecretBytes) {
        return Verdict::refused(State::Unavailable, Reason::IdentityFault,
                                "Identity told more than a reply can hold")
            .telling("Rackspace Identity told more than can be shown.");
    }
    Verdict verdict = Verdict::completed(Reason::Done, std::move(result)).because(std::move(why));
    if (!text.empty()) {
        verdict.messages.push_back({MessageKind::Info, std::move(text)});
    }
    return verdict;
}

Verdict misused(const char* text) {
    return Verdict::refused(State::Denied, Reason::NotSupported, "an unusable request")
        .telling(text);
}

class FactorManagement {
  public:
    FactorManagement(Person& person, const Context& context, Services& services,
                     SessionAccess& access)
        : person_(person), context_(context), services_(services), access_(access) {}

    Task<Verdict> run();

  private:
    using Step = Task<Verdict> (FactorManagement::*)();
    struct Verb {
        std::string_view name;
        std::size_t arguments_least;
        std::size_t arguments_most;
        Step step;
    };
    static const std::array<Verb, 12> kVerbs;

    Task<Verdict> status();
    Task<Verdict> devices();
    Task<Verdict> remove_device();
    Task<Verdict> verify_device();
    Task<std::optional<Verdict>> send_pin(const std::string& phone);
    Task<Verdict> set_default();
    Task<Verdict> enable();
    Task<Verdict> disable();
    Task<Verdict> bypass_codes();
    Task<Verdict> unlock();
    Task<Verdict> require();
    Task<Verdict> show_domain();
    Task<Verdict> set_domain();

    struct Devices {
        std::optional<FactorRefusal> refusal;
        std::vector<identity::OtpDevice> authenticators;
        std::vector<identity::Phone> phones;
    };
    Task<Devices> all_devices();
    Task<FactorAnswer<identity::FactorState>> own_state();
    /// The id behind a user name, for an administrator's acts on others.
    Task<FactorAnswer<identity::FactorState>> state_of_other();
    static void write_devices(Json& json, const Devices& devices, bool numbers);

    Verdict refused(const FactorRefusal& refusal, std::string_view what);
    const std::string& argument(std::size_t place) const { return context_.arguments.at(place); }
    identity::Acting self() const { return {access_.token, access_.user_id}; }

    Person& person_;
    const Context& context_;
    Services& services_;
    SessionAccess& access_;
};

const std::array<FactorManagement::Verb, 12> FactorManagement::kVerbs{{
    {"mfa-status", 0, 0, &FactorManagement::status},
    {"devices", 0, 1, &FactorManagement::devices},
    {"devices-remove", 1, 1, &FactorManagement::remove_device},
    {"mfa-default", 1, 1, &FactorManagement::set_default},
    {"devices-verify", 1, 1, &FactorManagement::verify_device},
    {"mfa-enable", 0, 1, &FactorManagement::enable},
    {"mfa-disable", 0, 1, &FactorManagement::disable},
    {"bypass-codes", 0, 3, &FactorManagement::bypass_codes},
    {"mfa-unlock", 1, 1, &FactorManagement::unlock},
    {"mfa-require", 2, 2, &FactorManagement::require},
    {"mfa-domain-show", 0, 0, &FactorManagement::show_domain},
    {"mfa-domain-set", 1, 1, &FactorManagement::set_domain},
}};

Task<Verdict> FactorManagement::run() {
    for (const Verb& verb : kVerbs) {
        const std::size_t given = context_.arguments.size();
        if (verb.name == context_.verb && given >= verb.arguments_least &&
            given <= verb.arguments_most) {
            Task<Verdict> doing = (this->*verb.step)();
            Verdict verdict = co_await std::move(doing);
            co_return verdict;
        }
    }
    co_return misused("This version of raxauthd does not know that request.");
}

Verdict FactorManagement::refused(const FactorRefusal& refusal, std::string_view what) {
    if (refusal.cause == Cause::TokenDead) {
        services_.sessions.token_dead(access_.key, access_.generation);
    }
    return refused_by_identity(refusal, what);
}

Task<FactorAnswer<identity::FactorState>> FactorManagement::own_state() {
    Task<FactorAnswer<identity::FactorState>> asking =
        services_.factors->state(access_.token, access_.subject.account.name);
    FactorAnswer<identity::FactorState> state = co_await std::move(asking);
    co_return state;
}

Task<FactorAnswer<identity::FactorState>> FactorManagement::state_of_other() {
    Task<FactorAnswer<identity::FactorState>> asking =
        services_.factors->state(access_.token, argument(0));
    FactorAnswer<identity::FactorState> state = co_await std::move(asking);
    co_return state;
}

Task<FactorManagement::Devices> FactorManagement::all_devices() {
    Devices all;
    Task<FactorAnswer<std::vector<identity::OtpDevice>>> first =
        services_.factors->otp_devices(self());
    FactorAnswer<std::vector<identity::OtpDevice>> authenticators = co_await std::move(first);
    if (const auto* refusal = std::get_if<FactorRefusal>(&authenticators)) {
        all.refusal = *refusal;
        co_return all;
    }
    Task<FactorAnswer<std::vector<identity::Phone>>> second = services_.factors->phones(self());
    FactorAnswer<std::vector<identity::Phone>> phones = co_await std::move(second);
    if (const auto* refusal = std::get_if<FactorRefusal>(&phones)) {
        all.refusal = *refusal;
        co_return all;
    }
    all.authenticators = std::move(std::get<0>(authenticators));
    all.phones = std::move(std::get<0>(phones));
    co_return all;
}

void FactorManagement::write_devices(Json& json, const Devices& devices, bool numbers) {
    json.key("otp_devices").open('[');
    for (const identity::OtpDevice& device : devices.authenticators) {
        json.open('{')
            .add("id", device.id)
            .add("name", device.name)
            .add("verified", device.verified)
            .close('}');
    }
    json.close(']').key("phones").open('[');
    for (const identity::Phone& phone : devices.phones) {
        json.open('{').add("id", phone.id);
        if (numbers) {
            json.add("number", phone.number.view());
        } else {
            json.add("number", enrolment::masked(phone.number));
        }
        json.add("verified", phone.verified).close('}');
    }
    json.close(']');
}

Task<Verdict> FactorManagement::status() {
    Task<FactorAnswer<identity::FactorState>> asking = own_state();
    const FactorAnswer<identity::FactorState> state = co_await std::move(asking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&state)) {
        co_return refused(*refusal, "the state of MFA");
    }
    const auto& facts = std::get<identity::FactorState>(state);
    Task<Devices> listing = all_devices();
    const Devices devices = co_await std::move(listing);
    if (devices.refusal) {
        co_return refused(*devices.refusal, "the list of devices");
    }
    std::string_view domain_level; // not everybody may see it
    std::optional<FactorAnswer<Enforcement>> domain;
    if (!facts.domain_id.empty()) {
        Task<FactorAnswer<Enforcement>> reading =
            services_.factors->domain_enforcement(access_.token, facts.domain_id);
        FactorAnswer<Enforcement> read = co_await std::move(reading);
        domain = std::move(read);
        if (const auto* level = std::get_if<Enforcement>(&*domain)) {
            domain_level = word_of(*level);
        }
    }
    std::string_view factor;
    if (facts.factor) {
        factor = *facts.factor == FactorKind::Otp ? "otp" : "sms";
    }
    Json json;
    json.open('{')
        .add("account", access_.subject.account.name)
        .add("enabled", facts.enabled)
        .add("locked", facts.locked)
        .add("factor", factor)
        .add("enforcement", word_of(facts.enforcement))
        .add("domain", facts.domain_id)
        .add("domain_enforcement", domain_level);
    write_devices(json, devices, /* numbers= */ false);
    json.close('}');
    co_return done(json.take(), {}, "status told");
}

Task<Verdict> FactorManagement::devices() {
    const bool numbers = !context_.arguments.empty() && argument(0) == "numbers";
    Task<Devices> listing = all_devices();
    const Devices devices = co_await std::move(listing);
    if (devices.refusal) {
        co_return refused(*devices.refusal, "the list of devices");
    }
    Json json;
    json.open('{');
    write_devices(json, devices, numbers);
    json.close('}');
    co_return done(json.take(), {}, "devices told");
}

Task<Verdict> FactorManagement::remove_device() {
    Task<Devices> listing = all_devices();
    const Devices devices = co_await std::move(listing);
    if (devices.refusal) {
        co_return refused(*devices.refusal, "the list of devices");
    }
    bool is_phone = false;
    bool is_authenticator = false;
    for (const identity::Phone& phone : devices.phones) {
        is_phone = is_phone || phone.id == argument(0);
    }
    for (const identity::OtpDevice& device : devices.authenticators) {
        is_authenticator = is_authenticator || device.id == argument(0);
    }
    if (!is_phone && !is_authenticator) {
        co_return misused("There is no device with this id; \"raxauth devices\" lists them.");
    }
    Task<FactorAnswer<Done>> removing =
        is_phone ? services_.factors->remove_phone(self(), argument(0))
                 : services_.factors->remove_otp_device(self(), argument(0));
    const FactorAnswer<Done> removed = co_await std::move(removing);
    if (const auto* refusal = std::get_if<FactorRefusal>(&removed)) {
        if (refusal->cause == Cause::Conflict) {
            co_return refused_by_identity(*refusal, "removing a device")
                .telling(is_phone ? "The phone is in use while SMS is the factor: choose the other "
                                    "one first (raxauth mfa default otp), or switch MFA off."
                                  : "The last authenticator is in use: add another, choose the "
                                    "other factor (raxauth mfa default sms), or switch MFA off.");
        }
        co_return refused(*refusal, "removing a device");
    }
    journal::notice(fmt::format("second factor removed: user={} account={} kind={}", context_.user,
                                access_.subject.account.name, is_phone ? "SMS" : "authenticator"));
    co_return done(nothing_to_tell(), "The device is removed.", "device removed");
}

Task<Verdict> FactorManagement::set_default() {
    const std::optional<FactorKind> kind = factor_from(argument(0));
    if (!kind) {
        co_return misused("A second factor is \"otp\" or \"sms\".");
    }
    Task<FactorAnswer<Done>> setting = services_.factors->set_default(self(), *kind);
    const FactorAnswer<Done> set = co_await std::move(setting);
    if (const auto* refusal = std::get_if<FactorRefusal>(&set)) {
        if (refusal->cause == Cause::Conflict) {
            co_return refused_by_identity(*refusal, "another default factor")
                .telling("That needs MFA to be on, and a verified device of that kind: \"raxauth "
                         "mfa status\" shows both.");
        }
        co_return refused(*refusal, "another default factor");
    }
    co_return done(nothing_to_tell(),
                   *kind == FactorKind::Otp
                       ? "Passcodes come from the authenticator app from now on."
                       : "Passcodes come as text messages from now on.",
                   "default factor changed");
}

/// One more text message, counted as any other. A verdict where there is none to be had.
Task<std::optional<Verdict>> FactorManagement::send_pin(const std::string& phone) {
    Task<limits::Limiter::Permission> asking =
        services_.limiter.reserve_challenge(access_.subject.account.name, access_.subject.origin);
    limits::Limiter::Permission permission = co_await std::move(asking);
    if (const auto* limit = std::get_if<limits::LimitRefusal>(&permission)) {
        co_return throttled(*limit, services_.clock.wall(), "limits.challenges");
    }
    Task<FactorAnswer<Done>> sending = services_.factors->send_pin(self(), phone);
    const FactorAnswer<Done> sent = co_await std::move(sending);
    if (const auto* refusal = std::get_if<FactorRefusal>(&sent)) {
        if (refusal->status != 0) {
            std::get<0>(permission)->not_judged();
        }
        co_return refused(*refusal, "a text message with a PIN");
    }
    co_return std::nullopt;
}

Task<Verdict> FactorManagement::verify_device() {
    Task<Devices> listing = all_devices();
    const Devices devices = co_await std::move(listing);
    if (devices.refusal) {
        co_return refused(*devices.refusal, "the list of devices");
    }
    const identity::Phone* phone = nullptr;
    for (const identity::Phone& one : devices.phones) {
        phone = one.id == argument(0) ? &one : phone;
    }
    const bool is_authenticator =
        std::any_of(devices.authenticators.begin(), devices.authenticators.end(),
                    [&](const identity::OtpDevice& one) { return one.id == argument(0); });
    if (phone == nullptr && !is_authenticator) {
        co_return misused("There is no device with this id; \"raxauth devices\" lists them.");
    }
    if (!context_.interactive) {
        co_return misused("A code has to be typed: run it on a terminal, or with --stdin.");
    }
    if (phone != nullptr) {
        Task<std::optional<Verdict>> sending = send_pin(phone->id);
        std::optional<Verdict> ended = co_await std::move(sending);
        if (ended) {
            co_return std::move(*ended);
        }
    }
    std::string note;
    for (unsigned tries = 0; tries < kMaxCodes; ++tries) {
        std::vector<Message> question;
        question.push_back(
            {MessageKind::Text,
             phone != nullptr
                 ? fmt::format("{}A text message with a PIN is on its way to {}.\nPIN: ", note,
                               enrolment::masked(phone->number))
                 : fmt::format("{}Passcode that the authenticator app shows: ", note)});
        Task<std::vector<Secret>> typing = person_.ask(std::move(question));
        const std::vector<Secret> answers = co_await std::move(typing);
        const std::optional<Secret> code = passcode_from(answers.at(0).view());
        if (!code) {
            note = "Digits only, please.\n";
            continue;
        }
        Task<FactorAnswer<Done>> verifying =
            phone != nullptr ? services_.factors->verify_phone(self(), argument(0), *code)
                             : services_.factors->verify_otp_device(self(), argument(0), *code);
        const FactorAnswer<Done> verified = co_await std::move(verifying);
        const auto* refusal = std::get_if<FactorRefusal>(&verified);
        if (refusal == nullptr) {
            journal::notice(fmt::format("second factor verified: user={} account={} kind={}",
                                        context_.user, access_.subject.account.name,
                                        phone != nullptr ? "SMS" : "authenticator"));
            co_return done(nothing_to_tell(),
                           "The device is verified. Where MFA is off, \"raxauth mfa enable\" "
                           "switches it on.",
                           "device verified");
        }
        if (refusal->cause != Cause::WrongCode) {
            co_return refused(*refusal, "verifying a device");
        }
        note = "That code was not accepted.\n";
    }
    co_return Verdict::refused(State::MaxTries, Reason::WrongCredentials, "wrong codes")
        .telling("The device is not verified.");
}

Task<Verdict> FactorManagement::enable() {
    const bool chosen = !context_.arguments.empty();
    const std::optional<FactorKind> kind = chosen ? factor_from(argument(0)) : std::nullopt;
    if (chosen && !kind) {
        co_return misused("A second factor is \"otp\" or \"sms\".");
    }
    Task<FactorAnswer<Done>> enabling = services_.factors->enable(self(), kind);
    const FactorAnswer<Done> enabled = co_await std::move(enabling);
    if (const auto* refusal = std::get_if<FactorRefusal>(&enabled)) {
        if (refusal->cause == Cause::Conflict) {
            co_return refused_by_identity(*refusal, "switching MFA on")
                .telling("That needs a verified device (raxauth enrol, or raxauth devices verify "
                         "ID); with both kinds verified, say which: raxauth mfa enable otp.");
        }
        co_return refused(*refusal, "switching MFA on");
    }
    journal::notice(fmt::format("second factor switched on: user={} account={}", context_.user,
                                access_.subject.account.name));
    co_return done(nothing_to_tell(),
                   "Multi-factor authentication is on. It will be asked for at the next sign-in; "
                   "what was signed in with the password alone counts no more (\"raxauth login\").",
                   "MFA switched on");
}

Task<Verdict> FactorManagement::disable() {
    Task<FactorAnswer<identity::FactorState>> asking = own_state();
    const FactorAnswer<identity::FactorState> state = co_await std::move(asking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&state)) {
        co_return refused(*refusal, "the state of MFA");
    }
    const auto& facts = std::get<identity::FactorState>(state);
    bool demanded =
        facts.enforcement == Enforcement::Required || facts.enforcement == Enforcement::Mandated;
    bool mandated = facts.enforcement == Enforcement::Mandated;
    if (!facts.domain_id.empty()) {
        Task<FactorAnswer<Enforcement>> reading =
            services_.factors->domain_enforcement(access_.token, facts.domain_id);
        const FactorAnswer<Enforcement> domain = co_await std::move(reading);
        if (const auto* level = std::get_if<Enforcement>(&domain)) {
            demanded = demanded || *level == Enforcement::Required;
            mandated = mandated || *level == Enforcement::Mandated;
        }
    }
    std::string warning;
    if (mandated) {
        warning = "Rackspace mandates MFA for your domain: it will have to be set up again at the "
                  "next sign-in, or\nIdentity refuses this.\n";
    } else if (demanded) {
        warning = "Your account must have MFA: it will have to be set up again at the next "
                  "sign-in.\n";
    }
    if (!context_.interactive) {
        co_return misused("Switching MFA off has to be confirmed: run it on a terminal, or with "
                          "--stdin.");
    }
    const bool with_devices = !context_.arguments.empty() && argument(0) == "devices";
    std::vector<Message> question;
    question.push_back({MessageKind::Text,
                        fmt::format("{}Switch multi-factor authentication off for {}{}? The "
                                    "password alone will be\nenough then, and hosts that demand a "
                                    "second factor refuse you. [yes/no]: ",
                                    warning, access_.subject.account.name,
                                    with_devices ? " and remove all devices" : "")});
    Task<std::vector<Secret>> confirming = person_.ask(std::move(question));
    const std::vector<Secret> answers = co_await std::move(confirming);
    if (!trimmed(answers.at(0)).equals("yes")) {
        co_return Verdict::refused(State::Denied, Reason::Cancelled, "not confirmed")
            .telling("Nothing was changed: the answer was not \"yes\".");
    }
    Task<FactorAnswer<Done>> disabling =
        with_devices ? services_.factors->remove_all(self()) : services_.factors->disable(self());
    const FactorAnswer<Done> disabled = co_await std::move(disabling);
    if (const auto* refusal = std::get_if<FactorRefusal>(&disabled)) {
        co_return refused(*refusal, "switching MFA off");
    }
    journal::notice(fmt::format("second factor switched off: user={} account={}", context_.user,
                                access_.subject.account.name));
    co_return done(nothing_to_tell(),
                   with_devices ? "Multi-factor authentication is off, and all devices are removed."
                                : "Multi-factor authentication is off. The devices stay.",
                   "MFA switched off");
}

Task<Verdict> FactorManagement::bypass_codes() {
    const auto given = [&](std::size_t place) {
        return context_.arguments.size() > place && !argument(place).empty();
    };
    const std::optional<unsigned> count =
        given(0) ? number_from(argument(0), kMaxBypassCodes) : std::optional(1U);
    const std::optional<unsigned> minutes =
        given(1) ? number_from(argument(1), kMaxBypassMinutes) : std::optional(0U);
    if (!count || !minutes) {
        co_return misused("There are 1 to 10 codes at a time, good for 1 to 180 minutes.");
    }
    const std::optional<std::chrono::minutes> valid_for =
        given(1) ? std::optional(std::chrono::minutes(*minutes)) : std::nullopt;
    identity::Acting whose = self();
    std::string account = access_.subject.account.name;
    if (given(2)) {
        if (*count != 1) {
            co_return misused("For another user there is one code at a time.");
        }
        Task<FactorAnswer<identity::FactorState>> looking =
            services_.factors->state(access_.token, argument(2));
        const FactorAnswer<identity::FactorState> found = co_await std::move(looking);
        if (const auto* refusal = std::get_if<FactorRefusal>(&found)) {
            co_return refused(*refusal, "the user");
        }
        whose.user_id = std::get<identity::FactorState>(found).user_id;
        account = argument(2);
    }
    Task<FactorAnswer<std::vector<Secret>>> asking =
        services_.factors->bypass_codes(whose, *count, valid_for);
    const FactorAnswer<std::vector<Secret>> answer = co_await std::move(asking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&answer)) {
        if (refusal->cause == Cause::Conflict) {
            co_return refused_by_identity(*refusal, "bypass codes")
                .telling("Bypass codes exist only where MFA is on: see \"raxauth mfa status\".");
        }
        co_return refused(*refusal, "bypass codes");
    }
    Json json;
    json.open('{').key("codes").open('[');
    for (const Secret& code : std::get<0>(answer)) {
        json.string(code.view());
    }
    json.close(']').key("valid_for_minutes");
    json.plain(valid_for ? std::to_string(valid_for->count()) : "null");
    json.close('}');
    journal::notice(fmt::format("bypass codes issued: user={} account={} count={}", context_.user,
                                account, std::get<0>(answer).size()));
    co_return done(json.take(), {}, "bypass codes issued");
}

Task<Verdict> FactorManagement::unlock() {
    Task<FactorAnswer<identity::FactorState>> asking = state_of_other();
    const FactorAnswer<identity::FactorState> state = co_await std::move(asking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&state)) {
        co_return refused(*refusal, "the user to unlock");
    }
    Task<FactorAnswer<Done>> unlocking =
        services_.factors->unlock({access_.token, std::get<identity::FactorState>(state).user_id});
    const FactorAnswer<Done> unlocked = co_await std::move(unlocking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&unlocked)) {
        co_return refused(*refusal, "unlocking a user");
    }
    journal::notice(
        fmt::format("account unlocked at Identity: by={} account={}", context_.user, argument(0)));
    co_return done(nothing_to_tell(), fmt::format("{} is unlocked.", argument(0)), "unlocked");
}

Task<Verdict> FactorManagement::require() {
    const std::optional<Enforcement> level = enforcement_from(argument(1));
    if (!level) {
        co_return misused("The level is \"default\", \"optional\" or \"required\".");
    }
    Task<FactorAnswer<identity::FactorState>> asking = state_of_other();
    const FactorAnswer<identity::FactorState> state = co_await std::move(asking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&state)) {
        co_return refused(*refusal, "the user");
    }
    Task<FactorAnswer<Done>> requiring = services_.factors->require(
        {access_.token, std::get<identity::FactorState>(state).user_id}, *level);
    const FactorAnswer<Done> required = co_await std::move(requiring);
    if (const auto* refusal = std::get_if<FactorRefusal>(&required)) {
        co_return refused(*refusal, "a user's enforcement level");
    }
    journal::notice(fmt::format("enforcement of MFA changed: by={} account={} level={}",
                                context_.user, argument(0), argument(1)));
    co_return done(nothing_to_tell(),
                   fmt::format("MFA is now \"{}\" for {}.", argument(1), argument(0)),
                   "enforcement changed");
}

Task<Verdict> FactorManagement::show_domain() {
    Task<FactorAnswer<identity::FactorState>> asking = own_state();
    const FactorAnswer<identity::FactorState> state = co_await std::move(asking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&state)) {
        co_return refused(*refusal, "the domain");
    }
    const std::string& domain = std::get<identity::FactorState>(state).domain_id;
    Task<FactorAnswer<Enforcement>> reading =
        services_.factors->domain_enforcement(access_.token, domain);
    const FactorAnswer<Enforcement> level = co_await std::move(reading);
    if (const auto* refusal = std::get_if<FactorRefusal>(&level)) {
        co_return refused(*refusal, "the domain's enforcement level");
    }
    Json json;
    json.open('{')
        .add("domain", domain)
        .add("enforcement", word_of(std::get<Enforcement>(level)))
        .close('}');
    co_return done(json.take(), {}, "domain told");
}

Task<Verdict> FactorManagement::set_domain() {
    const std::optional<Enforcement> level = enforcement_from(argument(0));
    if (!level || *level == Enforcement::Default) {
        co_return misused("The level of a domain is \"optional\" or \"required\".");
    }
    Task<FactorAnswer<identity::FactorState>> asking = own_state();
    const FactorAnswer<identity::FactorState> state = co_await std::move(asking);
    if (const auto* refusal = std::get_if<FactorRefusal>(&state)) {
        co_return refused(*refusal, "the domain");
    }
    const std::string& domain = std::get<identity::FactorState>(state).domain_id;
    Task<FactorAnswer<Done>> setting =
        services_.factors->set_domain_enforcement(access_.token, domain, *level);
    const FactorAnswer<Done> set = co_await std::move(setting);
    if (const auto* refusal = std::get_if<FactorRefusal>(&set)) {
        co_return refused(*refusal, "the domain's enforcement level");
    }
    journal::notice(fmt::format("enforcement of MFA changed: by={} domain={} level={}",
                                context_.user, domain, argument(0)));
    co_return done(
        nothing_to_tell(),
        fmt::format("MFA is now \"{}\" for all users of domain {}.", argument(0), domain),
        "enforcement changed");
}

} // namespace

Task<void> gain_time(Person& person) {
    Task<std::vector<Secret>> acknowledging = person.ask({});
    const std::vector<Secret> nothing = co_await std::move(acknowledging);
    static_cast<void>(nothing);
}

Secret trimmed(const Secret& answer) {
    std::string_view text = answer.view();
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && blank(text.back())) {
        text.remove_suffix(1);
    }
    return Secret(text);
}

Verdict throttled(const limits::LimitRefusal& refusal, WallTime now, std::string_view rule) {
    const std::string when = time_of_day(refusal.until, now);
    if (refusal.password_only_client) {
        return Verdict::refused(
                   State::Denied, Reason::PasswordOnlyClient,
                   fmt::format("the client gave the password to every prompt; again from {}", when))
            .telling(fmt::format("This client cannot be asked for a passcode. Try again at {} with "
                                 "one that can.",
                                 when));
    }
    return Verdict::refused(State::Denied, Reason::Throttled,
                            fmt::format("{}; again from {}", rule, when))
        .telling(fmt::format("Too many attempts for this account. Try again at {}.", when));
}

Verdict refused_by_identity(const FactorRefusal& refusal, std::string_view what) {
    // What holds that many digits may be a telephone number, however it is written.
    const auto digits = std::count_if(refusal.message.begin(), refusal.message.end(),
                                      [](char c) { return c >= '0' && c <= '9'; });
    const std::string words = digits < 7 ? refusal.message : std::string();
    const auto no = [&](State state, Reason reason, std::string text) {
        std::string why = fmt::format("{}: HTTP {}", what, refusal.status);
        const std::string& more = words.empty() ? refusal.detail : words;
        if (!more.empty()) {
            why += ", " + more;
        }
        if (!words.empty()) {
            text += fmt::format(" (Identity: {})", words);
        }
        return Verdict::refused(state, reason, std::move(why)).telling(std::move(text));
    };
    switch (refusal.cause) {
    case Cause::NotAllowed:
        return no(State::Denied, Reason::ManagementRefused,
                  "Rackspace Identity does not allow this account to do that. Your Rackspace "
                  "account administrator may.");
    case Cause::NotFound:
        return no(State::Denied, Reason::ManagementRefused,
                  "Rackspace Identity knows nothing of that "
                  "name or id, or does not show it to you.");
    case Cause::Conflict:
        return no(State::Denied, Reason::ManagementRefused,
                  "Rackspace Identity refused this: something about the account does not fit.");
    case Cause::WrongCode:
        return no(State::Denied, Reason::WrongCredentials,
                  "That code is wrong or too old. Codes count for a short time only.");
    case Cause::WrongPassword:
        return no(State::Denied, Reason::WrongCredentials, "That is not the present password.");
    case Cause::TokenDead:
        return no(State::Denied, Reason::NoSignIn,
                  "The sign-in of this session counts no more. Sign in again: raxauth login");
    case Cause::Throttled:
        return no(State::Unavailable, Reason::Throttled,
                  "Rackspace Identity is refusing requests for now. Try again in a minute.");
    case Cause::Unreachable:
        return no(State::Unavailable, Reason::IdentityUnreachable,
                  "Rackspace Identity gave no answer. It may have done what was asked: look before "
                  "you try again.");
    case Cause::Fault:
        break;
    }
    return no(State::Unavailable, Reason::IdentityFault,
              "Rackspace Identity gave no usable answer. Try again later.");
}

Task<SessionAccess> open_session_access(Person& person, const Context& context, Services& services,
                                        std::shared_ptr<SignInTrace> trace) {
    SessionAccess access;
    if (services.factors == nullptr) {
        access.refusal = Verdict::refused(State::Denied, Reason::NotSupported,
                                          "this identity service has no care of factors");
        co_return access;
    }
    if (!is_own_session(context)) {
        access.refusal = Verdict::refused(State::Denied, Reason::NoSignIn, "no session of its own")
                             .telling("This process is not in a login session of your own.");
        co_return access;
    }
    Task<Subject> finding = find_subject(context, services);
    access.subject = co_await std::move(finding);
    trace->account = access.subject.account.name;
    if (access.subject.early || access.subject.refusal) {
        access.refusal =
            std::move(access.subject.early ? *access.subject.early : *access.subject.refusal);
        co_return access;
    }
    access.key = sessions::SessionKey::of(context.session, context.user);
    const auto standing = [&access, &services] {
        return standing_sign_in(access.key, access.subject.account, services.sessions);
    };
    const sessions::Session* session = standing();
    // Where tokens are not handed out, whoever is at this session's keyboard does not get what a
    // token could do either.
    const bool anew = !services.settings.sessions.user_token;
    if (session == nullptr || anew) {
        if (!context.interactive) {
            access.refusal =
                Verdict::refused(State::Denied, Reason::NoSignIn, "nobody there to sign in")
                    .telling("This session has no Rackspace sign-in. Sign in first: raxauth login");
            co_return access;
        }
        Context same = context_of_same(context);
        same.no_reuse = same.no_reuse || anew;
        Task<Verdict> signing_in = sign_in(person, std::move(same), services, trace);
        Verdict verdict = co_await std::move(signing_in);
        if (verdict.state() != State::Granted) {
            access.refusal = std::move(verdict);
            co_return access;
        }
        session = standing();
    }
    if (session == nullptr || session->signed_in.facts.id.empty()) {
        access.refusal = Verdict::refused(State::Denied, Reason::NoSignIn, "no entry, no user id")
                             .telling("This session has no Rackspace sign-in that could be used.");
        co_return access;
    }
    access.token = session->signed_in.token.text().clone();
    access.user_id = session->signed_in.facts.id;
    access.generation = session->generation;
    co_return access;
}

Task<Verdict> manage_factors(Person& person, Context context, Services services,
                             std::shared_ptr<SignInTrace> trace) {
    Task<SessionAccess> opening = open_session_access(person, context, services, trace);
    SessionAccess access = co_await std::move(opening);
    if (access.refusal) {
        co_return std::move(*access.refusal);
    }
    FactorManagement procedure(person, context, services, access);
    Task<Verdict> running = procedure.run();
    Verdict verdict = co_await std::move(running);
    co_return verdict;
}

} // namespace raxauth::flows
