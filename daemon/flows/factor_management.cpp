// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/factor_management.h"

#include "common/secret_pipe.h"
#include "daemon/enrolment/phone_number.h"
#include "daemon/flows/passcode.h"
#include "daemon/flows/steps/answers.h"
#include "daemon/flows/steps/counted_message.h"
#include "daemon/flows/steps/device_list.h"
#include "daemon/flows/steps/ended.h"
#include "daemon/flows/steps/factor_words.h"
#include "daemon/flows/steps/refusal_words.h"
#include "daemon/flows/steps/result_json.h"
#include "daemon/flows/steps/session_access.h"
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
using conversation::Person;
using conversation::Verdict;
using identity::Capabilities;
using identity::Done;
using identity::Enforcement;
using identity::FactorAnswer;
using identity::FactorKind;
using identity::FactorRefusal;
using identity::FactorState;
using Cause = identity::FactorRefusal::Cause;

constexpr unsigned kMaxBypassCodes = 10;
constexpr unsigned kMaxBypassMinutes = 180;
constexpr unsigned kMaxCodes = 3; ///< typed for one device

/// A number from 1 to `most`; nothing else.
std::optional<unsigned> number_from(std::string_view text, unsigned most) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && number >= 1 && number <= most ? std::optional(number) : std::nullopt;
}

Ended unusable_request(const char* text) {
    return {
        Verdict::refused(State::Denied, Reason::NotSupported, "an unusable request").telling(text)};
}

FactorKind factor_from(std::string_view word) {
    const std::optional<FactorKind> kind = factor_kind_from(word);
    if (!kind) {
        throw unusable_request(kFactorKinds);
    }
    return *kind;
}

/// One request, by the verb in its context. A step that cannot go on throws Ended.
class ManagementRequest {
  public:
    ManagementRequest(Person& person, const Context& context, Services& services,
                      const SessionAccess& access)
        : person_(person), context_(context), services_(services), factors_(*services.factors),
          access_(access), account_(access.subject.account.name) {}

    Task<Verdict> run();

  private:
    struct Verb {
        std::string_view name;
        std::size_t min_arguments;
        std::size_t max_arguments;
        Task<Verdict> (ManagementRequest::*step)();
        bool Capabilities::* needs; ///< null: every provider with second factors has it
    };
    static const std::array<Verb, 12> kVerbs;

    Task<Verdict> status();
    Task<Verdict> devices();
    Task<Verdict> remove_device();
    Task<Verdict> verify_device();
    Task<Verdict> set_default();
    Task<Verdict> enable();
    Task<Verdict> disable();
    Task<Verdict> bypass_codes();
    Task<Verdict> unlock();
    Task<Verdict> require();
    Task<Verdict> show_domain();
    Task<Verdict> set_domain();

    Task<DeviceList> all_devices();
    Task<FactorState> own_state();
    /// The id behind a user name, for what an administrator does to others.
    Task<FactorState> state_of(std::string user_name);
    Task<std::optional<Enforcement>> visible_domain_level(const FactorState& facts);
    Task<std::string> warning_before_disabling();
    Task<void> send_pin(const std::string& phone);

    /// What a call brought; a refusal ends the request. `on_conflict` says what to do about one
    /// that comes from the state of the account.
    template <class Value>
    Value need(FactorAnswer<Value> answer, std::string_view request,
               const char* on_conflict = nullptr) const {
        if (const auto* refusal = std::get_if<FactorRefusal>(&answer)) {
            throw refused(*refusal, request, on_conflict);
        }
        return std::move(std::get<0>(answer));
    }
    Ended refused(const FactorRefusal& refusal, std::string_view request,
                  const char* on_conflict = nullptr) const;
    Verdict done(std::shared_ptr<const Secret> result, std::string text, std::string why) const;
    Verdict done(std::string text, std::string why) const {
        return done(ResultJson::empty_object(), std::move(text), std::move(why));
    }
    void must_be_interactive(const char* text) const {
        if (!context_.interactive) {
            throw unusable_request(text);
        }
    }

