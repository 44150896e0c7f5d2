// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/http_server.h"
#include "tests/simulator/request.h"

#include <cstdint>
#include <fstream>
#include <mutex>
#include <string>

namespace raxauth::simulator {

/// One JSON line per request, written and flushed when the request was read, before its reply goes
/// out. Holds no password, passcode, API key or token; tokens and sessions appear as fingerprints.
class RequestLog {
  public:
    /// Throws std::runtime_error if the file cannot be opened for appending.
    explicit RequestLog(const std::string& path);
    void write(Time now, const Request& request, const Peer& peer, const Trace& trace, int status);

  private:
    std::mutex mutex_;
    std::ofstream file_;
    std::uint64_t sequence_ = 0;
};

} // namespace raxauth::simulator
