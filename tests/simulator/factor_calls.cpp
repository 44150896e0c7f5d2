// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/factor_calls.h"

#include "tests/simulator/one_time_code.h"
#include "tests/simulator/qr_image.h"
#include "tests/simulator/random_text.h"
#include "tests/simulator/token_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <regex>

namespace raxauth::simulator {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::int64_t kMostCodesForOneself = 10;
constexpr std::int64_t kDefaultCodeSeconds = 30 * 60;
constexpr std::int64_t kMostCodeSeconds = 10800;
constexpr auto kDay = std::chrono::hours{24};

/// Path below multi-factor: /v2.0/users/{id}/RAX-AUTH/multi-factor/REST...
constexpr std::size_t kUserIdAt = 1;
constexpr std::size_t kRestAt = 4;

struct FactorCall {
    State& state;
    Call& call;
    Caller caller;
    Account* subject = nullptr;

    bool is_self() const { return caller.account == subject; }
    std::size_t depth() const { return call.path.size() - kRestAt; }
    const std::string& rest(std::size_t index) const { return call.path[kRestAt + index]; }
    const std::string& method() const { return call.request.method; }
};

Reply bad(FactorCall& f, const char* outcome, std::string_view message) {
    return with_outcome(f.call, outcome, fault_reply(400, "badRequest", message));
}

Reply forbidden(FactorCall& f, const char* outcome, std::string_view message) {
    return with_outcome(f.call, outcome, fault_reply(403, "forbidden", message));
}

Reply not_found(FactorCall& f, std::string_view message) {
    return with_outcome(f.call, "not-found", fault_reply(404, "itemNotFound", message));
}

Reply done(FactorCall& f, const char* outcome, std::int64_t status) {
    return with_outcome(f.call, outcome, empty_reply(static_cast<int>(status)));
}

Reply answer_with(FactorCall& f, const char* outcome, std::int64_t status, ordered_json tree) {
    return with_outcome(f.call, outcome, json_reply(static_cast<int>(status), std::move(tree)));
}

Reply wrong_method(FactorCall& f) {
    return with_outcome(f.call, "bad-method", fault_reply(405, "badMethod", "Method Not Allowed"));
}

/// The object the body wraps under `name`, any case, as the samples mix RAX-AUTH: and rax-auth:.
const json* wrapped(const Call& call, std::string_view name) {
    if (!call.body.is_object()) {
        return nullptr;
    }
    for (const auto& [key, value] : call.body.items()) {
        if (equal_ignoring_case(key, name) && value.is_object()) {
            return &value;
        }
    }
    return nullptr;
}

std::string text_of(const json* object, const char* name) {
    if (object == nullptr || !object->contains(name)) {
        return {};
    }
    const json& value = (*object)[name];
    return value.is_string() ? value.get<std::string>() : value.dump();
}

void revoke_password_tokens(State& state, const Account& account, bool also_setup) {
    state.tokens.revoke_if(state.now(), [&](const Token& token) {
        const bool by_api_key =
            std::find(token.authenticated_by.begin(), token.authenticated_by.end(), "APIKEY") !=
            token.authenticated_by.end();
        return token.user_id == account.id && !by_api_key &&
               (token.scope != Scope::setup_mfa || also_setup);
    });
}

void enable(State& state, Account& account, const std::string& factor_type) {
    account.mfa_enabled = true;
    account.factor_type = factor_type;
    account.wrong_passcodes = 0;
    if (state.switches.enabling_revokes_tokens) {
        revoke_password_tokens(state, account, true);
    }
}

void disable(Account& account) {
    account.mfa_enabled = false;
    account.factor_type.clear();
    account.bypass_codes.clear();
    account.sms_codes.clear();
    account.locked = false;
    account.wrong_passcodes = 0;
}

/// What some sources say: verifying the first device switches the second factor on by itself.
void enable_by_verifying(FactorCall& f, const char* factor_type) {
    const std::string& when = f.state.switches.verify_enables;
    const bool now =
        when == "always" || (when == "setup_scope" && f.caller.token->scope == Scope::setup_mfa);
    if (now && !f.subject->mfa_enabled) {
        enable(f.state, *f.subject, factor_type);
    }
}

// --- phones
// -------------------------------------------------------------------------------------------

ordered_json tree_of(const Phone& phone, bool with_state) {
    ordered_json tree{{"id", phone.id}, {"number", phone.number}};
    if (with_state) {
        tree["verified"] = phone.verified;
    }
    return tree;
}

bool is_phone_number(const std::string& number) {
    static const std::regex shape(R"(\+[1-9][0-9 ().-]{5,24})");
    const auto digits = std::count_if(number.begin(), number.end(),
                                      [](char each) { return each >= '0' && each <= '9'; });
    return std::regex_match(number, shape) && digits >= 7 && digits <= 15;
}

Reply add_phone(FactorCall& f) {
    const std::string number = text_of(wrapped(f.call, "RAX-AUTH:mobilePhone"), "number");
    if (!is_phone_number(number)) {
        return bad(f, "bad-number", "The provided phone number is invalid.");
    }
    if (f.subject->mfa_enabled && f.subject->factor_type == "SMS") {
        return bad(f, "phone-refused",
                   "Cannot add a mobile phone while SMS multi-factor authentication is enabled.");
    }
    if (!f.subject->phones.empty()) {
        if (f.state.switches.second_phone_refused) {
            return bad(f, "phone-refused", "User is already linked to a mobile phone.");
        }
        f.subject->phones.clear();
    }
    const Phone& phone =
        f.subject->phones.emplace_back(Phone{random_hex(32), number, false, "", {}});
    Reply reply = answer_with(f, "phone-added", f.state.switches.status_phone_added,
                              {{"RAX-AUTH:mobilePhone", tree_of(phone, false)}});
    // An internal host, as in the samples: the id counts, not the Location.
    reply.add_header("Location",
                     fmt::format("https://10.4.64.11:8080/v2.0/users/{}/RAX-AUTH/multi-factor/"
                                 "mobile-phones/{}",
                                 f.subject->id, phone.id));
    return reply;
}

Reply send_pin(FactorCall& f, Phone& phone) {
    const Switches& switches = f.state.switches;
    if (phone.verified) {
        return bad(f, "already-verified", "Device is already verified");
    }
    if (!f.is_self()) {
        return forbidden(f, "forbidden", "Not Authorized");
    }
    if (f.state.now() - f.subject->pins_since >= kDay) {
        f.subject->pins_since = f.state.now();
        f.subject->pins_today = 0;
    }
    if (++f.subject->pins_today > switches.verification_codes_per_day) {
        return with_outcome(
            f.call, "throttled",
            json_reply(413, {{"overLimit",
                              {{"code", 413},
                               {"message", "OverLimit Retry..."},
                               {"details", "Error Details..."},
                               {"retryAfter", iso8601(f.subject->pins_since + kDay)}}}}));
    }
    phone.pin = random_digits(static_cast<std::size_t>(switches.pin_digits));
    phone.pin_expires = f.state.now() + std::chrono::seconds{switches.pin_seconds};
    send_sms(f.state, f.call, *f.subject, phone.number,
             fmt::format("Your Rackspace verification code is {}. It will expire in {} minutes.",
                         phone.pin, switches.pin_seconds / 60));
    return done(f, "pin-sent", switches.status_pin_sent);
}

Reply verify_phone(FactorCall& f, Phone& phone) {
    if (phone.verified) {
        return bad(f, "already-verified", "Device is already verified");
    }
    const std::string code = text_of(wrapped(f.call, "RAX-AUTH:verificationCode"), "code");
    if (phone.pin.empty() || code != phone.pin || f.state.now() >= phone.pin_expires) {
        return bad(f, "wrong-pin", "The provided pin is either invalid or expired.");
    }
    phone.verified = true;
    phone.pin.clear();
    enable_by_verifying(f, "SMS");
    return done(f, "verified", f.state.switches.status_verified);
}

Reply remove_phone(FactorCall& f, std::vector<Phone>::iterator phone) {
    if (f.subject->mfa_enabled && f.subject->factor_type == "SMS") {
        return bad(
            f, "phone-in-use",
            "Cannot delete the mobile phone while SMS multi-factor authentication is enabled.");
    }
    f.subject->phones.erase(phone);
    return done(f, "phone-removed", 204);
}

Reply list_phones(FactorCall& f) {
    ordered_json list = ordered_json::array();
    for (const Phone& each : f.subject->phones) {
        list.push_back(tree_of(each, true));
    }
    return answer_with(f, "phones", 200, {{"RAX-AUTH:mobilePhones", std::move(list)}});
}

Reply answer_one_phone(FactorCall& f) {
    const auto phone = std::find_if(f.subject->phones.begin(), f.subject->phones.end(),
                                    [&](const Phone& each) { return each.id == f.rest(1); });
    if (phone == f.subject->phones.end()) {
        return not_found(f, "Mobile phone not found.");
    }
    if (f.depth() == 2) {
        if (f.method() == "GET") {
            return answer_with(f, "phone", 200, {{"RAX-AUTH:mobilePhone", tree_of(*phone, true)}});
        }
        return f.method() == "DELETE" ? remove_phone(f, phone) : wrong_method(f);
    }
    if (f.method() == "POST" && f.rest(2) == "verificationcode") {
        return send_pin(f, *phone);
    }
    if (f.method() == "POST" && f.rest(2) == "verify") {
        return verify_phone(f, *phone);
    }
    return not_found(f, "Not Found");
}

// --- authenticator devices
// ----------------------------------------------------------------------------

ordered_json tree_of(const OtpDevice& device) {
    return {{"id", device.id}, {"name", device.name}, {"verified", device.verified}};
}

std::string key_uri(const Account& account, const OtpDevice& device) {
    return fmt::format("otpauth://totp/Rackspace:{}?secret={}&issuer=Rackspace", account.name,
                       device.secret);
}

Reply add_otp_device(FactorCall& f) {
    const std::string name = text_of(wrapped(f.call, "RAX-AUTH:otpDevice"), "name");
    if (name.find_first_not_of(" \t") == std::string::npos) {
        return bad(f, "bad-name", "Device name is required");
    }
    if (f.subject->otp_devices.size() >=
        static_cast<std::size_t>(f.state.switches.max_otp_devices)) {
        return bad(f, "too-many-devices", "The maximum number of OTP devices has been reached.");
    }
    const OtpDevice& device = f.subject->otp_devices.emplace_back(
        OtpDevice{random_hex(32), name, new_otp_secret(), false});
    ordered_json tree = tree_of(device);
    tree["keyUri"] = key_uri(*f.subject, device);
    tree["qrcode"] = qr_data_uri(key_uri(*f.subject, device));
    Reply reply = answer_with(f, "device-added", f.state.switches.status_otp_added,
                              {{"RAX-AUTH:otpDevice", std::move(tree)}});
    reply.add_header("Location",
                     fmt::format("https://10.4.64.11:8080/v2.0/users/{}/RAX-AUTH/multi-factor/"
                                 "otp-devices/{}",
                                 f.subject->id, device.id));
    return reply;
}

Reply verify_otp_device(FactorCall& f, OtpDevice& device) {
    if (device.verified) {
        return bad(f, "already-verified", "Device is already verified");
    }
    const std::string code = text_of(wrapped(f.call, "RAX-AUTH:verificationCode"), "code");
    if (!totp_matches(device.secret, code, f.state.now(), f.state.switches.otp_steps_back,
                      f.state.switches.otp_steps_ahead)) {
        return bad(f, "wrong-code", "The provided code is either invalid or expired.");
    }
    device.verified = true;
    enable_by_verifying(f, "OTP");
    return done(f, "verified", f.state.switches.status_verified);
}

Reply remove_otp_device(FactorCall& f, std::vector<OtpDevice>::iterator device) {
    const auto verified =
        std::count_if(f.subject->otp_devices.begin(), f.subject->otp_devices.end(),
                      [](const OtpDevice& each) { return each.verified; });
    const bool last = device->verified && verified == 1;
    if (last && f.subject->mfa_enabled && f.subject->factor_type == "OTP" &&
        !f.state.switches.last_otp_device_removable) {
        return bad(f, "last-device",
                   coded(f.state.switches, "OTP-006",
                         "Cannot delete the last verified OTP device while OTP multi-factor "
                         "authentication is enabled."));
    }
    f.subject->otp_devices.erase(device);
    return done(f, "device-removed", 204);
}

Reply list_otp_devices(FactorCall& f) {
    ordered_json list = ordered_json::array();
    for (const OtpDevice& each : f.subject->otp_devices) {
        list.push_back(tree_of(each));
    }
    return answer_with(f, "devices", 200, {{"RAX-AUTH:otpDevices", std::move(list)}});
}

Reply answer_one_otp_device(FactorCall& f) {
    auto& devices = f.subject->otp_devices;
    const auto device = std::find_if(devices.begin(), devices.end(),
                                     [&](const OtpDevice& each) { return each.id == f.rest(1); });
    if (device == devices.end()) {
        return not_found(f, "OTP device not found.");
    }
    if (f.depth() == 2) {
        if (f.method() == "GET") {
            return answer_with(f, "device", 200, {{"RAX-AUTH:otpDevice", tree_of(*device)}});
        }
        return f.method() == "DELETE" ? remove_otp_device(f, device) : wrong_method(f);
    }
    if (f.method() == "POST" && f.rest(2) == "verify") {
        return verify_otp_device(f, *device);
    }
    return not_found(f, "Not Found");
}

Reply list_all_devices(FactorCall& f) {
    const std::string kind = f.depth() > 1 ? f.rest(1) : "";
    ordered_json tree = ordered_json::object();
    if (kind.empty() || kind == "mobile-phones") {
        tree["mobilePhones"] = ordered_json::array();
        for (const Phone& each : f.subject->phones) {
            tree["mobilePhones"].push_back(tree_of(each, true));
        }
    }
    if (kind.empty() || kind == "otp-devices") {
        tree["otpDevices"] = ordered_json::array();
        for (const OtpDevice& each : f.subject->otp_devices) {
            tree["otpDevices"].push_back(tree_of(each));
        }
    }
    return answer_with(f, "devices", 200, {{"RAX-AUTH:multiFactorDevices", std::move(tree)}});
}

// --- settings
// -----------------------------------------------------------------------------------------

/// A boolean; text in place of it is taken, as one sample shows it.
std::optional<bool> boolean_of(const json& object, const char* name) {
    if (!object.contains(name)) {
        return std::nullopt;
    }
    const json& value = object[name];
    return value.is_boolean() ? value.get<bool>() : value == "true";
}

Reply unlock(FactorCall& f, bool really) {
    if (f.is_self()) {
        return forbidden(f, "forbidden", "Not Authorized");
    }
    if (really) {
        f.subject->locked = false;
        f.subject->wrong_passcodes = 0;
    }
    return done(f, "unlocked", 204);
}

Reply set_enforcement(FactorCall& f, const json& settings) {
    const std::string level = text_of(&settings, "userMultiFactorEnforcementLevel");
    if (settings.size() != 1) {
        return bad(f, "mixed-settings",
                   "Enforcement level cannot be combined with other multi-factor settings.");
    }
    if (level != "REQUIRED" && level != "OPTIONAL" && level != "DEFAULT") {
        return bad(f, "bad-request", "Invalid enforcement level");
    }
    const bool mandated =
        f.state.directory.domain(f.subject->domain_id).enforcement == "RACKSPACE_MANDATED";
    const bool admin = is_user_admin(*f.caller.account) || is_identity_admin(*f.caller.account);
    if (mandated || !admin) {
        return forbidden(f, "forbidden", "Not Authorized");
    }
    f.subject->enforcement = level;
    if (level == "REQUIRED" && !f.subject->mfa_enabled) {
        revoke_password_tokens(f.state, *f.subject, false);
    }
    return done(f, "enforcement-set", 204);
}

Reply switch_on(FactorCall& f, std::string wanted) {
    const bool phone = f.subject->has_verified_phone();
    const bool device = f.subject->has_verified_otp_device();
    if (!phone && !device) {
        return bad(f, "no-device", "User has no verified device");
    }
    if (wanted.empty()) {
        if (phone && device && f.state.switches.both_verified_need_factor_type) {
            return bad(f, "factor-type-required",
                       "A factorType is required when multiple devices are verified.");
        }
        wanted = device ? "OTP" : "SMS";
    }
    if ((wanted == "SMS" && !phone) || (wanted == "OTP" && !device)) {
        return bad(f, "no-device", "User has no verified device of this type");
    }
    enable(f.state, *f.subject, wanted);
    return done(f, "enabled", 204);
}

Reply change_factor(FactorCall& f, const std::string& wanted) {
    if (!f.subject->mfa_enabled) {
        return bad(f, "not-enabled", "Multi-factor authentication is not enabled");
    }
    if ((wanted == "SMS" && !f.subject->has_verified_phone()) ||
        (wanted == "OTP" && !f.subject->has_verified_otp_device())) {
        return bad(f, "no-device", "User has no verified device of this type");
    }
    f.subject->factor_type = wanted;
    return done(f, "factor-changed", 204);
}

Reply change_settings(FactorCall& f) {
    const json* settings = wrapped(f.call, "RAX-AUTH:multiFactor");
    if (settings == nullptr || settings->empty()) {
        return bad(f, "bad-request", "Invalid json request body");
    }
    if (settings->contains("userMultiFactorEnforcementLevel")) {
        return set_enforcement(f, *settings);
    }
    if (const auto wanted = boolean_of(*settings, "unlock")) {
        return unlock(f, *wanted);
    }
    const std::string factor = text_of(settings, "factorType");
    if (!factor.empty() && factor != "SMS" && factor != "OTP") {
        return bad(f, "bad-request", "Invalid factorType");
    }
    const auto enabled = boolean_of(*settings, "enabled");
    if (enabled.value_or(false)) {
        return switch_on(f, factor);
    }
    if (enabled) {
        disable(*f.subject);
        return done(f, "disabled-mfa", 204);
    }
    return factor.empty() ? bad(f, "bad-request", "Invalid multi-factor settings")
                          : change_factor(f, factor);
}

Reply remove_everything(FactorCall& f) {
    disable(*f.subject);
    f.subject->phones.clear();
    f.subject->otp_devices.clear();
    return done(f, "mfa-removed", 204);
}

// --- bypass codes
// -------------------------------------------------------------------------------------

/// Seconds of an ISO 8601 duration such as PT20M or P1DT2H; nothing if it is none.
std::optional<std::int64_t> duration_seconds(const std::string& text) {
    static const std::regex shape(
        R"(P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?)");
    std::smatch parts;
    if (text.size() < 3 || text.size() > 32 || !std::regex_match(text, parts, shape)) {
        return std::nullopt;
    }
    constexpr std::array<std::int64_t, 4> kUnits{86400, 3600, 60, 1};
    std::int64_t total = 0;
    for (std::size_t i = 0; i < kUnits.size(); ++i) {
        const std::string part = parts[i + 1].str();
        std::int32_t value = 0;
        if (!part.empty() &&
            std::from_chars(part.data(), part.data() + part.size(), value).ec != std::errc{}) {
            return std::nullopt;
        }
        total += value * kUnits[i];
    }
    return total;
}

Reply make_bypass_codes(FactorCall& f) {
    const json* wanted = wrapped(f.call, "RAX-AUTH:bypassCodes");
    if (wanted == nullptr) {
        return bad(f, "bad-request", "Invalid json request body");
    }
    if (!f.subject->mfa_enabled) {
        return bad(f, "not-enabled", "Multi-factor authentication is not enabled");
    }
    const std::string count_text = text_of(wanted, "numberOfCodes");
    std::int64_t count = f.is_self() ? kMostCodesForOneself : 1;
    if (!count_text.empty() &&
        std::from_chars(count_text.data(), count_text.data() + count_text.size(), count).ptr !=
            count_text.data() + count_text.size()) {
        return bad(f, "bad-request", "Invalid numberOfCodes");
    }
    if (count < 1 || count > (f.is_self() ? kMostCodesForOneself : 1)) {
        return bad(f, "bad-request", "Invalid numberOfCodes");
    }
    const std::string life_text = text_of(wanted, "validityDuration");
    std::optional<std::int64_t> life =
        f.is_self() ? std::nullopt : std::optional(kDefaultCodeSeconds);
    if (!life_text.empty()) {
        life = duration_seconds(life_text);
        if (!life || *life < 60 || *life > kMostCodeSeconds) {
            return bad(f, "bad-request", "Invalid validityDuration");
        }
    }
    ordered_json codes = ordered_json::array();
    f.subject->bypass_codes.clear();
    for (std::int64_t i = 0; i < count; ++i) {
        BypassCode code{
            random_digits(static_cast<std::size_t>(f.state.switches.bypass_code_digits)), {}};
        if (life) {
            code.expires = f.state.now() + std::chrono::seconds{*life};
        }
        codes.push_back(code.code);
        f.subject->bypass_codes.push_back(std::move(code));
    }
    ordered_json tree{{"codes", std::move(codes)}};
    if (life) {
        tree["validityDuration"] = fmt::format("PT{}M{}.000S", *life / 60, *life % 60);
    }
    return answer_with(f, "bypass-codes", 200, {{"RAX-AUTH:bypassCodes", std::move(tree)}});
}

// --- domains
// ------------------------------------------------------------------------------------------

Reply set_domain_level(FactorCall& f, Domain& domain) {
    const std::string level =
        text_of(wrapped(f.call, "RAX-AUTH:multiFactorDomain"), "domainMultiFactorEnforcementLevel");
    const Account& caller = *f.caller.account;
    const bool of_domain = is_user_admin(caller) && caller.domain_id == domain.id;
    const bool proven = caller.mfa_enabled || caller.enforcement == "OPTIONAL";
    if (!is_identity_admin(caller) && (!of_domain || !proven)) {
        return forbidden(f, "forbidden", "Not Authorized");
    }
    if (level != "REQUIRED" && level != "OPTIONAL" && level != "RACKSPACE_MANDATED") {
        return bad(f, "bad-request", "Invalid enforcement level");
    }
    const bool by_ticket =
        level == "RACKSPACE_MANDATED" || domain.enforcement == "RACKSPACE_MANDATED";
    if (by_ticket && !is_identity_admin(caller)) {
        return forbidden(f, "forbidden", "Not Authorized");
    }
    domain.enforcement = level;
    if (level != "OPTIONAL") {
        for (const auto& [name, account] : f.state.directory.all()) {
            if (account->domain_id == domain.id && !account->mfa_enabled &&
                is_mfa_mandatory(f.state, *account)) {
                revoke_password_tokens(f.state, *account, false);
            }
        }
    }
    return done(f, "domain-set", 204);
}

Reply answer_domain_call(FactorCall& f) {
    if (f.caller.token->scope != Scope::none) {
        return scope_refused(f.call);
    }
    const std::string& id = f.call.path[2];
    if (!f.state.directory.domains().contains(id)) {
        return not_found(f, "Domain not found.");
    }
    Domain& domain = f.state.directory.domain(id);
    if (f.call.path.size() == 3 && f.method() == "GET") {
        if (f.caller.account->domain_id != id && !is_identity_admin(*f.caller.account)) {
            return forbidden(f, "forbidden", "Not Authorized");
        }
        return answer_with(f, "domain", 200,
                           {{"RAX-AUTH:domain",
                             {{"id", domain.id},
                              {"enabled", domain.enabled},
                              {"domainMultiFactorEnforcementLevel", domain.enforcement}}}});
    }
    return f.call.path.size() == 4 && f.method() == "PUT" ? set_domain_level(f, domain)
                                                          : wrong_method(f);
}

// --- who may, and where to
// ----------------------------------------------------------------------------

std::optional<Reply> refuse_subject(FactorCall& f) {
    f.subject = f.state.directory.by_id(f.call.path[kUserIdAt]);
    if (f.caller.token->scope == Scope::setup_mfa &&
        (!f.is_self() || f.caller.account->mfa_enabled)) {
        return scope_refused(f.call);
    }
    if (f.subject == nullptr) {
        return not_found(f, "User not found.");
    }
    if (!may_act_on(*f.caller.account, *f.subject) || f.subject->federated) {
        return forbidden(f, "forbidden", "Not Authorized");
    }
    return std::nullopt;
}

Reply answer_settings(FactorCall& f) {
    if (f.method() == "PUT") {
        return change_settings(f);
    }
    return f.method() == "DELETE" ? remove_everything(f) : wrong_method(f);
}

Reply answer_below(FactorCall& f) {
    const std::string& kind = f.rest(0);
    const bool adds = f.depth() == 1 && f.method() == "POST";
    const bool lists = f.depth() == 1 && f.method() == "GET";
    if (kind == "bypass-codes" && adds) {
        return make_bypass_codes(f);
    }
    if (kind == "devices" && f.method() == "GET") {
        return list_all_devices(f);
    }
    if (kind == "mobile-phones") {
        return adds            ? add_phone(f)
               : lists         ? list_phones(f)
               : f.depth() > 1 ? answer_one_phone(f)
                               : wrong_method(f);
    }
    if (kind == "otp-devices") {
        return adds            ? add_otp_device(f)
               : lists         ? list_otp_devices(f)
               : f.depth() > 1 ? answer_one_otp_device(f)
                               : wrong_method(f);
    }
    return not_found(f, "Not Found");
}

bool is_domain_call(const Call& call) {
    return call.path.size() >= 3 && call.path[0] == "RAX-AUTH" && call.path[1] == "domains" &&
           (call.path.size() == 3 || (call.path.size() == 4 && call.path[3] == "multi-factor"));
}

} // namespace