    bool has_argument(std::size_t place) const {
        return context_.arguments.size() > place && !context_.arguments[place].empty();
    }
    const std::string& argument(std::size_t place) const { return context_.arguments.at(place); }
    identity::Acting self() const { return access_.self(); }

    Person& person_;
    const Context& context_;
    Services& services_;
    identity::FactorManagement& factors_;
    const SessionAccess& access_;
    const std::string& account_; ///< the person's user name at the provider
};

const std::array<ManagementRequest::Verb, 12> ManagementRequest::kVerbs{{
    {"mfa-status", 0, 0, &ManagementRequest::status, nullptr},
    {"devices", 0, 1, &ManagementRequest::devices, nullptr},
    {"devices-remove", 1, 1, &ManagementRequest::remove_device, nullptr},
    {"mfa-default", 1, 1, &ManagementRequest::set_default, &Capabilities::choose_factor},
    {"devices-verify", 1, 1, &ManagementRequest::verify_device, nullptr},
    {"mfa-enable", 0, 1, &ManagementRequest::enable, nullptr},
    {"mfa-disable", 0, 1, &ManagementRequest::disable, &Capabilities::switch_off},
    {"bypass-codes", 0, 3, &ManagementRequest::bypass_codes, &Capabilities::bypass_codes},
    {"mfa-unlock", 1, 1, &ManagementRequest::unlock, &Capabilities::unlock},
    {"mfa-require", 2, 2, &ManagementRequest::require, &Capabilities::enforcement},
    {"mfa-domain-show", 0, 0, &ManagementRequest::show_domain, &Capabilities::enforcement},
    {"mfa-domain-set", 1, 1, &ManagementRequest::set_domain, &Capabilities::enforcement},
}};

Task<Verdict> ManagementRequest::run() {
    const std::size_t given = context_.arguments.size();
    const auto* verb = std::find_if(kVerbs.begin(), kVerbs.end(), [&](const Verb& one) {
        return one.name == context_.verb && given >= one.min_arguments &&
               given <= one.max_arguments;
    });
    if (verb == kVerbs.end()) {
        throw unusable_request("This version of raxauthd does not know that request.");
    }
    if (verb->needs != nullptr && !(services_.identity.capabilities().*verb->needs)) {
        throw Ended{not_offered("That request is not supported", services_.words)};
    }
    return (this->*verb->step)();
}

Ended ManagementRequest::refused(const FactorRefusal& refusal, std::string_view request,
                                 const char* on_conflict) const {
    if (refusal.cause == Cause::TokenDead) {
        services_.sessions.token_dead(access_.key, access_.generation);
    }
    Verdict verdict = refusal_of(refusal, request, services_.words);
    if (refusal.cause == Cause::Conflict && on_conflict != nullptr) {
        return {std::move(verdict).telling(on_conflict)};
    }
    return {std::move(verdict)};
}

Verdict ManagementRequest::done(std::shared_ptr<const Secret> result, std::string text,
                                std::string why) const {
    if (result->size() > kMaxSecretBytes) {
        return Verdict::refused(State::Unavailable, Reason::IdentityFault,
                                "Identity's answer is longer than a reply can hold")
            .telling(
                fmt::format("The answer of {} is too long to be shown.", services_.words.service));
    }
    Verdict verdict = Verdict::completed(Reason::Done, std::move(result)).because(std::move(why));
    if (!text.empty()) {
        verdict.messages.push_back({contract::MessageKind::Info, std::move(text)});
    }
    return verdict;
}

Task<FactorState> ManagementRequest::own_state() {
    co_return need(co_await factors_.state(access_.token, account_), "the state of MFA");
}

Task<FactorState> ManagementRequest::state_of(std::string user_name) {
    co_return need(co_await factors_.state(access_.token, std::move(user_name)), "the user");
}

Task<DeviceList> ManagementRequest::all_devices() {
    DeviceList all;
    all.authenticators = need(co_await factors_.otp_devices(self()), "the list of devices");
    all.phones = need(co_await factors_.phones(self()), "the list of devices");
    co_return all;
}

