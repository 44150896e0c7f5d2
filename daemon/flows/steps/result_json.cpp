// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/result_json.h"

#include <utility>

namespace raxauth::flows {

ResultJson& ResultJson::open(char bracket) {
    separate();
    text_.append(bracket);
    first_ = true;
    return *this;
}

ResultJson& ResultJson::close(char bracket) {
    text_.append(bracket);
    first_ = false;
    return *this;
}

ResultJson& ResultJson::key(std::string_view name) {
    string(name);
    text_.append(':');
    first_ = true;
    return *this;
}

ResultJson& ResultJson::string(std::string_view value) {
    constexpr std::string_view kHex = "0123456789abcdef";
    separate();
    text_.append('"');
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            text_.append('\\');
            text_.append(c);
        } else if (byte < 0x20) { // RFC 8259, section 7
            text_.append("\\u00");
            text_.append(kHex[byte >> 4U]);
            text_.append(kHex[byte & 0x0FU]);
        } else {
            text_.append(c);
        }
    }
    text_.append('"');
    return *this;
}

ResultJson& ResultJson::literal(std::string_view value) {
    separate();
    text_.append(value);
    return *this;
}

std::shared_ptr<const Secret> ResultJson::take() {
    return std::make_shared<const Secret>(std::move(text_));
}

std::shared_ptr<const Secret> ResultJson::empty_object() {
    return std::make_shared<const Secret>(std::string_view("{}"));
}

void ResultJson::separate() {
    if (!first_) {
        text_.append(',');
    }
    first_ = false;
}

} // namespace raxauth::flows
