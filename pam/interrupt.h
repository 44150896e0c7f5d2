// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"

#include <csignal>

namespace raxauth::pam {

/// While it lives, ^C and ^\ are held back from the application's handlers, and can be waited for.
/// sudo holds them back itself and looks at them between two tries: without this, somebody who
/// interrupts it while the provider is slow would be asked on, and sent a text message. Afterwards
/// the application gets its signal as usual. Left alone are signals that would end the process at
/// once, and those that it ignores.
class HeldInterrupts {
  public:
    HeldInterrupts() noexcept;
    HeldInterrupts(const HeldInterrupts&) = delete;
    HeldInterrupts& operator=(const HeldInterrupts&) = delete;
    ~HeldInterrupts();

    /// Readable when one has come; -1: there is nothing to wait for. It is not to be read from.
    int fd() const noexcept { return fd_.get(); }
    bool has_come() const noexcept;

  private:
    sigset_t before_{};
    bool changed_ = false;
    UniqueFd fd_;
};

} // namespace raxauth::pam
