// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/qr_image.h"

#include <openssl/evp.h>
#include <qrencode.h>

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace raxauth::simulator {

namespace {

constexpr std::uint32_t kSide = 640;
constexpr std::uint32_t kQuietZone = 4;
constexpr std::size_t kRowBytes = kSide / 8;

struct FreeCode {
    void operator()(QRcode* code) const { QRcode_free(code); }
};

void put_big_endian(std::string& to, std::uint32_t value) {
    for (unsigned int shift = 32; shift > 0;) {
        shift -= 8;
        to += static_cast<char>(value >> shift & 0xffU);
    }
}

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = ~0U;
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc & 1U) != 0 ? crc >> 1U ^ 0xedb88320U : crc >> 1U;
        }
    }
    return ~crc;
}

void put_chunk(std::string& png, const char* type, const std::string& data) {
    put_big_endian(png, static_cast<std::uint32_t>(data.size()));
    const std::string body = type + data;
    png += body;
    put_big_endian(png, crc32(body));
}

/// A zlib stream of stored blocks: a picture this small needs no compressor, and so no library for
/// one.
std::string stored(const std::string& data) {
    constexpr std::size_t kBlock = 65535;
    std::string stream = "\x78\x01";
    for (std::size_t at = 0; at < data.size(); at += kBlock) {
        const std::string_view block = std::string_view(data).substr(at, kBlock);
        const auto size = static_cast<std::uint32_t>(block.size());
        stream += at + kBlock >= data.size() ? '\x01' : '\x00';
        for (const std::uint32_t value : {size, ~size}) {
            stream += static_cast<char>(value & 0xffU);
            stream += static_cast<char>(value >> 8U & 0xffU);
        }
        stream += block;
    }
    std::uint32_t low = 1;
    std::uint32_t high = 0;
    for (const char byte : data) {
        low = (low + static_cast<unsigned char>(byte)) % 65521;
        high = (high + low) % 65521;
    }
    put_big_endian(stream, high << 16U | low);
    return stream;
}

std::string one_bit_rows(const QRcode& code) {
    const auto width = static_cast<std::uint32_t>(code.width);
    const std::uint32_t scale = kSide / (width + 2 * kQuietZone);
    const std::uint32_t margin = (kSide - scale * width) / 2;
    std::string rows;
    for (std::uint32_t y = 0; y < kSide; ++y) {
        std::array<std::uint8_t, kRowBytes> row{};
        row.fill(0xff);
        for (std::uint32_t x = 0; x < kSide; ++x) {
            const bool inside = x >= margin && y >= margin && x < margin + scale * width &&
                                y < margin + scale * width;
            if (inside &&
                (code.data[(y - margin) / scale * width + (x - margin) / scale] & 1U) != 0) {
                row[x / 8] = static_cast<std::uint8_t>(row[x / 8] & ~(0x80U >> (x % 8)));
            }
        }
        rows += '\0'; // the filter of this row: none
        rows.append(reinterpret_cast<const char*>(row.data()), row.size());
    }
    return rows;
}

std::string base64(const std::string& bytes) {
    std::vector<unsigned char> text(4 * ((bytes.size() + 2) / 3) + 1);
    const int size =
        EVP_EncodeBlock(text.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                        static_cast<int>(bytes.size()));
    return {text.begin(), text.begin() + size};
}

} // namespace

std::string qr_data_uri(const std::string& text) {
    const std::unique_ptr<QRcode, FreeCode> code(
        QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_M));
    if (!code) {
        throw std::runtime_error("no QR code for this text");
    }
    std::string header;
    put_big_endian(header, kSide);
    put_big_endian(header, kSide);
    header += std::string("\x01\x00\x00\x00\x00",
                          5); // 1 bit, grey, deflate, no filter set, not interlaced
    std::string png = "\x89PNG\r\n\x1a\n";
    put_chunk(png, "IHDR", header);
    put_chunk(png, "IDAT", stored(one_bit_rows(*code)));
    put_chunk(png, "IEND", "");
    return "data:image/png;base64," + base64(png);
}

} // namespace raxauth::simulator
