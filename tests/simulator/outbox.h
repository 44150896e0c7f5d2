// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/clock.h"

#include <deque>
#include <fstream>
#include <string>

namespace raxauth::simulator {

struct TextMessage {
    Time sent;
    std::string user;
    std::string number;
    std::string text;
};

/// Where the SMS of Identity land: the last thousand in memory, all of them as JSON lines in a
/// file.
class Outbox {
  public:
    /// Appends to the file at `path` from now on; throws std::runtime_error if it cannot be opened.
    void write_to(const std::string& path);
    void send(TextMessage message);
    const std::deque<TextMessage>& messages() const { return messages_; }
    std::int64_t sent() const { return sent_; }
    void clear();

  private:
    std::deque<TextMessage> messages_;
    std::int64_t sent_ = 0;
    std::ofstream file_;
};

} // namespace raxauth::simulator
