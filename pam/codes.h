// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pam/outcome.h"

namespace raxauth::pam {

/// One table per hook: the only places where an outcome becomes a PAM code.
/// `ignore_unknown_user`: the option user_unknown=ignore, which turns PAM_USER_UNKNOWN into
/// PAM_IGNORE and touches nothing else.
int authenticate_code(Outcome outcome, bool ignore_unknown_user) noexcept;
int account_code(Outcome outcome, bool ignore_unknown_user) noexcept;
int password_code(Outcome outcome) noexcept;

} // namespace raxauth::pam
