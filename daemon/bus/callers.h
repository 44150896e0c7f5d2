// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_handles.h"
#include "daemon/caller/context.h"
#include "daemon/loop/task.h"

#include <string>
#include <unordered_map>

namespace raxauth::bus {

/// Who the peers on the bus are, by the bus's own word. One asynchronous GetConnectionCredentials
/// for each unique name, kept until that name leaves; one NameOwnerChanged match for all of them,
/// since a connection may add 512 matches only (dbus-daemon(1), max_match_rules_per_connection).
class Callers {
  public:
    /// Adds the match with a synchronous call: at start-up only. Errors: std::system_error.
    explicit Callers(sd_bus* bus);
    Callers(const Callers&) = delete;
    Callers& operator=(const Callers&) = delete;
    ~Callers();

    /// Errors: std::runtime_error when the name has left or the bus does not tell.
    Task<caller::Caller> find(std::string unique_name);
    /// Still on the bus, as far as we have heard. Only for names find() delivered.
    bool present(const std::string& unique_name) const { return known_.contains(unique_name); }

  private:
    struct Lookup;
    static int on_name_owner_changed(sd_bus_message* signal, void* self, sd_bus_error* error);

    sd_bus* bus_;
    std::unordered_map<std::string, caller::Caller> known_;
    BusSlot match_;
};

} // namespace raxauth::bus