/// Not everybody may see it.
Task<std::optional<Enforcement>> ManagementRequest::visible_domain_level(const FactorState& facts) {
    if (facts.domain_id.empty()) {
        co_return std::nullopt;
    }
    const FactorAnswer<Enforcement> answer =
        co_await factors_.domain_enforcement(access_.token, facts.domain_id);
    const auto* level = std::get_if<Enforcement>(&answer);
    co_return level != nullptr ? std::optional(*level) : std::nullopt;
}

Task<Verdict> ManagementRequest::status() {
    const FactorState facts = co_await own_state();
    const DeviceList devices = co_await all_devices();
    const std::optional<Enforcement> domain_level = co_await visible_domain_level(facts);
    ResultJson json;
    json.open('{')
        .add("account", account_)
        .add("enabled", facts.enabled)
        .add("locked", facts.locked)
        .add("factor", facts.factor ? word_of(*facts.factor) : std::string_view())
        .add("enforcement", word_of(facts.enforcement))
        .add("domain", facts.domain_id)
        .add("domain_enforcement", domain_level ? word_of(*domain_level) : std::string_view());
    devices.write(json, DeviceList::Numbers::Masked);
    json.close('}');
    co_return done(json.take(), {}, "status told");
}

Task<Verdict> ManagementRequest::devices() {
    const bool with_numbers = has_argument(0) && argument(0) == "numbers";
    const DeviceList all = co_await all_devices();
    ResultJson json;
    json.open('{');
    all.write(json, with_numbers ? DeviceList::Numbers::Whole : DeviceList::Numbers::Masked);
    json.close('}');
    co_return done(json.take(), {}, "devices told");
}

Task<Verdict> ManagementRequest::remove_device() {
    const std::string& id = argument(0);
    const DeviceList all = co_await all_devices();
    const bool is_phone = all.phone(id) != nullptr;
    if (!is_phone && !all.has_authenticator(id)) {
        throw unusable_request("There is no device with this id; \"raxauth devices\" lists them.");
    }
    FactorAnswer<Done> removed = Done{};
    if (is_phone) {
        removed = co_await factors_.remove_phone(self(), id);
    } else {
        removed = co_await factors_.remove_otp_device(self(), id);
    }
    need(std::move(removed), "removing a device",
         is_phone ? "The phone is in use while SMS is the factor: choose the other one first "
                    "(raxauth mfa default otp), or switch MFA off."
                  : "The last authenticator is in use: add another, choose the other factor "
                    "(raxauth mfa default sms), or switch MFA off.");
    journal::notice(fmt::format("second factor removed: user={} account={} kind={}", context_.user,
                                account_, is_phone ? "SMS" : "authenticator"));
    co_return done("The device is removed.", "device removed");
}

Task<Verdict> ManagementRequest::set_default() {
    const FactorKind kind = factor_from(argument(0));
    need(co_await factors_.set_default(self(), kind), "another default factor",
         "That needs MFA to be on, and a verified device of that kind: \"raxauth mfa status\" "
         "shows both.");
    co_return done(kind == FactorKind::Otp
                       ? "Passcodes come from the authenticator app from now on."
                       : "Passcodes come as text messages from now on.",
                   "default factor changed");
}

Task<void> ManagementRequest::send_pin(const std::string& phone) {
    Counted<FactorAnswer<Done>> sent = co_await counted_message(services_.limiter, access_.subject,
                                                                factors_.send_pin(self(), phone));
    if (const auto* limit = std::get_if<limits::LimitRefusal>(&sent)) {
        throw Ended{throttled(*limit, services_.clock.wall(), "limits.challenges")};
    }
    need(std::move(std::get<0>(sent)), "a text message with a PIN");
}

