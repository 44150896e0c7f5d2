// SPDX-License-Identifier: Apache-2.0
#include "pam/codes.h"

#include <security/pam_modules.h>

namespace raxauth::pam {
namespace {

struct Row {
    Outcome outcome;
    int code;
};

constexpr Row kAuthenticate[] = {
    {Outcome::Granted, PAM_SUCCESS},      {Outcome::Denied, PAM_AUTH_ERR},
    {Outcome::MaxTries, PAM_MAXTRIES},    {Outcome::Unavailable, PAM_AUTHINFO_UNAVAIL},
    {Outcome::NotOurs, PAM_USER_UNKNOWN}, {Outcome::Expired, PAM_AUTH_ERR},
    {Outcome::Cancelled, PAM_CONV_ERR},   {Outcome::Fault, PAM_SYSTEM_ERR},
};

// Nothing is asked in the account phase: MaxTries and Cancelled cannot come, so they are faults.
constexpr Row kAccount[] = {
    {Outcome::Granted, PAM_SUCCESS},      {Outcome::Denied, PAM_PERM_DENIED},
    {Outcome::MaxTries, PAM_SYSTEM_ERR},  {Outcome::Unavailable, PAM_AUTHINFO_UNAVAIL},
    {Outcome::NotOurs, PAM_USER_UNKNOWN}, {Outcome::Expired, PAM_ACCT_EXPIRED},
    {Outcome::Cancelled, PAM_SYSTEM_ERR}, {Outcome::Fault, PAM_SYSTEM_ERR},
};

// A user who is not ours changes the password with the next module, so never PAM_USER_UNKNOWN.
constexpr Row kPassword[] = {
    {Outcome::Granted, PAM_SUCCESS},    {Outcome::Denied, PAM_PERM_DENIED},
    {Outcome::MaxTries, PAM_MAXTRIES},  {Outcome::Unavailable, PAM_AUTHTOK_ERR},
    {Outcome::NotOurs, PAM_IGNORE},     {Outcome::Expired, PAM_PERM_DENIED},
    {Outcome::Cancelled, PAM_CONV_ERR}, {Outcome::Fault, PAM_SYSTEM_ERR},
};

template <std::size_t N>
int code_of(const Row (&table)[N], Outcome outcome) noexcept {
    for (const Row& row : table) {
        if (row.outcome == outcome) {
            return row.code;
        }
    }
    return PAM_SYSTEM_ERR;
}

int unless_ignored(int code, bool ignore_unknown_user) noexcept {
    return code == PAM_USER_UNKNOWN && ignore_unknown_user ? PAM_IGNORE : code;
}

} // namespace

int authenticate_code(Outcome outcome, bool ignore_unknown_user) noexcept {
    return unless_ignored(code_of(kAuthenticate, outcome), ignore_unknown_user);
}

int account_code(Outcome outcome, bool ignore_unknown_user) noexcept {
    return unless_ignored(code_of(kAccount, outcome), ignore_unknown_user);
}

int password_code(Outcome outcome) noexcept {
    return code_of(kPassword, outcome);
}

} // namespace raxauth::pam
