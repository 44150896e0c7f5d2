// SPDX-License-Identifier: Apache-2.0
#include "cli/device_table.h"

#include "cli/factor_management.h"
#include "cli/table.h"

namespace raxauth::cli {

std::string format_devices(const nlohmann::json& result) {
    std::vector<std::vector<std::string>> rows{{"ID", "KIND", "NAME", "NUMBER", "STATE"}};
    const auto add = [&](const nlohmann::json& device, const char* kind) {
        if (device.is_object()) {
            rows.push_back({text_of(device, "id"), kind, text_of(device, "name"),
                            text_of(device, "number"),
                            flag_of(device, "verified") ? "verified" : "not verified"});
        }
    };
    for (const nlohmann::json& device : list_of(result, "otp_devices")) {
        add(device, "authenticator app");
    }
    for (const nlohmann::json& phone : list_of(result, "phones")) {
        add(phone, "phone (SMS)");
    }
    return rows.size() > 1 ? format_table(rows) : "No devices. To set one up: raxauth enrol\n";
}

} // namespace raxauth::cli
