// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/account.h"

#include "tests/simulator/random_text.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace raxauth::simulator {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::array<std::pair<const char*, std::string Account::*>, 13> kTexts{{
    {"name", &Account::name},
    {"id", &Account::id},
    {"password", &Account::password},
    {"api_key", &Account::api_key},
    {"email", &Account::email},
    {"contact_id", &Account::contact_id},
    {"phone_pin", &Account::phone_pin},
    {"domain_id", &Account::domain_id},
    {"tenant_id", &Account::tenant_id},
    {"tenant_name", &Account::tenant_name},
    {"region", &Account::region},
    {"enforcement", &Account::enforcement},
    {"factor_type", &Account::factor_type},
}};

constexpr std::array<std::pair<const char*, bool Account::*>, 6> kFlags{{
    {"mfa_enabled", &Account::mfa_enabled},
    {"enabled", &Account::enabled},
    {"locked", &Account::locked},
    {"password_expired", &Account::password_expired},
    {"federated", &Account::federated},
    {"racker", &Account::racker},
}};

[[noreturn]] void refuse(const std::string& what) {
    throw std::invalid_argument(what);
}

std::string text(const json& object, const char* name, const std::string& otherwise = {}) {
    const auto found = object.find(name);
    if (found == object.end()) {
        return otherwise;
    }
    if (!found->is_string()) {
        refuse(std::string(name) + " is a string");
    }
    return found->get<std::string>();
}

bool flag(const json& object, const char* name, bool otherwise) {
    const auto found = object.find(name);
    if (found == object.end()) {
        return otherwise;
    }
    if (!found->is_boolean()) {
        refuse(std::string(name) + " is true or false");
    }
    return found->get<bool>();
}

std::int64_t number(const json& object, const char* name, std::int64_t otherwise) {
    const auto found = object.find(name);
    if (found == object.end()) {
        return otherwise;
    }
    if (!found->is_number_integer()) {
        refuse(std::string(name) + " is a whole number");
    }
    return found->get<std::int64_t>();
}

void only(const json& object, const char* what, std::initializer_list<const char*> names) {
    if (!object.is_object()) {
        refuse(std::string(what) + " is an object");
    }
    for (const auto& [name, value] : object.items()) {
        if (std::none_of(names.begin(), names.end(),
                         [&](const char* known) { return name == known; })) {
            refuse("a " + std::string(what) + " has no member " + name);
        }
    }
}

Role role_from(const json& value) {
    if (value.is_string()) {
        return {random_digits(8), value.get<std::string>(), "", "", "", false, false};
    }
    only(value, "role", {"id", "name", "description", "tenantId", "serviceId", "rcn", "propagate"});
    return {text(value, "id", "1000" + random_digits(4)),
            text(value, "name"),
            text(value, "description"),
            text(value, "tenantId"),
            text(value, "serviceId"),
            flag(value, "rcn", false),
            flag(value, "propagate", false)};
}

Phone phone_from(const json& value) {
    Phone phone;
    phone.verified = true;
    if (value.is_string()) {
        phone.id = random_hex(32);
        phone.number = value.get<std::string>();
        return phone;
    }
    only(value, "phone", {"id", "number", "verified", "pin"});
    phone.id = text(value, "id", random_hex(32));
    phone.number = text(value, "number");
    phone.verified = flag(value, "verified", true);
    return phone;
}

OtpDevice otp_device_from(const json& value) {
    only(value, "otp device", {"id", "name", "secret", "verified"});
    return {text(value, "id", random_hex(32)), text(value, "name", "authenticator"),
            text(value, "secret"), flag(value, "verified", true)};
}

BypassCode bypass_code_from(const json& value) {
    if (value.is_string()) {
        return {value.get<std::string>(), std::nullopt};
    }
    only(value, "bypass code", {"code", "expires_ms"});
    BypassCode code{text(value, "code"), std::nullopt};
    if (value.contains("expires_ms")) {
        code.expires = Time{std::chrono::milliseconds{number(value, "expires_ms", 0)}};
    }
    return code;
}

