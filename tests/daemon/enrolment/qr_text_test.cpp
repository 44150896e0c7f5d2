// SPDX-License-Identifier: Apache-2.0
// What is drawn is shown on a terminal made of pixels (light ink on dark ground), and that picture
// is read by zbarimg, as a phone would.
#include "common/text.h"
#include "daemon/enrolment/qr_text.h"
#include "tests/support/temporary_directory.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::enrolment;

namespace {

constexpr const char* kUri =
    "otpauth://totp/Rackspace:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    "&issuer=Rackspace";

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        CHECK_TRUE(end != std::string_view::npos);
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return lines;
}

/// One character cell: which of its halves are inked.
struct Cell {
    bool upper;
    bool lower;
};

std::vector<Cell> cells_of(std::string_view line) {
    struct Glyph {
        std::string_view text;
        Cell cell;
    };
    const Glyph glyphs[] = {{" ", {false, false}},
                            {"#", {true, true}},
                            {"\xE2\x96\x80", {true, false}},
                            {"\xE2\x96\x84", {false, true}},
                            {"\xE2\x96\x88", {true, true}}};
    std::vector<Cell> cells;
    while (!line.empty()) {
        const Glyph* found = nullptr;
        for (const Glyph& glyph : glyphs) {
            found = line.starts_with(glyph.text) ? &glyph : found;
        }
        CHECK_TRUE_TEXT(found != nullptr, "a character that has no business in a drawing");
        cells.push_back(found->cell);
        line.remove_prefix(found->text.size());
    }
    return cells;
}

struct Terminal {
    int ground = 16;
    int ink = 230;
};

/// The picture of a terminal of 80 columns (cells of 6x12 pixels) with three lines of ground above
/// and below the drawing, in PGM.
std::string picture_of(std::string_view drawing, const Terminal& terminal) {
    constexpr std::size_t kCellWidth = 6;
    constexpr std::size_t kCellHeight = 12;
    constexpr std::size_t kWidth = 80 * kCellWidth;
    const std::vector<std::string> lines = lines_of(drawing);
    const std::size_t height = (lines.size() + 6) * kCellHeight;
    std::string pixels(kWidth * height, static_cast<char>(terminal.ground));
    for (std::size_t row = 0; row < lines.size(); ++row) {
        const std::vector<Cell> cells = cells_of(lines[row]);
        for (std::size_t column = 0; column < cells.size(); ++column) {
            for (std::size_t y = 0; y < kCellHeight; ++y) {
                const bool inked = y < kCellHeight / 2 ? cells[column].upper : cells[column].lower;
                const std::size_t at = ((row + 3) * kCellHeight + y) * kWidth + column * kCellWidth;
                pixels.replace(at, kCellWidth, kCellWidth,
                               static_cast<char>(inked ? terminal.ink : terminal.ground));
            }
        }
    }
    return "P5\n" + std::to_string(kWidth) + " " + std::to_string(height) + "\n255\n" + pixels;
}

/// What zbarimg reads from the drawing; "" if it finds no code.
std::string scan(std::string_view drawing, const Terminal& terminal = {}) {
    const testing::TemporaryDirectory directory;
    const std::string path = directory.path() + "/terminal.pgm";
    std::ofstream(path, std::ios::binary) << picture_of(drawing, terminal);
    const std::string command = "zbarimg -q --raw --nodbus -Sdisable -Sqrcode.enable " + path;
    std::FILE* pipe = popen(command.c_str(), "re");
    CHECK_TRUE(pipe != nullptr);
    std::string read;
    char piece[256];
    while (std::fgets(piece, sizeof piece, pipe) != nullptr) {
        read += piece;
    }
    const int status = pclose(pipe);
    const int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    CHECK_TRUE_TEXT(exit_code == 0 || exit_code == 4, "zbarimg itself failed: is it installed?");
    if (read.ends_with('\n')) {
        read.pop_back();
    }
    return read;
}

std::string padded_uri(std::size_t bytes) {
    std::string uri = "otpauth://totp/Rackspace:";
    const std::string rest = "?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Rackspace";
    uri.append(bytes - uri.size() - rest.size(), 'n');
    return uri + rest;
}

} // namespace

TEST_GROUP(QrText){};

TEST(QrText, is_read_from_half_blocks_on_a_dark_terminal) {
    const auto drawing = draw_qr(Secret(kUri), QrStyle::HalfBlocks);

    CHECK_TRUE(drawing.has_value());
    STRCMP_EQUAL(kUri, scan(drawing->view()).c_str());
}

