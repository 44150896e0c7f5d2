// SPDX-License-Identifier: Apache-2.0
// Any bytes as WWW-Authenticate headers (one a line): what is found can go back as a header.
#include "daemon/identity/rackspace/os_mf_challenge.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

using namespace raxauth::identity;
using namespace raxauth::identity::rackspace;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    std::vector<std::string_view> headers;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : line.size());
        headers.push_back(line);
    }
    const auto challenge = find_os_mf_challenge(headers);
    if (challenge) {
        const std::string_view id = challenge->continuation.view();
        if (id.empty() || id.size() > 4096 || !mentions_os_mf(headers)) {
            std::abort();
        }
        for (const char c : id) {
            if (c <= 0x20 || c >= 0x7F) {
                std::abort();
            }
        }
    }
    return 0;
}
