// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pam/log.h"

#include <ctime>
#include <string>

namespace raxauth::pam {

/// Has the local account expired, by the date that chage(1) -E sets? The age of local passwords is
/// not checked: managed users have none. Where shadow cannot be read (by a process that is not
/// root, or because NSS fails, which is logged), the date is not known and holds nobody up.
bool is_account_expired(const std::string& name, std::time_t now, const Log& log);

/// `expires`: days since 1970, as in shadow(5); -1: never.
bool is_over(long expires, std::time_t now) noexcept;

} // namespace raxauth::pam
