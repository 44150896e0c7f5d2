// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/factor_words.h"

namespace raxauth::flows {

using identity::Enforcement;
using identity::FactorKind;

std::string_view word_of(FactorKind kind) {
    return kind == FactorKind::Otp ? "otp" : "sms";
}

std::optional<FactorKind> factor_kind_from(std::string_view word) {
    if (word == "otp") {
        return FactorKind::Otp;
    }
    return word == "sms" ? std::optional(FactorKind::Sms) : std::nullopt;
}

std::string_view word_of(Enforcement level) {
    switch (level) {
    case Enforcement::Default:
        return "default";
    case Enforcement::Optional:
        return "optional";
    case Enforcement::Required:
        return "required";
    case Enforcement::Mandated:
        return "mandated";
    }
    return "";
}

std::optional<Enforcement> enforcement_from(std::string_view word) {
    for (const Enforcement level :
         {Enforcement::Default, Enforcement::Optional, Enforcement::Required}) {
        if (word == word_of(level)) {
            return level;
        }
    }
    return std::nullopt;
}

const char* name_of(FactorKind kind) {
    return kind == FactorKind::Otp ? "authenticator" : "SMS";
}

} // namespace raxauth::flows
