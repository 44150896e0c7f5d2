// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/random_text.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <stdexcept>

namespace raxauth::simulator {

namespace {

std::string draw(std::string_view alphabet, std::size_t count) {
    std::string text;
    text.reserve(count);
    // Bytes past the largest multiple of the alphabet's size are thrown away, to stay even.
    const std::size_t limit = 256 - 256 % alphabet.size();
    while (text.size() < count) {
        for (const char byte : random_bytes(count - text.size() + 8)) {
            const auto value = static_cast<unsigned char>(byte);
            if (value < limit && text.size() < count) {
                text += alphabet[value % alphabet.size()];
            }
        }
    }
    return text;
}

} // namespace

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
        throw std::runtime_error("no random bytes from OpenSSL");
    }
    return bytes;
}

std::string random_hex(std::size_t characters) {
    return draw("0123456789abcdef", characters);
}

std::string random_digits(std::size_t count) {
    return draw("0123456789", count);
}

std::string random_url_safe(std::size_t characters) {
    return draw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", characters);
}

std::uint32_t random_below(std::uint32_t bound) {
    std::uint32_t value = 0;
    for (const char byte : random_bytes(4)) {
        value = value << 8U | static_cast<unsigned char>(byte);
    }
    return value % bound;
}

std::string fingerprint(std::string_view secret) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_Digest(secret.data(), secret.size(), digest.data(), &size, EVP_sha256(), nullptr) !=
        1) {
        throw std::runtime_error("SHA-256 failed");
    }
    std::string text;
    for (std::size_t i = 0; i < 6; ++i) {
        text += "0123456789abcdef"[digest[i] >> 4U];
        text += "0123456789abcdef"[digest[i] & 15U];
    }
    return text;
}

} // namespace raxauth::simulator
