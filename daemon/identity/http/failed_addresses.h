// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

namespace raxauth::identity {

/// The addresses of a host that accepted nothing, said nothing or failed in TLS, for some minutes:
/// one bad node of several must not cost every new connection its time-out. Addresses are raw
/// socket addresses.
class FailedAddresses {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::minutes kRemembered{5};
    static constexpr std::size_t kMost = 64;

    void add(const std::string& address, Time now) {
        std::erase_if(failed_, [now](const auto& one) { return now - one.second > kRemembered; });
        if (failed_.size() < kMost || failed_.contains(address)) {
            failed_[address] = now;
        }
    }
    void forget(const std::string& address) { failed_.erase(address); }
    /// Since `since`, and not too long ago.
    bool contains(const std::string& address, Time now, Time since = Time::min()) const {
        const auto found = failed_.find(address);
        return found != failed_.end() && found->second >= since &&
               now - found->second <= kRemembered;
    }

  private:
    std::map<std::string, Time> failed_;
};

} // namespace raxauth::identity
