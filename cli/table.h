// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace raxauth::cli {

/// Rows of cells, the first row being the heading, each column as wide as its widest cell. Columns
/// in which no row but the heading says anything are left out.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

} // namespace raxauth::cli
