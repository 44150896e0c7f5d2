// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/conversation/person.h"
#include "daemon/conversation/registry.h"
#include "daemon/loop/clock.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <systemd/sd-bus.h>
#include <vector>

/// Values into messages. Errors: std::system_error.
namespace raxauth::bus {

void check(int r, const char* what);

void reply_error(sd_bus_message* call, const char* name, const std::string& text);
void append_messages(sd_bus_message* reply, const std::vector<conversation::Message>& messages);
/// Whether it must not cross the bus, whose daemon is not ours and wipes nothing.
bool holds_secret(const conversation::Step& step);
void send_step(sd_bus_message* call, const conversation::Step& step);
/// A verdict with no conversation behind it.
void send_verdict(sd_bus_message* call, State state, Reason reason,
                  std::vector<conversation::Message> messages = {});

/// Writes one `a{sv}`: opened by the constructor, closed by close().
class Dictionary {
  public:
    explicit Dictionary(sd_bus_message* message);
    Dictionary& add(const char* key, std::string_view text);
    /// Without this one a literal would be taken for a bool.
    Dictionary& add(const char* key, const char* text) { return add(key, std::string_view(text)); }
    Dictionary& add(const char* key, std::uint32_t number);
    Dictionary& add(const char* key, std::uint64_t number);
    Dictionary& add(const char* key, bool value);
    /// As Unix seconds.
    Dictionary& add(const char* key, WallTime time);
    void close();

  private:
    sd_bus_message* message_;
};

} // namespace raxauth::bus