Task<Verdict> ManagementRequest::verify_device() {
    const std::string& id = argument(0);
    const DeviceList all = co_await all_devices();
    const identity::Phone* phone = all.phone(id);
    if (phone == nullptr && !all.has_authenticator(id)) {
        throw unusable_request("There is no device with this id; \"raxauth devices\" lists them.");
    }
    must_be_interactive("A code has to be typed: run it on a terminal, or with --stdin.");
    if (phone != nullptr) {
        co_await send_pin(id);
    }
    const std::string question =
        phone != nullptr ? "PIN: " : "Passcode that the authenticator app shows: ";
    Interview interview(person_, kMaxCodes);
    if (phone != nullptr) {
        interview.note(fmt::format("A text message with a PIN is on its way to {}.\n",
                                   enrolment::masked(phone->number)));
    }
    while (!interview.is_over()) {
        const Secret answer = co_await interview.ask(question);
        const std::optional<Secret> code = passcode_from(answer.view());
        if (!code) {
            interview.wrong("Digits only, please.\n");
            continue;
        }
        FactorAnswer<Done> verified = Done{};
        if (phone != nullptr) {
            verified = co_await factors_.verify_phone(self(), id, *code);
        } else {
            verified = co_await factors_.verify_otp_device(self(), id, *code);
        }
        const auto* refusal = std::get_if<FactorRefusal>(&verified);
        if (refusal != nullptr && refusal->cause == Cause::WrongCode) {
            interview.wrong("That code was not accepted.\n");
            continue;
        }
        need(std::move(verified), "verifying a device");
        journal::notice(fmt::format("second factor verified: user={} account={} kind={}",
                                    context_.user, account_,
                                    phone != nullptr ? "SMS" : "authenticator"));
        co_return done("The device is verified. Where MFA is off, \"raxauth mfa enable\" switches "
                       "it on.",
                       "device verified");
    }
    co_return Verdict::refused(State::MaxTries, Reason::WrongCredentials, "wrong codes")
        .telling("The device is not verified.");
}

Task<Verdict> ManagementRequest::enable() {
    std::optional<FactorKind> kind;
    if (!context_.arguments.empty()) {
        kind = factor_from(argument(0));
    }
    need(co_await factors_.enable(self(), kind), "switching MFA on",
         "That needs a verified device (raxauth enrol, or raxauth devices verify ID); with both "
         "kinds verified, say which: raxauth mfa enable otp.");
    journal::notice(
        fmt::format("second factor switched on: user={} account={}", context_.user, account_));
    co_return done("Multi-factor authentication is on. It will be asked for at the next sign-in; "
                   "password-only sign-ins are no longer valid (\"raxauth login\").",
                   "MFA switched on");
}

Task<std::string> ManagementRequest::warning_before_disabling() {
    const FactorState facts = co_await own_state();
    const std::optional<Enforcement> domain = co_await visible_domain_level(facts);
    const auto either = [&](Enforcement level) {
        return facts.enforcement == level || domain == level;
    };
    if (either(Enforcement::Mandated)) {
        co_return fmt::format("{} mandates MFA for your domain: either it has to be set up again "
                              "at the next\nsign-in, or this request is refused.\n",
                              services_.words.name);
    }
    if (either(Enforcement::Required)) {
        co_return "Your account must have MFA: it will have to be set up again at the next "
                  "sign-in.\n";
    }
    co_return "";
}

Task<Verdict> ManagementRequest::disable() {
    const std::string warning = co_await warning_before_disabling();
    must_be_interactive("Switching MFA off has to be confirmed: run it on a terminal, or with "
                        "--stdin.");
    const bool with_devices = has_argument(0) && argument(0) == "devices";
    const Secret confirmation = co_await ask_one(
        person_, contract::MessageKind::Text,
        fmt::format("{}Switch multi-factor authentication off for {}{}? The password alone will "
                    "be\nenough then, and hosts that demand a second factor refuse you. [yes/no]: ",
                    warning, account_, with_devices ? " and remove all devices" : ""));
    if (!trimmed(confirmation).equals("yes")) {
        co_return Verdict::refused(State::Denied, Reason::Cancelled, "not confirmed")
            .telling("Nothing was changed: the answer was not \"yes\".");
    }
    FactorAnswer<Done> disabled = Done{};
    if (with_devices) {
        disabled = co_await factors_.remove_all(self());
    } else {
        disabled = co_await factors_.disable(self());
    }
    need(std::move(disabled), "switching MFA off");
    journal::notice(
        fmt::format("second factor switched off: user={} account={}", context_.user, account_));
    co_return done(with_devices ? "Multi-factor authentication is off, and all devices are removed."
                                : "Multi-factor authentication is off. The devices stay.",
                   "MFA switched off");
}

