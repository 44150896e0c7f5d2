// SPDX-License-Identifier: Apache-2.0
#include "cli/device_table.h"
#include "cli/factor_management.h"
#include "cli/verbs.h"

#include <fmt/core.h>

namespace raxauth::cli {
namespace {

void line(std::string_view name, std::string_view text) {
    fmt::print("{:<14} {}\n", name, text);
}

std::string factor_in_words(const nlohmann::json& result) {
    if (!flag_of(result, "enabled")) {
        return "off";
    }
    const std::string factor = text_of(result, "factor");
    return factor == "otp"   ? "on, passcodes from an authenticator app"
           : factor == "sms" ? "on, passcodes by SMS"
                             : "on";
}

std::string enforcement_in_words(const std::string& level) {
    return level == "default"    ? "set by the domain"
           : level == "optional" ? "optional"
           : level == "required" ? "required"
           : level == "mandated" ? "required by Rackspace"
                                 : level;
}

std::string domain_in_words(const nlohmann::json& result, std::string_view level_key) {
    const std::string level = enforcement_in_words(text_of(result, level_key));
    std::string domain = text_of(result, "domain");
    if (level.empty()) {
        return domain;
    }
    return fmt::format("{}: a second factor is {} for all users", domain,
                       level == "optional" ? "not required" : level);
}

} // namespace

ExitStatus mfa_status(const Surroundings& around, const ManagementOptions& options) {
    const auto result = read_result(
        manage_factors(around, {"mfa-status", {}, "raxauth mfa status", options.from_stdin}));
    if (options.json) {
        fmt::print("{}\n", result.dump(2));
        return ExitStatus::Done;
    }
    line("Account", text_of(result, "account"));
    line("Second factor", factor_in_words(result));
    if (flag_of(result, "locked")) {
        line("Attention",
             "locked after wrong passcodes. Wait half an hour, or ask an administrator");
        line("",
             "of the Rackspace account to run: raxauth mfa unlock " + text_of(result, "account"));
    }
    if (const auto level = enforcement_in_words(text_of(result, "enforcement")); !level.empty()) {
        line("For you", level);
    }
    if (const auto domain = domain_in_words(result, "domain_enforcement"); !domain.empty()) {
        line("Domain", domain);
    }
    fmt::print("\n{}", format_devices(result));
    return ExitStatus::Done;
}

ExitStatus mfa_default(const Surroundings& around, const ManagementOptions& options,
                       const std::string& factor) {
    manage_factors_and_tell(around,
                            {"mfa-default", {factor}, "raxauth mfa default", options.from_stdin});
    return ExitStatus::Done;
}

ExitStatus mfa_enable(const Surroundings& around, const ManagementOptions& options,
                      const std::string& factor) {
    std::vector<std::string> arguments;
    if (!factor.empty()) {
        arguments.push_back(factor);
    }
    manage_factors_and_tell(
        around, {"mfa-enable", std::move(arguments), "raxauth mfa enable", options.from_stdin});
    return ExitStatus::Done;
}

ExitStatus mfa_disable(const Surroundings& around, const ManagementOptions& options,
                       bool with_devices) {
    std::vector<std::string> arguments;
    if (with_devices) {
        arguments.emplace_back("devices");
    }
    manage_factors_and_tell(
        around, {"mfa-disable", std::move(arguments), "raxauth mfa disable", options.from_stdin});
    return ExitStatus::Done;
}

ExitStatus mfa_unlock(const Surroundings& around, const ManagementOptions& options,
                      const std::string& user) {
    check_argument(user, "the name of a Rackspace user");
    manage_factors_and_tell(around,
                            {"mfa-unlock", {user}, "raxauth mfa unlock", options.from_stdin});
    return ExitStatus::Done;
}

ExitStatus mfa_require(const Surroundings& around, const ManagementOptions& options,
                       const std::string& user, const std::string& level) {
    check_argument(user, "the name of a Rackspace user");
    manage_factors_and_tell(
        around, {"mfa-require", {user, level}, "raxauth mfa require", options.from_stdin});
    return ExitStatus::Done;
}

ExitStatus mfa_domain(const Surroundings& around, const ManagementOptions& options) {
    const auto result = read_result(
        manage_factors(around, {"mfa-domain-show", {}, "raxauth mfa domain", options.from_stdin}));
    if (options.json) {
        fmt::print("{}\n", result.dump(2));
    } else {
        line("Domain", domain_in_words(result, "enforcement"));
    }
    return ExitStatus::Done;
}

ExitStatus mfa_domain_set(const Surroundings& around, const ManagementOptions& options,
                          const std::string& level) {
    manage_factors_and_tell(
        around, {"mfa-domain-set", {level}, "raxauth mfa domain set", options.from_stdin});
    return ExitStatus::Done;
}

} // namespace raxauth::cli
