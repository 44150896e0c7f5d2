// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace raxauth::cli {

/// Past stdio, whose buffers nobody wipes. Returns false, errno set, where not all could be
/// written.
bool write_all(int fd, std::string_view text) noexcept;

/// To standard output, for what may be a secret.
/// Errors: Failure (Refused).
void write_out(std::string_view text);

} // namespace raxauth::cli
