// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/clock.h"
#include "tests/simulator/fault.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raxauth::simulator {

struct Role {
    std::string id;
    std::string name;
    std::string description;
    std::string tenant_id; ///< empty: a role on the whole domain
    std::string service_id;
    bool rcn = false; ///< counts only with apply_rcn_roles=true
    bool propagate = false;
};

struct Phone {
    std::string id;
    std::string number;
    bool verified = false;
    std::string pin; ///< the verification code last sent; empty: none
    Time pin_expires{};
};

struct OtpDevice {
    std::string id;
    std::string name;
    std::string secret; ///< base32
    bool verified = false;
};

struct BypassCode {
    std::string code;
    std::optional<Time> expires; ///< unset: for ever
};

struct SmsCode {
    std::string code;
    Time expires{};
};

/// One Identity user: what the file says, and what has happened to them since.
struct Account {
    std::string name;
    std::string id;
    std::string password;
    std::string api_key;
    std::string email;
    std::string contact_id;
    std::string phone_pin;
    std::string domain_id;
    std::string tenant_id;   ///< the tenant named in tokens that asked for none; may be empty
    std::string tenant_name; ///< empty: the same as `tenant_id`
    std::vector<std::string> tenants; ///< further tenants the user may ask for
    std::string region = "DFW";
    std::string enforcement = "DEFAULT"; ///< DEFAULT, OPTIONAL, REQUIRED
    std::string factor_type;             ///< SMS, OTP or empty
    bool mfa_enabled = false;
    bool enabled = true;
    bool locked = false; ///< locked until somebody unlocks, whatever the time
    bool password_expired = false;
    bool federated = false;
    bool racker = false;
    std::vector<Role> roles;
    std::vector<Phone> phones;
    std::vector<OtpDevice> otp_devices;
    std::vector<BypassCode> bypass_codes;
    Fault fault;

    // what has happened since
    std::int64_t wrong_passcodes = 0;
    Time last_wrong_passcode{};
    std::int64_t wrong_passwords = 0;
    Time last_wrong_password{};
    std::vector<SmsCode> sms_codes;
    std::vector<std::string> used_otp_codes; ///< remembered only while `otp_replay` is off
    std::int64_t pins_today = 0;
    Time pins_since{};

    bool has_verified_phone() const;
    bool has_verified_otp_device() const;
    bool may_use_tenant(std::string_view tenant, bool with_rcn_roles) const;
    bool has_role(std::string_view role_name) const;
};

/// Reads the members of `patch` into `account`; the format is in README.md. Throws
/// std::invalid_argument naming the member that is unknown or wrong.
void merge(Account& account, const nlohmann::json& patch);

nlohmann::ordered_json to_json(const Account& account);
nlohmann::ordered_json to_json(const Fault& fault);
Fault fault_from_json(const nlohmann::json& value);

} // namespace raxauth::simulator
