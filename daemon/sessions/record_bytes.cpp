// SPDX-License-Identifier: Apache-2.0
#include "daemon/sessions/record_bytes.h"

#include <cstring>

namespace raxauth::sessions {

void RecordWriter::number(std::uint64_t value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value); // same machine, same boot: byte order is our own
    bytes_.append(std::string_view(raw, sizeof raw));
}

void RecordWriter::text(std::string_view bytes) {
    number(bytes.size());
    bytes_.append(bytes);
}

std::string_view RecordReader::take(std::size_t bytes) {
    if (!good_ || bytes > rest_.size()) {
        good_ = false;
        rest_ = {};
        return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
}

std::uint64_t RecordReader::number() {
    std::uint64_t value = 0;
    const std::string_view raw = take(sizeof value);
    if (good_) {
        std::memcpy(&value, raw.data(), sizeof value);
    }
    return value;
}

std::string_view RecordReader::text() {
    return take(number());
}

} // namespace raxauth::sessions
