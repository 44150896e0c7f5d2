// SPDX-License-Identifier: Apache-2.0
//
// The module of bare_daemon: connects, begins, leaves the bus, puts each prompt to the application
// and sends the answer over the channel. No option, limit or check; linked as the module is.
#include "tests/bench/daemon_calls.h"

#include <security/pam_ext.h>
#include <security/pam_modules.h>

using namespace raxauth;
using namespace raxauth::bench;

namespace {

std::string item(const pam_handle_t* pamh, int type) {
    const void* value = nullptr;
    pam_get_item(pamh, type, &value);
    return value == nullptr ? "" : static_cast<const char*>(value);
}

bool sign_in(pam_handle_t* pamh) {
    client::Channel channel;
    Who who;
    who.user = item(pamh, PAM_USER);
    who.service = item(pamh, PAM_SERVICE);
    client::Step step;
    {
        client::Connection bus;
        connect_to_bus(bus);
        step = begin(bus, who, channel, kBareName);
    }
    while (step.state == State::Ask) {
        channel.start();
        char* given = nullptr;
        if (pam_prompt(pamh, PAM_PROMPT_ECHO_OFF, &given, "%s", prompt_of(step).c_str()) !=
            PAM_SUCCESS) {
            return false;
        }
        const std::string text = given;
        std::free(given); // NOLINT(cppcoreguidelines-owning-memory): pam_prompt(3) says free
        step = answer(channel, step, text);
    }
    return step.state == State::Granted;
}

} // namespace

extern "C" __attribute__((visibility("default"))) int
pam_sm_authenticate(pam_handle_t* pamh, int /*flags*/, int /*argc*/, const char** /*argv*/) {
    try {
        return sign_in(pamh) ? PAM_SUCCESS : PAM_AUTH_ERR;
    } catch (const std::exception&) {
        return PAM_AUTHINFO_UNAVAIL;
    }
}
