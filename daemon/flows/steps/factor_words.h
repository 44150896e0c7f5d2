// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/factor_management.h"

#include <optional>
#include <string_view>

/// The words of org.raxauth.Auth1(5) for kinds of factors and levels of enforcement.
namespace raxauth::flows {

/// The answer to any other word.
inline constexpr const char* kFactorKinds = "A second factor is \"otp\" or \"sms\".";

std::string_view word_of(identity::FactorKind kind);
std::optional<identity::FactorKind> factor_kind_from(std::string_view word);

std::string_view word_of(identity::Enforcement level);
/// A level that a person may set; only the provider sets "mandated".
std::optional<identity::Enforcement> enforcement_from(std::string_view word);

/// For messages: "authenticator", "SMS".
const char* name_of(identity::FactorKind kind);

} // namespace raxauth::flows
