// SPDX-License-Identifier: Apache-2.0
// Any line of limiter.log: what is read is written back as it was.
#include "daemon/limits/limiter_record.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace raxauth::limits;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto record = parse_limiter_record({reinterpret_cast<const char*>(data), size});
    if (!record) {
        return 0;
    }
    std::string line = format_limiter_record(*record);
    line.pop_back();
    const auto again = parse_limiter_record(line);
    if (line.find('\n') != std::string::npos || !again || again->kind != record->kind ||
        again->at != record->at || again->id != record->id || again->account != record->account ||
        again->origin != record->origin || again->own_session != record->own_session ||
        again->service != record->service) {
        std::abort();
    }
    return 0;
}
