// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace raxauth {

/// Bytes that must not outlive their use: a password, passcode, session id, token or key.
/// The buffer is wiped whenever it is let go, also when it grows. Not copyable by accident, not
/// printable, not comparable in variable time. Moved-from secrets are empty.
class Secret {
  public:
    Secret() = default;
    /// Copies `bytes`; the caller still has to wipe the original.
    explicit Secret(std::string_view bytes) { append(bytes); }
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { clear(); }

    /// A deliberate second copy.
    Secret clone() const { return Secret(view()); }
    /// Makes room for `bytes` in all, so that appending does not move (and wipe) again and again.
    void reserve(std::size_t bytes);
    void append(std::string_view bytes);
    void append(char byte) { append(std::string_view(&byte, 1)); }
    /// Shortens to `bytes`; what is cut off is wiped. Longer than the content: no change.
    void truncate(std::size_t bytes) noexcept;
    /// Wipes and releases.
    void clear() noexcept;

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }
    /// For handing to a library. Valid until the secret is changed or destroyed. Always followed
    /// by a NUL byte, which is not counted.
    std::string_view view() const noexcept;
    const char* c_str() const noexcept;
    char* data() noexcept { return bytes_.get(); }
    /// Time depends on the lengths alone.
    bool equals(const Secret& other) const noexcept { return equals(other.view()); }
    bool equals(std::string_view other) const noexcept;

  private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

/// Overwrites memory in a way the compiler does not remove.
void wipe(void* memory, std::size_t bytes) noexcept;

/// Time depends on the lengths alone.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

} // namespace raxauth
