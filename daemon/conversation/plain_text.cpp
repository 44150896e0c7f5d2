// SPDX-License-Identifier: Apache-2.0
#include "daemon/conversation/plain_text.h"

namespace raxauth::conversation {
namespace {

bool is_ascii(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x80U;
}

bool goes_on(char c) noexcept { // a byte of UTF-8 that begins no character
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

} // namespace

void make_plain(std::vector<Message>& messages) {
    for (Message& message : messages) {
        std::string plain;
        for (const char c : message.text) {
            if (is_ascii(c)) {
                plain += c;
            } else if (!goes_on(c)) {
                plain += '?';
            }
        }
        message.text = std::move(plain);
    }
}

} // namespace raxauth::conversation
