// SPDX-License-Identifier: Apache-2.0
#include "cli/spelling.h"

#include <algorithm>

namespace raxauth::cli {
namespace {

constexpr std::size_t kMaxWordBytes = 64; // longer ones are no slip of a finger

/// How many letters to change, insert, drop or exchange with their neighbour (optimal string
/// alignment).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> rows(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            rows[i][j] =
                std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
            }
        }
    }
    return rows[a.size()][b.size()];
}

} // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string>& known) {
    if (word.empty() || word.size() > kMaxWordBytes) {
        return {};
    }
    std::string nearest;
    std::size_t least = std::min<std::size_t>(2, word.size() / 2) + 1;
    for (const std::string& one : known) {
        const std::size_t away = distance(word, one);
        if (away < least) {
            least = away;
            nearest = one;
        }
    }
    return nearest;
}

} // namespace raxauth::cli