template <typename Item, typename Read>
void replace_list(std::vector<Item>& list, const json& value, const char* name, Read read) {
    if (!value.is_array()) {
        refuse(std::string(name) + " is a list");
    }
    std::vector<Item> fresh;
    for (const json& each : value) {
        fresh.push_back(read(each));
    }
    list = std::move(fresh);
}

/// `"mfa": "sms"` and the like stand for the three members they imply.
void set_mfa(Account& account, const std::string& word) {
    if (word == "none") {
        account.mfa_enabled = false;
        account.factor_type.clear();
    } else if (word == "sms" || word == "otp") {
        account.mfa_enabled = true;
        account.factor_type = word == "sms" ? "SMS" : "OTP";
    } else {
        refuse("mfa is none, sms or otp");
    }
}

/// Members of the fault that users write flat: fault, fault_step, fault_ms, ...
bool merge_fault(Fault& fault, const std::string& name, const json& patch) {
    if (name == "fault") {
        const json& value = patch.at("fault");
        if (value.is_object()) {
            fault = fault_from_json(value);
        } else {
            // Members come in the order of their names, so what an earlier fault left behind goes
            // first.
            fault = {};
            fault.name = value.is_null() ? "" : text(patch, "fault");
            if (!fault.name.empty() && !is_fault_name(fault.name)) {
                refuse("no fault named " + fault.name);
            }
        }
    } else if (name == "fault_step") {
        fault.step = text(patch, "fault_step");
    } else if (name == "fault_ms") {
        fault.delay = std::chrono::milliseconds{number(patch, "fault_ms", 0)};
    } else if (name == "fault_count") {
        fault.count = number(patch, "fault_count", 0);
    } else if (name == "fault_bytes") {
        fault.bytes = number(patch, "fault_bytes", 0);
    } else if (name == "fault_text") {
        fault.text = text(patch, "fault_text");
    } else if (name == "fault_carried_out") {
        fault.carried_out = flag(patch, "fault_carried_out", false) ? 1 : 0;
    } else {
        return false;
    }
    return true;
}

bool merge_list(Account& account, const std::string& name, const json& value) {
    if (name == "roles") {
        replace_list(account.roles, value, "roles", role_from);
    } else if (name == "phones") {
        replace_list(account.phones, value, "phones", phone_from);
    } else if (name == "otp_devices") {
        replace_list(account.otp_devices, value, "otp_devices", otp_device_from);
    } else if (name == "bypass_codes") {
        replace_list(account.bypass_codes, value, "bypass_codes", bypass_code_from);
    } else if (name == "tenants") {
        replace_list(account.tenants, value, "tenants",
                     [](const json& each) { return each.get<std::string>(); });
    } else {
        return false;
    }
    return true;
}

bool merge_short_form(Account& account, const std::string& name, const json& patch) {
    if (name == "mfa") {
        set_mfa(account, text(patch, "mfa"));
    } else if (name == "mfa_required") {
        account.enforcement = flag(patch, "mfa_required", false) ? "REQUIRED" : "DEFAULT";
    } else if (name == "disabled") {
        account.enabled = !flag(patch, "disabled", false);
    } else if (name == "phone") {
        account.phones = {phone_from(patch.at("phone"))};
    } else if (name == "otp_secret") {
        account.otp_devices = {{random_hex(32), "authenticator", text(patch, "otp_secret"), true}};
    } else if (name == "wrong_passcodes") {
        account.wrong_passcodes = number(patch, "wrong_passcodes", 0);
    } else {
        return false;
    }
    return true;
}

template <typename Table>
bool merge_plain(Account& account, const std::string& name, const json& patch, const Table& table) {
    for (const auto& [known, member] : table) {
        if (name == known) {
            if constexpr (std::is_same_v<std::decay_t<decltype(account.*member)>, bool>) {
                account.*member = flag(patch, known, false);
            } else {
                account.*member = text(patch, known);
            }
            return true;
        }
    }
    return false;
}

} // namespace

bool Account::has_verified_phone() const {
    return std::any_of(phones.begin(), phones.end(),
                       [](const Phone& each) { return each.verified; });
}

bool Account::has_verified_otp_device() const {
    return std::any_of(otp_devices.begin(), otp_devices.end(),
                       [](const OtpDevice& each) { return each.verified; });
}