TEST(QrText, is_read_from_ascii_on_a_dark_terminal) {
    const auto drawing = draw_qr(Secret(kUri), QrStyle::Ascii);

    CHECK_TRUE(drawing.has_value());
    // '#' covers less than half of its cell: seen from afar it is a dim grey
    STRCMP_EQUAL(kUri, scan(drawing->view(), {.ground = 0, .ink = 100}).c_str());
}

TEST(QrText, is_not_the_right_way_round_on_a_light_terminal) {
    // zbarimg reads no reversed codes unless told to: so the tests above tell the ways apart
    const auto drawing = draw_qr(Secret(kUri), QrStyle::HalfBlocks);

    STRCMP_EQUAL("", scan(drawing->view(), {.ground = 255, .ink = 0}).c_str());
}

TEST(QrText, is_read_at_every_length_that_is_drawn) {
    for (std::size_t bytes = 90; bytes <= 200; bytes += 11) {
        const std::string uri = padded_uri(bytes);
        for (const QrStyle style : {QrStyle::HalfBlocks, QrStyle::Ascii}) {
            const auto drawing = draw_qr(Secret(uri), style);
            CHECK_TRUE(drawing.has_value() || bytes > (style == QrStyle::HalfBlocks ? 199 : 113));
            if (drawing) {
                STRCMP_EQUAL(uri.c_str(), scan(drawing->view()).c_str());
            }
        }
    }
}

TEST(QrText, has_a_light_frame_and_lines_of_one_width_within_the_columns) {
    for (const QrStyle style : {QrStyle::HalfBlocks, QrStyle::Ascii}) {
        const auto drawing = draw_qr(Secret(kUri), style);
        const std::vector<std::string> lines = lines_of(drawing->view());
        const std::size_t width = cells_of(lines[0]).size();
        CHECK_TRUE(width <= 80);
        for (const std::string& line : lines) {
            const std::vector<Cell> cells = cells_of(line);
            UNSIGNED_LONGS_EQUAL(width, cells.size());
            CHECK_TRUE(cells.front().upper && cells.back().upper);
        }
        for (const Cell& cell : cells_of(lines.front())) {
            CHECK_TRUE(cell.upper && cell.lower);
        }
        for (const Cell& cell : cells_of(lines.back())) {
            CHECK_TRUE(cell.upper && cell.lower);
        }
    }
}

TEST(QrText, fits_a_terminal_of_24_lines_in_half_blocks) {
    const auto drawing = draw_qr(Secret(kUri), QrStyle::HalfBlocks);

    CHECK_TRUE(lines_of(drawing->view()).size() <= 21);
}

TEST(QrText, passes_the_cleaning_of_prompts_unchanged) {
    for (const QrStyle style : {QrStyle::HalfBlocks, QrStyle::Ascii}) {
        const auto drawing = draw_qr(Secret(kUri), style);
        const std::string drawn(drawing->view());

        STRCMP_EQUAL(drawn.c_str(), sanitise_lines(drawn, 4096).c_str());
    }
}

TEST(QrText, is_drawn_with_a_narrower_frame_before_it_is_not_drawn) {
    const auto wide = draw_qr(Secret(kUri), QrStyle::HalfBlocks);
    const auto width = static_cast<unsigned>(cells_of(lines_of(wide->view())[0]).size());

    const auto exact = draw_qr(Secret(kUri), QrStyle::HalfBlocks, width);
    const auto narrow = draw_qr(Secret(kUri), QrStyle::HalfBlocks, width - 2);

    STRCMP_EQUAL(std::string(wide->view()).c_str(), std::string(exact->view()).c_str());
    CHECK_TRUE(narrow.has_value());
    UNSIGNED_LONGS_EQUAL(width - 2, cells_of(lines_of(narrow->view())[0]).size());
    STRCMP_EQUAL(kUri, scan(narrow->view()).c_str());
    CHECK_FALSE(draw_qr(Secret(kUri), QrStyle::HalfBlocks, width - 3).has_value());
    CHECK_FALSE(draw_qr(Secret(kUri), QrStyle::HalfBlocks, 0).has_value());
}

