// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace raxauth::identity {

/// What a provider can do beyond a sign-in. Flows ask for it and assume nothing; the safe value is
/// the default.
struct Capabilities {
    bool api_keys = false;        ///< a machine account may send an API key in place of a password
    bool resend_passcode = false; ///< step 1 once more sends a new passcode to the phone
    bool change_password = false; ///< a person changes their own, an expired one included
    bool enrol_otp = false;       ///< a person adds an authenticator app
    bool enrol_sms = false;       ///< a person adds a phone that gets passcodes
    bool set_up_at_sign_in = false; ///< a password alone opens the set-up where MFA is demanded
    bool choose_factor = false;     ///< a default among several kinds
    bool switch_off = false;        ///< a person switches their own MFA off
    bool bypass_codes = false;      ///< codes for once, for somebody who has lost the device
    bool unlock = false;            ///< an administrator ends a lockout
    bool enforcement = false;       ///< an administrator says who must have MFA
};

} // namespace raxauth::identity
