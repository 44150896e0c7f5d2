// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus/call_context.h"
#include "pam/subject.h"

#include <security/pam_modules.h>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace raxauth::pam {

/// What PAM and the kernel say about the calling application. Strings are sanitised and at most
/// contract::kMaxContextStringBytes long.
using Context = client::CallContext;

/// Asks PAM's items and /proc/self about a transaction of `subject`. Never the environment. What
/// cannot be found stays unset.
Context collect_context(const pam_handle_t* pamh, const Subject& subject);

/// The number that a file such as /proc/self/loginuid holds; kUnsetId if there is none.
unsigned kernel_id_in(std::string_view text) noexcept;

/// logind's session id as the text of /proc/PID/cgroup tells it; empty outside sessions. By the
/// rule of sd_pid_get_session(3), which needs a dozen system calls more for each line.
std::string logind_session_in(std::string_view cgroups);

} // namespace raxauth::pam