TEST(QrText, never_outgrows_a_prompt) {
    bool ended = false;
    for (std::size_t bytes = 90; bytes <= 512; ++bytes) {
        const auto drawing = draw_qr(Secret(padded_uri(bytes)), QrStyle::HalfBlocks, 1000);
        CHECK_TRUE(!drawing || drawing->size() <= kMaxQrText);
        ended = ended || !drawing;
    }
    CHECK_TRUE(ended);
}

TEST(QrText, is_not_drawn_of_nothing_or_of_too_much) {
    for (const QrStyle style : {QrStyle::HalfBlocks, QrStyle::Ascii}) {
        CHECK_FALSE(draw_qr(Secret(), style).has_value());
        CHECK_FALSE(draw_qr(Secret(std::string_view("a\0b", 3)), style).has_value());
        CHECK_FALSE(draw_qr(Secret(std::string(300, 'a')), style).has_value());
        CHECK_FALSE(draw_qr(Secret(std::string(100000, 'a')), style).has_value());
    }
}

#if !defined(__SANITIZE_ADDRESS__) // its quarantine keeps what was freed

namespace {

/// How often `veiled` (each byte with its top bit set) is in this program's writable memory,
/// unveiled. Bytes are looked at in both alignments of a QR code's stream: whole and by nibbles.
/// The first 24 do not count: malloc() writes its own there when a piece is given back.
int count_in_memory(const std::string& whole_veiled) {
    const std::string veiled = whole_veiled.substr(24);
    std::FILE* maps = std::fopen("/proc/self/maps", "re");
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    int found = 0;
    char line[512];
    while (std::fgets(line, sizeof line, maps) != nullptr) {
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        char rights[8] = {};
        if (std::sscanf(line, "%lx-%lx %7s", &begin, &end, rights) != 3 || rights[1] != 'w') {
            continue;
        }
        std::vector<unsigned char> piece(end - begin);
        const ssize_t got = pread(memory, piece.data(), piece.size(), static_cast<off_t>(begin));
        for (std::size_t i = 0; got > 0 && i + veiled.size() < static_cast<std::size_t>(got); ++i) {
            bool whole = true;
            bool shifted = true;
            for (std::size_t k = 0; k < veiled.size() && (whole || shifted); ++k) {
                const unsigned char wanted = static_cast<unsigned char>(veiled[k]) & 0x7FU;
                whole = whole && piece[i + k] == wanted;
                const unsigned nibbles =
                    ((piece[i + k] & 0x0FU) << 4U) | ((piece[i + k + 1] & 0xF0U) >> 4U);
                shifted = shifted && nibbles == wanted;
            }
            found += whole || shifted ? 1 : 0;
        }
        wipe(piece.data(), piece.size());
    }
    std::fclose(maps);
    ::close(memory);
    return found;
}

/// Lower-case letters only, so that the library keeps them in one piece.
std::string invent(std::size_t bytes) {
    std::vector<unsigned char> random(bytes);
    CHECK_EQUAL(0, getentropy(random.data(), random.size()));
    std::string veiled;
    for (const unsigned char byte : random) {
        veiled += static_cast<char>(('a' + byte % 26) | 0x80);
    }
    return veiled;
}

Secret unveil(const std::string& veiled) {
    Secret plain;
    plain.reserve(veiled.size());
    for (const char c : veiled) {
        plain.append(static_cast<char>(c & 0x7F));
    }
    return plain;
}

/// With a full cache, what is freed next goes to the heap itself.
void fill_thread_cache() {
    for (std::size_t bytes = 24; bytes <= 1032; bytes += 16) {
        std::vector<void*> pieces;
        for (int i = 0; i < 16; ++i) {
            pieces.push_back(std::malloc(bytes));
        }
        for (void* piece : pieces) {
            std::free(piece);
        }
    }
}

void draw_and_look(std::size_t bytes, bool full_cache) {
    const std::string veiled = invent(bytes);
    {
        const Secret held = unveil(veiled);
        CHECK_TRUE_TEXT(count_in_memory(veiled) >= 1, "the look finds what is held");
        if (full_cache) {
            fill_thread_cache();
        }
        CHECK_TRUE(draw_qr(held, QrStyle::HalfBlocks).has_value());
    }
    LONGS_EQUAL(0, count_in_memory(veiled));
}

} // namespace

TEST(QrText, leaves_no_copy_of_its_content_in_memory) {
    for (const std::size_t bytes : {40U, 80U, 100U, 150U}) {
        draw_and_look(bytes, /* full_cache= */ true);
        draw_and_look(bytes, /* full_cache= */ false);
    }
}

#endif
