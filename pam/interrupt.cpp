// SPDX-License-Identifier: Apache-2.0
#include "pam/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>

namespace raxauth::pam {
namespace {

bool is_handled(int signal) noexcept {
    struct sigaction action{};
    return ::sigaction(signal, nullptr, &action) == 0 &&
           ((action.sa_flags & SA_SIGINFO) != 0 ||
            (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN));
}

} // namespace

HeldInterrupts::HeldInterrupts() noexcept {
    sigset_t held{};
    sigemptyset(&held);
    bool any = false;
    if (::pthread_sigmask(SIG_BLOCK, nullptr, &before_) != 0) {
        return;
    }
    for (const int signal : {SIGINT, SIGQUIT}) {
        if (is_handled(signal)) {
            sigaddset(&held, signal);
            any = true;
        }
    }
    if (!any) {
        return;
    }
    fd_ = UniqueFd(::signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK));
    changed_ = fd_ && ::pthread_sigmask(SIG_BLOCK, &held, nullptr) == 0;
}

bool HeldInterrupts::has_come() const noexcept {
    pollfd watched{fd_.get(), POLLIN, 0};
    return ::poll(&watched, 1, 0) > 0;
}

HeldInterrupts::~HeldInterrupts() {
    if (changed_) {
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
}

} // namespace raxauth::pam
