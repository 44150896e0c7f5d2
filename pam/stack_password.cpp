// SPDX-License-Identifier: Apache-2.0
#include "pam/stack_password.h"

#include <security/pam_modules.h>

namespace raxauth::pam {

std::optional<Secret> SharedPassword::first_pass() {
    const void* password = nullptr;
    if (!take_ || pam_get_item(pamh_, item_, &password) != PAM_SUCCESS || password == nullptr) {
        return std::nullopt;
    }
    return Secret(static_cast<const char*>(password));
}

void SharedPassword::typed(const Secret& password) {
    // If libpam cannot keep it, a later module asks for itself.
    static_cast<void>(pam_set_item(pamh_, item_, password.c_str()));
}

void SharedPassword::became(const Secret& password) {
    if (pam_set_item(pamh_, PAM_AUTHTOK, password.c_str()) != PAM_SUCCESS && item_ == PAM_AUTHTOK) {
        // Better none than a wrong one: a later module asks for itself.
        static_cast<void>(pam_set_item(pamh_, PAM_AUTHTOK, nullptr));
    }
}

} // namespace raxauth::pam
