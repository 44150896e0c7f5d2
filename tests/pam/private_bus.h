// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <sys/types.h>

namespace raxauth::testing {

/// A directory under /tmp that goes with its owner, and all that is in it.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    std::string path(const std::string& name) const { return path_ + "/" + name; }
    void write(const std::string& name, const std::string& content) const;

  private:
    std::string path_;
};

/// A real dbus-daemon that lets everybody do everything.
class PrivateBus {
  public:
    /// `activation`: what Exec= of org.raxauth.Auth1's service file says; none: not activatable.
    explicit PrivateBus(const std::string& activation = {});
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;
    ~PrivateBus() { stop(); }

    const char* address() const noexcept { return address_.c_str(); }
    void stop();

  private:
    TemporaryDirectory directory_;
    std::string address_;
    pid_t pid_ = -1;
};

} // namespace raxauth::testing