Task<Verdict> ManagementRequest::bypass_codes() {
    const std::optional<unsigned> count =
        has_argument(0) ? number_from(argument(0), kMaxBypassCodes) : std::optional(1U);
    const std::optional<unsigned> minutes =
        has_argument(1) ? number_from(argument(1), kMaxBypassMinutes) : std::optional(0U);
    if (!count || !minutes) {
        throw unusable_request("There are 1 to 10 codes at a time, valid for 1 to 180 minutes.");
    }
    std::optional<std::chrono::minutes> valid_for;
    if (has_argument(1)) {
        valid_for = std::chrono::minutes(*minutes);
    }
    identity::Acting whose = self();
    std::string account = account_;
    if (has_argument(2)) {
        if (*count != 1) {
            throw unusable_request("For another user there is one code at a time.");
        }
        account = argument(2);
        whose.user_id = (co_await state_of(account)).user_id;
    }
    const std::vector<Secret> codes =
        need(co_await factors_.bypass_codes(whose, *count, valid_for), "bypass codes",
             "Bypass codes exist only where MFA is on: see \"raxauth mfa status\".");
    ResultJson json;
    json.open('{').key("codes").open('[');
    for (const Secret& code : codes) {
        json.string(code.view());
    }
    json.close(']').key("valid_for_minutes");
    json.literal(valid_for ? std::to_string(valid_for->count()) : "null").close('}');
    journal::notice(fmt::format("bypass codes issued: user={} account={} count={}", context_.user,
                                account, codes.size()));
    co_return done(json.take(), {}, "bypass codes issued");
}

Task<Verdict> ManagementRequest::unlock() {
    const FactorState other = co_await state_of(argument(0));
    need(co_await factors_.unlock(access_.on(other.user_id)), "unlocking a user");
    journal::notice(
        fmt::format("account unlocked at Identity: by={} account={}", context_.user, argument(0)));
    co_return done(fmt::format("{} is unlocked.", argument(0)), "unlocked");
}

Task<Verdict> ManagementRequest::require() {
    const std::optional<Enforcement> level = enforcement_from(argument(1));
    if (!level) {
        throw unusable_request("The level is \"default\", \"optional\" or \"required\".");
    }
    const FactorState other = co_await state_of(argument(0));
    need(co_await factors_.require(access_.on(other.user_id), *level),
         "a user's enforcement level");
    journal::notice(fmt::format("enforcement of MFA changed: by={} account={} level={}",
                                context_.user, argument(0), argument(1)));
    co_return done(fmt::format("MFA is now \"{}\" for {}.", argument(1), argument(0)),
                   "enforcement changed");
}

Task<Verdict> ManagementRequest::show_domain() {
    const std::string domain = (co_await own_state()).domain_id;
    const Enforcement level = need(co_await factors_.domain_enforcement(access_.token, domain),
                                   "the domain's enforcement level");
    ResultJson json;
    json.open('{').add("domain", domain).add("enforcement", word_of(level)).close('}');
    co_return done(json.take(), {}, "domain told");
}

Task<Verdict> ManagementRequest::set_domain() {
    const std::optional<Enforcement> level = enforcement_from(argument(0));
    if (!level || *level == Enforcement::Default) {
        throw unusable_request("The level of a domain is \"optional\" or \"required\".");
    }
    const std::string domain = (co_await own_state()).domain_id;
    need(co_await factors_.set_domain_enforcement(access_.token, domain, *level),
         "the domain's enforcement level");
    journal::notice(fmt::format("enforcement of MFA changed: by={} domain={} level={}",
                                context_.user, domain, argument(0)));
    co_return done(
        fmt::format("MFA is now \"{}\" for all users of domain {}.", argument(0), domain),
        "enforcement changed");
}

} // namespace

Task<Verdict> manage_factors(Person& person, Context context, Services services,
                             std::shared_ptr<SignInTrace> trace) {
    try {
        const SessionAccess access = co_await open_session_access(person, context, services, trace);
        ManagementRequest request(person, context, services, access);
        co_return co_await request.run();
    } catch (Ended& ended) {
        co_return std::move(ended.verdict);
    }
}

} // namespace raxauth::flows
