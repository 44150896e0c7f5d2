// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace raxauth::sessions {

/// Fields one after another, each with its length before it, in a buffer that is wiped.
class RecordWriter {
  public:
    RecordWriter() = default;
    /// Goes on after what another one wrote.
    explicit RecordWriter(Secret bytes) : bytes_(std::move(bytes)) {}
    void number(std::uint64_t value);
    void text(std::string_view bytes);
    Secret take() { return std::move(bytes_); }

  private:
    Secret bytes_;
};

/// Reads what RecordWriter wrote. After the first field that does not fit, good() is false and
/// everything read is empty: foreign bytes can lead nowhere else.
class RecordReader {
  public:
    explicit RecordReader(std::string_view bytes) : rest_(bytes) {}
    std::uint64_t number();
    std::string_view text();
    std::string string() { return std::string(text()); }
    bool good() const noexcept { return good_; }
    bool at_end() const noexcept { return rest_.empty(); }

  private:
    std::string_view take(std::size_t bytes);
    std::string_view rest_;
    bool good_ = true;
};

} // namespace raxauth::sessions
