// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace raxauth::simulator {

/// The points on which the sources about Identity v2.0 disagree, or that nobody outside Rackspace
/// knows. Each is a switch, so that the client can be tried against both readings. README.md says
/// what each means; the defaults are what the newest trustworthy source says.
struct Switches {
    // sessions and locks
    std::int64_t session_seconds = 300;
    bool session_survives_success = true;
    std::int64_t session_length = 204;
    std::int64_t lock_after = 3;
    std::int64_t unlock_seconds = 1800;
    std::int64_t password_lock_after = 6;
    std::int64_t password_lock_seconds = 1;

    // words
    std::string factor_word = "auto";
    std::string otp_proof_word = "OTPPASSCODE";
    bool fault_codes = true;
    bool challenge_full_stop = false;
    std::string authenticated_by_order = "random";
    std::string date_format = "z_ms";
    bool lower_case_attributes = false;
    bool text_booleans = false;
    bool escape_ampersand = true;

    // tokens
    std::int64_t token_length = 200;
    std::int64_t token_seconds = 86400;
    std::int64_t racker_token_seconds = 43200;
    std::int64_t setup_token_seconds = 86400;
    bool token_lifetime_entropy = true;
    bool token_tenant_always = true;
    bool setup_wrapped = true;
    bool setup_lower_case_password = false;
    std::int64_t catalogue_copies = 1;
    bool tenant_header = true;

    // codes
    std::int64_t sms_code_digits = 7;
    std::int64_t sms_code_seconds = 600;
    std::int64_t sms_codes_per_message = 1;
    bool sms_code_one_use = true;
    std::int64_t otp_steps_back = 3;
    std::int64_t otp_steps_ahead = 1;
    bool otp_replay = true;
    std::int64_t pin_digits = 4;
    std::int64_t pin_seconds = 600;
    std::int64_t bypass_code_digits = 9;
    std::int64_t verification_codes_per_day = 10;

    // throttling
    bool throttle = false;
    std::int64_t throttle_status = 413;
    std::int64_t throttle_seconds = 5;
    bool throttle_retry_after_header = false;
    bool throttle_body = true;
    std::int64_t requests_per_second = 0;

    // management of the second factor
    std::int64_t status_phone_added = 201;
    std::int64_t status_pin_sent = 202;
    std::int64_t status_verified = 204;
    std::int64_t status_otp_added = 201;
    std::string verify_enables = "never";
    bool enabling_revokes_tokens = true;
    bool last_otp_device_removable = false;
    std::int64_t max_otp_devices = 5;
    bool second_phone_refused = true;
    bool both_verified_need_factor_type = true;

    nlohmann::ordered_json to_json() const;
    /// Takes over the members of `patch`; throws std::invalid_argument and changes nothing if one
    /// is unknown or of the wrong type.
    void merge(const nlohmann::json& patch);
};

} // namespace raxauth::simulator
