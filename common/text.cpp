// SPDX-License-Identifier: Apache-2.0
#include "common/text.h"

#include <algorithm>
#include <cstdint>

namespace raxauth {
namespace {

bool is_control(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F); // C0, DEL, C1
}

bool is_forbidden(std::uint32_t c) {
    return is_control(c) || c == 0x00AD    // soft hyphen: invisible
           || c == 0x061C                  // Arabic letter mark
           || (c >= 0x200B && c <= 0x200F) // zero width, left-to-right and right-to-left marks
           || (c >= 0x2028 && c <= 0x202E) // separators, embeddings, overrides
           || (c >= 0x2060 && c <= 0x206F) // word joiner, isolates, deprecated controls
           || c == 0xFEFF || (c >= 0xFFF0 && c <= 0xFFFB) // byte order mark, specials
           || (c >= 0xE0000 && c <= 0xE007F);             // tags
}

/// How much at the front is printable ASCII without blanks: stays as it is.
std::size_t plain_bytes(std::string_view text) {
    const auto plain = [](char c) { return c > ' ' && c < 0x7F; };
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), plain) -
                                    text.begin());
}

bool is_blank(std::uint32_t c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Shortens to whole characters so that "..." fits into `max_bytes` behind them.
void end_with_ellipsis(std::string& clean, std::size_t max_bytes) {
    constexpr std::string_view kCut = "...";
    while (!clean.empty() && clean.size() + kCut.size() > max_bytes) {
        // whole characters only: drop continuation bytes with their lead
        while ((static_cast<unsigned char>(clean.back()) & 0xC0U) == 0x80) {
            clean.pop_back();
        }
        clean.pop_back();
    }
    if (max_bytes >= kCut.size()) {
        clean += kCut;
    }
}

std::string_view allowed_or_mark(Utf8Character character, std::string_view piece) {
    return character.valid && !is_forbidden(character.code_point) ? piece : "?";
}

/// Copies `foreign` and takes from it what was copied. Printable ASCII stays as it is; for every
/// other character `choose(clean, character, piece)` says what stands in its place. Cut to
/// `max_bytes`. The room is reserved at once, so that a secret leaves no pieces behind.
template <class Choose>
std::string copy_clean(std::string_view& foreign, std::size_t max_bytes, Choose choose) {
    std::string clean;
    clean.reserve(std::min(foreign.size(), max_bytes));
    while (!foreign.empty()) {
        const std::size_t plain = std::min(plain_bytes(foreign), max_bytes - clean.size());
        clean += foreign.substr(0, plain);
        foreign.remove_prefix(plain);
        if (foreign.empty()) {
            break;
        }
        const Utf8Character next = decode_utf8(foreign);
        const std::string_view source = foreign.substr(0, next.bytes);
        foreign.remove_prefix(next.bytes);
        const std::string_view piece = choose(std::string_view(clean), next, source);
        if (clean.size() + piece.size() > max_bytes) {
            end_with_ellipsis(clean, max_bytes);
            break;
        }
        clean += piece;
    }
    return clean;
}

} // namespace

Utf8Character decode_utf8(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    std::size_t bytes = 0;
    std::uint32_t code_point = 0;
    std::uint32_t least = 0;
    if (lead < 0x80) {
        return {lead, 1, true};
    }
    if ((lead & 0xE0U) == 0xC0) {
        bytes = 2;
        code_point = lead & 0x1FU;
        least = 0x80;
    } else if ((lead & 0xF0U) == 0xE0) {
        bytes = 3;
        code_point = lead & 0x0FU;
        least = 0x800;
    } else if ((lead & 0xF8U) == 0xF0) {
        bytes = 4;
        code_point = lead & 0x07U;
        least = 0x10000;
    } else {
        return {};
    }
    if (text.size() < bytes) {
        return {};
    }
    for (std::size_t i = 1; i < bytes; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xC0U) != 0x80) {
            return {};
        }
        code_point = (code_point << 6U) | (next & 0x3FU);
    }
    const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    if (code_point < least || surrogate || code_point > 0x10FFFF) {
        return {};
    }
    return {code_point, bytes, true};
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_plain_text(std::string_view text) {
    while (!text.empty()) {
        const Utf8Character next = decode_utf8(text);
        if (!next.valid || is_control(next.code_point)) {
            return false;
        }
        text.remove_prefix(next.bytes);
    }
    return true;
}

std::string sanitise(std::string_view foreign, std::size_t max_bytes) {
    const auto one_blank = [](std::string_view clean, Utf8Character next, std::string_view piece) {
        if (next.valid && is_blank(next.code_point)) {
            return clean.empty() || clean.back() == ' ' ? std::string_view{} : " ";
        }
        return allowed_or_mark(next, piece);
    };
    std::string clean = copy_clean(foreign, max_bytes, one_blank);
    if (!clean.empty() && clean.back() == ' ') {
        clean.pop_back();
    }
    return clean;
}

std::string sanitise_lines(std::string_view foreign, std::size_t max_bytes) {
    const auto layout = [&foreign](std::string_view, Utf8Character next, std::string_view piece) {
        if (piece == "\r" && foreign.starts_with('\n')) {
            return std::string_view{};
        }
        if (piece == "\t") {
            return std::string_view(" ");
        }
        return piece == "\n" ? piece : allowed_or_mark(next, piece);
    };
    return copy_clean(foreign, max_bytes, layout);
}

} // namespace raxauth
