// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/json_writer.h"

#include "common/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace raxauth::identity {
namespace {

/// Names and punctuation of the longest body.
constexpr std::size_t kFrameBytes = 256;
/// A control character takes six bytes: `\u001f`.
constexpr std::size_t kMostBytesPerByte = 6;

} // namespace

bool append_json_string(Secret& body, std::string_view text) {
    constexpr std::array kHex{'0', '1', '2', '3', '4', '5', '6', '7',
                              '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
    body.append('"');
    while (!text.empty()) {
        const auto run = static_cast<std::size_t>(
            std::find_if_not(text.begin(), text.end(), plain) - text.begin());
        if (run > 0) {
            body.append(text.substr(0, run));
            text.remove_prefix(run);
            continue;
        }
        const Utf8Character next = decode_utf8(text);
        if (!next.valid) {
            return false;
        }
        const auto c = static_cast<unsigned char>(text.front());
        if (c == '"' || c == '\\') {
            body.append('\\');
            body.append(text.front());
        } else if (c < 0x20 || c == 0x7F) {
            body.append("\\u00");
            body.append(kHex[c >> 4U]);
            body.append(kHex[c & 0x0FU]);
        } else {
            body.append(text.substr(0, next.bytes));
        }
        text.remove_prefix(next.bytes);
    }
    body.append('"');
    return true;
}

JsonWriter::JsonWriter(std::size_t text_bytes) {
    body_.reserve(kFrameBytes + kMostBytesPerByte * text_bytes);
    body_.append('{');
}

void JsonWriter::begin_member(std::string_view name) {
    if (!std::exchange(first_, false)) {
        body_.append(',');
    }
    valid_ = append_json_string(body_, name) && valid_;
    body_.append(':');
}

JsonWriter& JsonWriter::open(std::string_view name) {
    begin_member(name);
    body_.append('{');
    ++depth_;
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::close() {
    body_.append('}');
    --depth_;
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::text(std::string_view name, std::string_view value) {
    begin_member(name);
    valid_ = append_json_string(body_, value) && valid_;
    return *this;
}

JsonWriter& JsonWriter::flag(std::string_view name, bool value) {
    begin_member(name);
    body_.append(value ? "true" : "false");
    return *this;
}

std::optional<Secret> JsonWriter::take() {
    while (depth_ > 0) {
        close();
    }
    return valid_ ? std::optional(std::move(body_)) : std::nullopt;
}

} // namespace raxauth::identity
