// SPDX-License-Identifier: Apache-2.0
// A terminal shows light ink on dark ground, a QR code is dark on light: so ink is drawn where the
// code is light, its quiet zone included, and the terminal's ground shows where the code is dark.
// libqrencode gives its working copies of the content back to the heap as they are, and takes no
// allocator; sweep_heap() goes after them.
#include "daemon/enrolment/qr_text.h"

#include "common/handle.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <qrencode.h>
#include <string_view>

namespace raxauth::enrolment {
namespace {

/// Longer than what a drawing of kMaxQrText can hold in any style.
constexpr std::size_t kMaxContent = 512;
/// The standard wants 4 modules of light around a code; scanners make do with 2, and on a screen
/// with 1, and what is saved decides whether the code fits.
constexpr int kQuietZone = 2;
constexpr int kLeastQuietZone = 1;

void give_back(QRcode* code) noexcept {
    wipe(code->data, static_cast<std::size_t>(code->width) * static_cast<std::size_t>(code->width));
    QRcode_free(code);
}

using Code = CHandle<QRcode, give_back>;

/// malloc() hands out first what was freed last in that size: so take, wipe and return as many
/// pieces of each size as the thread's cache keeps (7), and some larger ones. What the library's
/// own frames once held may survive elsewhere, but in no form that reads as text.
void sweep_heap() noexcept {
    constexpr std::size_t kStep = 16;
    constexpr std::size_t kLargest = 4096;
    for (std::size_t bytes = kStep + 8; bytes <= kLargest; bytes += kStep) {
        std::array<void*, 8> pieces{};
        for (void*& piece : pieces) {
            // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): returned below
            piece = std::malloc(bytes);
            if (piece != nullptr) {
                wipe(piece, bytes);
            }
        }
        for (void* piece : pieces) {
            // NOLINTNEXTLINE(cppcoreguidelines-owning-memory)
            std::free(piece);
        }
    }
}

/// A code with a margin, addressed in modules from its upper left corner.
struct Canvas {
    const QRcode& code;
    int margin;

    int size() const { return code.width + 2 * margin; }
    /// Outside the margin there is only the terminal's ground.
    bool is_light(int row, int column) const {
        if (row >= size()) {
            return false;
        }
        const int y = row - margin;
        const int x = column - margin;
        if (y < 0 || x < 0 || y >= code.width || x >= code.width) {
            return true;
        }
        return (code.data[y * code.width + x] & 1U) == 0;
    }
};

std::string_view half_blocks(bool upper, bool lower) {
    if (upper) {
        return lower ? "\u2588" : "\u2580";
    }
    return lower ? "\u2584" : " ";
}

Secret draw(const Canvas& canvas, QrStyle style) {
    const bool halves = style == QrStyle::HalfBlocks;
    const auto size = static_cast<std::size_t>(canvas.size());
    Secret text;
    text.reserve(halves ? (size / 2 + 1) * (3 * size + 1) : size * (2 * size + 1));
    for (int row = 0; row < canvas.size(); row += halves ? 2 : 1) {
        for (int column = 0; column < canvas.size(); ++column) {
            const bool light = canvas.is_light(row, column);
            if (halves) {
                text.append(half_blocks(light, canvas.is_light(row + 1, column)));
            } else {
                text.append(light ? std::string_view("##") : std::string_view("  "));
            }
        }
        text.append('\n');
    }
    return text;
}

} // namespace

std::optional<Secret> draw_qr(const Secret& content, QrStyle style, unsigned columns) {
    if (content.empty() || content.size() > kMaxContent ||
        content.view().find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    // Low error correction: a screen has no scratches, and the smaller code is the better read.
    // The library puts the key's capitals and digits more densely than the rest.
    const Code code(QRcode_encodeString(content.c_str(), /* version= */ 0, QR_ECLEVEL_L, QR_MODE_8,
                                        /* casesensitive= */ 1));
    sweep_heap();
    if (code == nullptr) {
        return std::nullopt;
    }
    const unsigned per_module = style == QrStyle::HalfBlocks ? 1 : 2;
    for (const int margin : {kQuietZone, kLeastQuietZone}) {
        const Canvas canvas{*code, margin};
        if (static_cast<unsigned>(canvas.size()) * per_module > columns) {
            continue;
        }
        Secret text = draw(canvas, style);
        if (text.size() <= kMaxQrText) {
            return text;
        }
    }
    return std::nullopt;
}

} // namespace raxauth::enrolment
