// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <cstddef>
#include <optional>

namespace raxauth::enrolment {

enum class QrStyle {
    HalfBlocks, ///< UTF-8 block elements, two modules in a character's height
    Ascii       ///< "##" and blanks; twice as wide and as high, for terminals without UTF-8
};

/// The longest drawing: a prompt (4096 bytes at most on its way) keeps 512 bytes for its words.
inline constexpr std::size_t kMaxQrText = 4096 - 512;

/// Draws `content` (a key URI) as a QR code for a terminal with a dark background: ink is light.
/// On a light background the code comes out reversed, which not every scanner reads; therefore the
/// key is always shown as text too.
/// The drawing is lines of equal width, each ended by '\n', without escape sequences, so
/// sanitise_lines() leaves it as it is; no line ends in a blank. It says as much as `content`
/// does, and is as secret.
/// Units:  `columns` is the terminal's width in characters. The height is not limited: a key URI
///         of Rackspace's with a name of up to 31 letters takes 21 lines of half blocks, or 39 of
///         ASCII, which is also the most that fits into 80 columns of ASCII.
/// Errors: nothing if `content` is empty, has a NUL, or is too long to be drawn in `columns` and
///         kMaxQrText; or if there is no memory.
std::optional<Secret> draw_qr(const Secret& content, QrStyle style, unsigned columns = 80);

} // namespace raxauth::enrolment