bool is_factor_call(const Call& call) {
    return is_domain_call(call) || (call.path.size() >= kRestAt && call.path[0] == "users" &&
                                    call.path[2] == "RAX-AUTH" && call.path[3] == "multi-factor");
}

std::string factor_step(const Call& call) {
    if (is_domain_call(call)) {
        return "domain";
    }
    if (call.path.size() == kRestAt) {
        return "settings";
    }
    const std::string& kind = call.path[kRestAt];
    const std::string& last = call.path.back();
    if (last == "verify" || last == "verificationcode") {
        return last == "verify" ? "verify" : "pin";
    }
    return kind == "mobile-phones"  ? "phone"
           : kind == "otp-devices"  ? "otp-device"
           : kind == "bypass-codes" ? "bypass-codes"
                                    : "devices";
}

Reply answer_factor_call(State& state, Call& call) {
    FactorCall f{state, call, {}, nullptr};
    if (auto refusal = refuse_caller(state, call, f.caller)) {
        return *std::move(refusal);
    }
    if (is_domain_call(call)) {
        return answer_domain_call(f);
    }
    if (auto refusal = refuse_subject(f)) {
        return *std::move(refusal);
    }
    return f.depth() == 0 ? answer_settings(f) : answer_below(f);
}

} // namespace raxauth::simulator
