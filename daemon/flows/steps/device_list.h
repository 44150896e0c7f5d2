// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/flows/steps/result_json.h"
#include "daemon/identity/factor_management.h"

#include <string_view>
#include <vector>

namespace raxauth::flows {

/// The devices of one user.
struct DeviceList {
    std::vector<identity::OtpDevice> authenticators;
    std::vector<identity::Phone> phones;

    /// Null: there is no phone with this id.
    const identity::Phone* phone(std::string_view id) const;
    bool has_authenticator(std::string_view id) const;

    enum class Numbers { Masked, Whole };
    /// Two members of the object that `json` is in: "otp_devices", "phones".
    void write(ResultJson& json, Numbers numbers) const;
};

} // namespace raxauth::flows
