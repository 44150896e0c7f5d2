// SPDX-License-Identifier: Apache-2.0
// A terminal shows light ink on dark ground, a QR code is dark on light: so ink is drawn where the
// code is light, its quiet zone included, and the terminal's ground shows where the code is dark.
// libqrencode gives its working copies of the content back to the heap as they are, and takes no
// allocator: WipedHeap sees to them.
#include "daemon/enrolment/qr_text.h"

#include "common/handle.h"

#include <array>
#include <cstdlib>
#include <malloc.h>
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

/// While it lives, what is given back to the heap is overwritten; and at its end also what went to
/// the thread's cache, which M_PERTURB does not reach. (Where a process wipes all it gives back,
/// this does it twice.) Other threads lose a little time meanwhile, no more.
/// Source: glibc 2.36, malloc.c: pieces of up to 1032 bytes, 7 of each size, last in, first out.
class WipedHeap {
  public:
    WipedHeap() noexcept { static_cast<void>(mallopt(M_PERTURB, kPerturb)); }
    WipedHeap(const WipedHeap&) = delete;
    WipedHeap& operator=(const WipedHeap&) = delete;
    ~WipedHeap() {
        for (std::size_t bytes = kLeast; bytes <= kLargest; bytes += kStep) {
            wipe_cached(bytes);
        }
        static_cast<void>(mallopt(M_PERTURB, 0));
    }

  private:
    static constexpr int kPerturb = 0x5A;
    static constexpr std::size_t kLeast = 24;
    static constexpr std::size_t kStep = 16;
    static constexpr std::size_t kLargest = 1032;

    static void wipe_cached(std::size_t bytes) noexcept {
        std::array<void*, 7> pieces{};
        for (void*& piece : pieces) {
            // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): given back below
            piece = std::malloc(bytes);
            if (piece != nullptr) {
                wipe(piece, bytes);
            }
        }
        for (void* piece : pieces) {
            // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): taken above
            std::free(piece);
        }
    }
};

Code encode(const Secret& content) {
    const WipedHeap heap;
    // Low error correction: a screen has no scratches, and the smaller code is the better read.
    // The library puts the key's capitals and digits more densely than the rest.
    return Code(QRcode_encodeString(content.c_str(), /* version= */ 0, QR_ECLEVEL_L, QR_MODE_8,
                                    /* casesensitive= */ 1));
}

/// A code with a margin, addressed in modules from its upper left corner.
struct Canvas {
    const QRcode& code;
    int margin;

    int size() const { return code.width + 2 * margin; }
    /// Light all around; so is the half line below a code of an odd height.
    bool is_light(int row, int column) const {
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
    const Code code = encode(content);
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
