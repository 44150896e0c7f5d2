// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "common/unique_fd.h"

#include <cstddef>
#include <string_view>

namespace raxauth {

/// Longest answer, password or token that may cross the bus. A pipe holds more than this, so
/// writing it never blocks.
inline constexpr std::size_t kMaxSecretBytes = 4096;

/// Puts `bytes` into a fresh pipe and closes the writing end, as org.raxauth.Auth1(5) requires: the
/// receiver must find the data and its end at once. The returned reading end is CLOEXEC and never
/// 0, 1 or 2 (a PAM application may have closed those).
/// Errors: an empty UniqueFd, errno set; EMSGSIZE when there are more than kMaxSecretBytes.
UniqueFd send_through_pipe(std::string_view bytes) noexcept;

/// Reads what send_through_pipe() put in. Never blocks: anything but a FIFO that holds at most
/// kMaxSecretBytes and is already at its end is refused. `into` is empty unless it returns true.
/// That holds even if the sender still has the descriptor and changes its flags.
bool receive_from_pipe(int fd, Secret& into);

/// The same for a caller that receives often: it keeps the pipe through which it reads (two
/// descriptors), since making one costs more than all the rest. For one thread only.
class PipeReceiver {
  public:
    bool receive(int fd, Secret& into);

  private:
    bool open() noexcept;
    UniqueFd reading_;
    UniqueFd writing_;
};

} // namespace raxauth
