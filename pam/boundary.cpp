// SPDX-License-Identifier: Apache-2.0
#include "pam/hooks.h"
#include "pam/standard_streams.h"

#include <cerrno>
#include <exception>
#include <pthread.h>
#include <syslog.h>

namespace raxauth::pam {
namespace {

/// pthread_cancel(3) unwinds the stack by something that no handler may keep, and ours keep all:
/// the application would abort. A cancellation that comes meanwhile waits until the hook is over.
class NoCancellation {
  public:
    NoCancellation() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
    NoCancellation(const NoCancellation&) = delete;
    NoCancellation& operator=(const NoCancellation&) = delete;
    ~NoCancellation() { ::pthread_setcancelstate(before_, nullptr); }

  private:
    int before_ = PTHREAD_CANCEL_ENABLE;
};

int run(Hook hook, pam_handle_t* pamh, int flags, int argc, const char** argv,
        const DaemonPlace& place) {
    ParsedOptions parsed = parse_options(argc, argv);
    const Log log(pamh, parsed.options.debug);
    for (const std::string& fault : parsed.faults) {
        log.line(LOG_ERR, "%s", fault.c_str());
    }
    return hook({pamh, static_cast<unsigned>(flags), std::move(parsed.options), log,
                 place.bus_address, place.state_directory});
}

} // namespace

int run_hook(Hook hook, pam_handle_t* pamh, int flags, int argc, const char** argv,
             const DaemonPlace& place) noexcept {
    const int saved_errno = errno;
    int code = PAM_SYSTEM_ERR;
    {
        const NoCancellation no_cancellation;
        const StandardStreams streams;
        try {
            code = run(hook, pamh, flags, argc, argv, place);
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
