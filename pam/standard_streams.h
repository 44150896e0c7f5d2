// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "common/unique_fd.h"

namespace raxauth::pam {

/// While it lives, descriptors 0, 1 and 2 are in use: if the application has closed one, it is
/// /dev/null. So no socket of ours, of NSS or of syslog(3) can become somebody's standard output.
class StandardStreams {
  public:
    StandardStreams() noexcept;

  private:
    std::array<UniqueFd, 3> placeholders_;
};

} // namespace raxauth::pam
