// SPDX-License-Identifier: Apache-2.0
#include "pam_application.h"

#include <cstdlib>
#include <stdexcept>

namespace raxauth::testing {

PamApplication::PamApplication(const std::string& stack, const char* user, const char* bus) {
    std::string text = stack;
    const std::string placeholder = "MODULE";
    for (std::size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos;) {
        text.replace(at, placeholder.size(), RAXAUTH_TEST_MODULE);
    }
    directory_.write("raxauth-test", text);
    ::setenv("RAXAUTH_TEST_BUS", bus, /*replace=*/1);
    if (pam_start_confdir("raxauth-test", user, conversation.conv(), directory_.path("").c_str(),
                          &pamh_) != PAM_SUCCESS) {
        throw std::runtime_error("pam_start_confdir");
    }
}

void PamApplication::end() {
    if (pamh_ != nullptr) {
        pam_end(pamh_, PAM_SUCCESS);
        pamh_ = nullptr;
    }
}

} // namespace raxauth::testing
