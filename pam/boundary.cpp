// SPDX-License-Identifier: Apache-2.0
#include "pam/hooks.h"
#include "pam/standard_streams.h"

#include <cerrno>
#include <exception>
#include <syslog.h>

namespace raxauth::pam {
namespace {

int run(Hook hook, pam_handle_t* pamh, int flags, int argc, const char** argv,
        const char* bus_address) {
    ParsedOptions parsed = parse_options(argc, argv);
    const Log log(pamh, parsed.options.debug);
    for (const std::string& fault : parsed.faults) {
        log.line(LOG_ERR, "%s", fault.c_str());
    }
    return hook({pamh, static_cast<unsigned>(flags), std::move(parsed.options), log, bus_address});
}

} // namespace

int run_hook(Hook hook, pam_handle_t* pamh, int flags, int argc, const char** argv,
             const char* bus_address) noexcept {
    const int saved_errno = errno;
    int code = PAM_SYSTEM_ERR;
    {
        const StandardStreams streams;
        try {
            code = run(hook, pamh, flags, argc, argv, bus_address);
        } catch (const std::exception& exception) {
            Log(pamh, /*debug=*/false).line(LOG_CRIT, "internal fault: %s", exception.what());
        } catch (...) {
            Log(pamh, /*debug=*/false).line(LOG_CRIT, "internal fault");
        }
    }
    errno = saved_errno;
    return code;
}

} // namespace raxauth::pam
