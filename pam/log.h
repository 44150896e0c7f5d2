// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <security/pam_modules.h>

namespace raxauth::pam {

/// The system log, facility authpriv, through pam_syslog(3): it leaves the application's openlog(3)
/// alone and puts service and phase in front. Foreign text goes through sanitise() first, secrets
/// never get here.
class Log {
  public:
    Log(const pam_handle_t* pamh, bool debug) : pamh_(pamh), debug_(debug) {}

    /// `priority`: one of syslog(3)'s.
    void line(int priority, const char* format, ...) const noexcept
        __attribute__((format(printf, 3, 4)));
    /// Only with the option `debug`.
    void debug(const char* format, ...) const noexcept __attribute__((format(printf, 2, 3)));

  private:
    const pam_handle_t* pamh_;
    bool debug_;
};

} // namespace raxauth::pam
