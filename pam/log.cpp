// SPDX-License-Identifier: Apache-2.0
#include "pam/log.h"

#include <cstdarg>
#include <security/pam_ext.h>
#include <syslog.h>

namespace raxauth::pam {

void Log::line(int priority, const char* format, ...) const noexcept {
    va_list arguments;
    va_start(arguments, format);
    pam_vsyslog(pamh_, priority, format, arguments);
    va_end(arguments);
}

void Log::debug(const char* format, ...) const noexcept {
    if (!debug_) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    pam_vsyslog(pamh_, LOG_DEBUG, format, arguments);
    va_end(arguments);
}

} // namespace raxauth::pam
