// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace raxauth::cli {

/// Throws the Failure that stands for an errno at a path.
[[noreturn]] void throw_errno(const std::string& path, int error);

/// The whole file; nothing if it cannot be read.
std::optional<std::string> read_file(const std::string& path);

/// All or nothing: a temporary file beside it whose name ends otherwise, so that no program
/// includes it, then rename(2). Mode 0644. Errors: Failure.
void write_atomically(const std::string& path, std::string_view bytes);

} // namespace raxauth::cli
