// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/clock.h"

#include <optional>
#include <string>
#include <string_view>

namespace raxauth::identity {

/// How this host's clock stands to the server's, by the Date of the last reply that came over a
/// verified connection. A certificate that is refused for its dates mostly means that this host's
/// clock has jumped since.
class ServerClock {
  public:
    /// `date`: as the header says it. What is no date is passed over.
    void heard(std::string_view date, MonotonicTime now);
    /// A clause, "3 h 5 min behind the server's"; nothing: no reply has said.
    std::optional<std::string> compare(WallTime host, MonotonicTime now) const;

  private:
    struct Reading {
        WallTime server;
        MonotonicTime at;
    };
    std::optional<Reading> last_;
};

} // namespace raxauth::identity
