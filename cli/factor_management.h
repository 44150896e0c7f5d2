// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/surroundings.h"
#include "common/secret.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace raxauth::cli {

/// One request of the daemon's BeginFactorManagement.
struct FactorRequest {
    std::string verb;
    std::vector<std::string> arguments;
    std::string command;     ///< as typed, for advice: "raxauth mfa status"
    bool from_stdin = false; ///< --stdin
};

/// Sends the request. The daemon may ask the person to sign in or to confirm. Returns the result, a
/// JSON object; it may hold secrets.
/// Errors: Failure.
Secret manage_factors(const Surroundings& around, const FactorRequest& request);
/// The same for requests without a result: shows the daemon's words, or that it is done.
void manage_factors_and_tell(const Surroundings& around, const FactorRequest& request);

/// A result whose strings are cleaned for a terminal, each cut to kMaxShownBytes.
/// Errors: Failure, when it is no JSON object.
nlohmann::json read_result(const Secret& result);
/// Empty when there is none, or it is of another type.
std::string text_of(const nlohmann::json& object, std::string_view key);
bool flag_of(const nlohmann::json& object, std::string_view key);
/// No elements when there is no such array.
const nlohmann::json& list_of(const nlohmann::json& object, std::string_view key);

/// A name or id from the command line has to be printable and not too long. `what` says what it
/// should be ("a device id"), `advice` where to find one.
/// Errors: Failure (Usage).
void check_argument(std::string_view argument, std::string_view what, std::string_view advice = {});

} // namespace raxauth::cli
