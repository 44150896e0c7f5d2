// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/http/requests.h"

#include <utility>

namespace raxauth::identity {

HttpHeader header(std::string name, const Secret& value) {
    return {std::move(name), value.clone()};
}

HttpHeader header(std::string name, std::string_view value) {
    return {std::move(name), Secret(value)};
}

void append_escaped(Secret& url, std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const char c : text) {
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            url.append(c);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            url.append('%');
            url.append(kHex[byte >> 4U]);
            url.append(kHex[byte & 0x0FU]);
        }
    }
}

bool is_success(int status) noexcept {
    return status >= 200 && status <= 299;
}

} // namespace raxauth::identity
