// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/switches.h"

#include <array>
#include <stdexcept>
#include <variant>

namespace raxauth::simulator {

namespace {

struct Field {
    const char* name;
    std::variant<bool Switches::*, std::int64_t Switches::*, std::string Switches::*> member;
};

#define RAXAUTH_SWITCH(name)                                                                       \
    Field {                                                                                        \
        #name, &Switches::name                                                                     \
    }

const std::array kFields{
    RAXAUTH_SWITCH(session_seconds),
    RAXAUTH_SWITCH(session_survives_success),
    RAXAUTH_SWITCH(session_length),
    RAXAUTH_SWITCH(lock_after),
    RAXAUTH_SWITCH(unlock_seconds),
    RAXAUTH_SWITCH(password_lock_after),
    RAXAUTH_SWITCH(password_lock_seconds),
    RAXAUTH_SWITCH(factor_word),
    RAXAUTH_SWITCH(otp_proof_word),
    RAXAUTH_SWITCH(fault_codes),
    RAXAUTH_SWITCH(challenge_full_stop),
    RAXAUTH_SWITCH(authenticated_by_order),
    RAXAUTH_SWITCH(date_format),
    RAXAUTH_SWITCH(lower_case_attributes),
    RAXAUTH_SWITCH(text_booleans),
    RAXAUTH_SWITCH(escape_ampersand),
    RAXAUTH_SWITCH(token_length),
    RAXAUTH_SWITCH(token_seconds),
    RAXAUTH_SWITCH(racker_token_seconds),
    RAXAUTH_SWITCH(setup_token_seconds),
    RAXAUTH_SWITCH(token_lifetime_entropy),
    RAXAUTH_SWITCH(token_tenant_always),
    RAXAUTH_SWITCH(setup_wrapped),
    RAXAUTH_SWITCH(setup_lower_case_password),
    RAXAUTH_SWITCH(catalogue_copies),
    RAXAUTH_SWITCH(tenant_header),
    RAXAUTH_SWITCH(sms_code_digits),
    RAXAUTH_SWITCH(sms_code_seconds),
    RAXAUTH_SWITCH(sms_codes_per_message),
    RAXAUTH_SWITCH(sms_code_one_use),
    RAXAUTH_SWITCH(otp_steps_back),
    RAXAUTH_SWITCH(otp_steps_ahead),
    RAXAUTH_SWITCH(otp_replay),
    RAXAUTH_SWITCH(pin_digits),
    RAXAUTH_SWITCH(pin_seconds),
    RAXAUTH_SWITCH(bypass_code_digits),
    RAXAUTH_SWITCH(verification_codes_per_day),
    RAXAUTH_SWITCH(throttle),
    RAXAUTH_SWITCH(throttle_status),
    RAXAUTH_SWITCH(throttle_seconds),
    RAXAUTH_SWITCH(throttle_retry_after_header),
    RAXAUTH_SWITCH(throttle_body),
    RAXAUTH_SWITCH(requests_per_second),
    RAXAUTH_SWITCH(status_phone_added),
    RAXAUTH_SWITCH(status_pin_sent),
    RAXAUTH_SWITCH(status_verified),
    RAXAUTH_SWITCH(status_otp_added),
    RAXAUTH_SWITCH(verify_enables),
    RAXAUTH_SWITCH(enabling_revokes_tokens),
    RAXAUTH_SWITCH(last_otp_device_removable),
    RAXAUTH_SWITCH(max_otp_devices),
    RAXAUTH_SWITCH(second_phone_refused),
    RAXAUTH_SWITCH(both_verified_need_factor_type),
};

#undef RAXAUTH_SWITCH

void set(Switches& switches, const Field& field, const nlohmann::json& value) {
    const auto wrong_type = [&](const char* wanted) {
        return std::invalid_argument(std::string("switch ") + field.name + " wants " + wanted);
    };
    if (const auto* flag = std::get_if<bool Switches::*>(&field.member)) {
        if (!value.is_boolean()) {
            throw wrong_type("true or false");
        }
        switches.*(*flag) = value.get<bool>();
    } else if (const auto* number = std::get_if<std::int64_t Switches::*>(&field.member)) {
        if (!value.is_number_integer() || value.get<std::int64_t>() < 0) {
            throw wrong_type("a whole number, not negative");
        }
        switches.*(*number) = value.get<std::int64_t>();
    } else {
        if (!value.is_string()) {
            throw wrong_type("a string");
        }
        switches.*std::get<std::string Switches::*>(field.member) = value.get<std::string>();
    }
}

} // namespace

nlohmann::ordered_json Switches::to_json() const {
    nlohmann::ordered_json all;
    for (const Field& field : kFields) {
        std::visit([&](auto member) { all[field.name] = this->*member; }, field.member);
    }
    return all;
}

void Switches::merge(const nlohmann::json& patch) {
    if (!patch.is_object()) {
        throw std::invalid_argument("switches are an object");
    }
    Switches changed = *this;
    for (const auto& [name, value] : patch.items()) {
        bool known = false;
        for (const Field& field : kFields) {
            if (name == field.name) {
                set(changed, field, value);
                known = true;
            }
        }
        if (!known) {
            throw std::invalid_argument("no switch named " + name);
        }
    }
    *this = std::move(changed);
}

} // namespace raxauth::simulator
