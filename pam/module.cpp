// SPDX-License-Identifier: Apache-2.0
// The six entry points, and all that this object exports (see cmake/pam_exports.map).
#include "pam/hooks.h"

#include <security/pam_modules.h>

namespace {

int run(raxauth::pam::Hook hook, pam_handle_t* pamh, int flags, int argc,
        const char** argv) noexcept {
    return raxauth::pam::run_hook(hook, pamh, flags, argc, argv, {});
}

} // namespace

// libpam's header declares them; visible against the default of the build.
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
