// SPDX-License-Identifier: Apache-2.0
//
// The module of bare_daemon: connects, begins, puts each prompt to the application and sends the
// answer through a pipe. No option, context, deadline, limit or check; linked as the module is.
#include "common/handle.h"
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
    const Bus bus = connect_to_bus();
    Who who;
    who.user = item(pamh, PAM_USER);
    who.service = item(pamh, PAM_SERVICE);
    Step step = call(bus.get(), begin_call(bus.get(), who, kBareName));
    while (step.state == "ask") {
        char* answer = nullptr;
        if (pam_prompt(pamh, PAM_PROMPT_ECHO_OFF, &answer, "%s", step.prompt.c_str()) !=
            PAM_SUCCESS) {
            return false;
        }
        const std::string given = answer;
        std::free(answer); // NOLINT(cppcoreguidelines-owning-memory): pam_prompt(3) says free
        step = call(bus.get(), answer_call(bus.get(), step.id, step.serial, given, kBareName));
    }
    return step.state == "granted";
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
