// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "daemon/bus/rooms.h"

#include <memory>

namespace raxauth::bus {

/// org.raxauth.Auth1 on the system bus: who may call what, and values to and from messages. Takes
/// no decision about sign-ins. See org.raxauth.Auth1(5).
class AuthService {
  public:
    /// Connects, adds the object and takes the name, synchronously: at start-up only.
    /// Errors: std::system_error (no bus, the name is taken, the policy does not allow it).
    AuthService(Rooms rooms, const char* address);
    AuthService(const AuthService&) = delete;
    AuthService& operator=(const AuthService&) = delete;
    ~AuthService();

    /// Gives the name back, so that no new caller comes; live conversations go on being served.
    void release_name() noexcept;

    sd_bus* bus() const noexcept { return bus_.get(); }

  private:
    struct Parts;

    const Rooms rooms_;
    Bus bus_;
    std::unique_ptr<Parts> parts_;
    BusSlot object_;
};

} // namespace raxauth::bus
