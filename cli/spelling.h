// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace raxauth::cli {

/// The known word that somebody who typed `word` most likely meant; empty where none is near: at
/// most two letters may be missing, too many, wrong or exchanged, and fewer in a short word.
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

} // namespace raxauth::cli