bool Account::may_use_tenant(std::string_view tenant, bool with_rcn_roles) const {
    return tenant == tenant_id || (!tenant_name.empty() && tenant == tenant_name) ||
           std::find(tenants.begin(), tenants.end(), tenant) != tenants.end() ||
           std::any_of(roles.begin(), roles.end(), [&](const Role& role) {
               return role.tenant_id == tenant && (with_rcn_roles || !role.rcn);
           });
}

bool Account::has_role(std::string_view role_name) const {
    return std::any_of(roles.begin(), roles.end(),
                       [&](const Role& role) { return role.name == role_name; });
}

void merge(Account& account, const json& patch) {
    if (!patch.is_object()) {
        refuse("a user is an object");
    }
    Account changed = account;
    for (const auto& [name, value] : patch.items()) {
        if (!merge_plain(changed, name, patch, kTexts) &&
            !merge_plain(changed, name, patch, kFlags) && !merge_list(changed, name, value) &&
            !merge_short_form(changed, name, patch) && !merge_fault(changed.fault, name, patch)) {
            refuse("a user has no member " + name);
        }
    }
    if (changed.name.empty()) {
        refuse("a user has a name");
    }
    // Somebody whose lock is lifted starts afresh, as after `unlock` at Identity.
    if (account.locked && !changed.locked) {
        changed.wrong_passcodes = 0;
    }
    account = std::move(changed);
}

Fault fault_from_json(const json& value) {
    only(value, "fault", {"name", "step", "ms", "count", "bytes", "text", "carried_out"});
    Fault fault;
    fault.name = text(value, "name");
    if (!fault.name.empty() && !is_fault_name(fault.name)) {
        refuse("no fault named " + fault.name);
    }
    fault.step = text(value, "step", "any");
    fault.delay = std::chrono::milliseconds{number(value, "ms", fault.delay.count())};
    fault.count = number(value, "count", 0);
    fault.bytes = number(value, "bytes", 0);
    fault.text = text(value, "text");
    if (value.contains("carried_out")) {
        fault.carried_out = flag(value, "carried_out", false) ? 1 : 0;
    }
    return fault;
}

ordered_json to_json(const Fault& fault) {
    ordered_json value{{"name", fault.name},
                       {"step", fault.step},
                       {"ms", fault.delay.count()},
                       {"count", fault.count},
                       {"bytes", fault.bytes},
                       {"text", fault.text},
                       {"carried_out", is_carried_out(fault)}};
    return value;
}

ordered_json to_json(const Account& account) {
    ordered_json value;
    for (const auto& [name, member] : kTexts) {
        value[name] = account.*member;
    }
    for (const auto& [name, member] : kFlags) {
        value[name] = account.*member;
    }
    value["tenants"] = account.tenants;
    value["roles"] = ordered_json::array();
    for (const Role& role : account.roles) {
        value["roles"].push_back({{"id", role.id},
                                  {"name", role.name},
                                  {"description", role.description},
                                  {"tenantId", role.tenant_id},
                                  {"serviceId", role.service_id},
                                  {"rcn", role.rcn},
                                  {"propagate", role.propagate}});
    }
    value["phones"] = ordered_json::array();
    for (const Phone& phone : account.phones) {
        value["phones"].push_back({{"id", phone.id},
                                   {"number", phone.number},
                                   {"verified", phone.verified},
                                   {"pin", phone.pin}});
    }
    value["otp_devices"] = ordered_json::array();
    for (const OtpDevice& device : account.otp_devices) {
        value["otp_devices"].push_back({{"id", device.id},
                                        {"name", device.name},
                                        {"secret", device.secret},
                                        {"verified", device.verified}});
    }
    value["bypass_codes"] = ordered_json::array();
    for (const BypassCode& code : account.bypass_codes) {
        ordered_json one{{"code", code.code}};
        if (code.expires) {
            one["expires_ms"] = code.expires->time_since_epoch().count();
        }
        value["bypass_codes"].push_back(std::move(one));
    }
    value["wrong_passcodes"] = account.wrong_passcodes;
    value["fault"] = to_json(account.fault);
    return value;
}

} // namespace raxauth::simulator
