// SPDX-License-Identifier: Apache-2.0
#include "cli/device_table.h"
#include "cli/factor_management.h"
#include "cli/verbs.h"

#include <fmt/core.h>

namespace raxauth::cli {

ExitStatus devices(const Surroundings& around, const ManagementOptions& options, bool numbers) {
    std::vector<std::string> arguments;
    if (numbers) {
        arguments.emplace_back("numbers");
    }
    const auto result = read_result(manage_factors(
        around, {"devices", std::move(arguments), "raxauth devices", options.from_stdin}));
    if (options.json) {
        fmt::print("{}\n", result.dump(2));
    } else {
        fmt::print("{}", format_devices(result));
    }
    return ExitStatus::Done;
}

ExitStatus remove_device(const Surroundings& around, const ManagementOptions& options,
                         const std::string& id) {
    check_argument(id, "a device id", "\"raxauth devices\" lists them.");
    manage_factors_and_tell(around,
                            {"devices-remove", {id}, "raxauth devices remove", options.from_stdin});
    return ExitStatus::Done;
}

ExitStatus verify_device(const Surroundings& around, const ManagementOptions& options,
                         const std::string& id) {
    check_argument(id, "a device id", "\"raxauth devices\" lists them.");
    manage_factors_and_tell(around,
                            {"devices-verify", {id}, "raxauth devices verify", options.from_stdin});
    return ExitStatus::Done;
}

} // namespace raxauth::cli
