// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/account_rules.h"
#include "common/bus_contract.h"
#include "pam/log.h"
#include "pam/options.h"

#include <security/pam_modules.h>

namespace raxauth::pam {

/// One call of a hook.
struct Invocation {
    pam_handle_t* pamh;
    unsigned flags; // as pam_sm_authenticate(3) and its kin get them: PAM_SILENT and others
    Options options;
    Log log;
    const char* bus_address;
    const char* state_directory; // the daemon's
};

/// Where the module finds the daemon; tests have their own.
struct DaemonPlace {
    const char* bus_address = contract::kBusAddress;
    const char* state_directory = kStateDirectory;
};

/// The six hooks; each returns a PAM code. They may throw: run_hook() is the boundary.
int authenticate(const Invocation& call);
int set_credentials(const Invocation& call);
int check_account(const Invocation& call);
int open_session(const Invocation& call);
int close_session(const Invocation& call);
int change_password(const Invocation& call);

using Hook = int (*)(const Invocation&);

/// What stands between libpam and a hook: parses the options, keeps errno and descriptors 0 to 2
/// as they were, and turns every exception into PAM_SYSTEM_ERR.
int run_hook(Hook hook, pam_handle_t* pamh, int flags, int argc, const char** argv,
             const DaemonPlace& place) noexcept;

} // namespace raxauth::pam
