// SPDX-License-Identifier: Apache-2.0
#include "pam_application.h"

#include <cstdlib>
#include <stdexcept>
#include <sys/stat.h>

namespace raxauth::testing {

PamApplication::PamApplication(const std::string& stack, const char* user, const char* bus) {
    std::string text = stack;
    const std::string placeholder = "MODULE";
    // "nobody", whom every Debian has, is to be a user of ours. What the stack says comes later.
    const std::string module = RAXAUTH_TEST_MODULE " maximum_uid=65534";
    for (std::size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos;
         at += module.size()) {
        text.replace(at, placeholder.size(), module);
    }
    directory_.write("raxauth-test", text);
    ::setenv("RAXAUTH_TEST_BUS", bus, /*replace=*/1);
    ::setenv("RAXAUTH_TEST_STATE", directory_.path("state").c_str(), /*replace=*/1);
    if (pam_start_confdir("raxauth-test", user, conversation.conv(), directory_.path("").c_str(),
                          &pamh_) != PAM_SUCCESS) {
        throw std::runtime_error("pam_start_confdir");
    }
}

void PamApplication::write_account_rules(const std::string& text) {
    ::mkdir(directory_.path("state").c_str(), 0700);
    directory_.write("state/account-rules", text);
}

void PamApplication::end() {
    if (pamh_ != nullptr) {
        pam_end(pamh_, PAM_SUCCESS);
        pamh_ = nullptr;
    }
}

} // namespace raxauth::testing
