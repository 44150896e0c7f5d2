// SPDX-License-Identifier: Apache-2.0
// The module with one difference: the bus is where $RAXAUTH_TEST_BUS says, the daemon's state where
// $RAXAUTH_TEST_STATE says. For tests only; the one that is installed reads no environment.
#include "pam/hooks.h"

#include <cstdlib>
#include <security/pam_modules.h>

namespace {

int run(raxauth::pam::Hook hook, pam_handle_t* pamh, int flags, int argc,
        const char** argv) noexcept {
    const char* const bus = std::getenv("RAXAUTH_TEST_BUS");
    const char* const state = std::getenv("RAXAUTH_TEST_STATE");
    return raxauth::pam::run_hook(hook, pamh, flags, argc, argv,
                                  {bus != nullptr ? bus : "", state != nullptr ? state : ""});
}

} // namespace

#define RAXAUTH_HOOK extern "C" __attribute__((visibility("default"))) int

RAXAUTH_HOOK pam_sm_authenticate(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    return run(raxauth::pam::authenticate, pamh, flags, argc, argv);
}

RAXAUTH_HOOK pam_sm_setcred(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    return run(raxauth::pam::set_credentials, pamh, flags, argc, argv);
}

RAXAUTH_HOOK pam_sm_acct_mgmt(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    return run(raxauth::pam::check_account, pamh, flags, argc, argv);
}

RAXAUTH_HOOK pam_sm_open_session(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    return run(raxauth::pam::open_session, pamh, flags, argc, argv);
}

RAXAUTH_HOOK pam_sm_close_session(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    return run(raxauth::pam::close_session, pamh, flags, argc, argv);
}

RAXAUTH_HOOK pam_sm_chauthtok(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    return run(raxauth::pam::change_password, pamh, flags, argc, argv);
}
