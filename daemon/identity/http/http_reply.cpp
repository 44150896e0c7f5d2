// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/http/http_reply.h"

#include "common/letter_case.h"
#include "common/text.h"

#include <algorithm>

namespace raxauth::identity {

std::vector<std::string_view> HttpReply::headers(std::string_view name) const {
    std::vector<std::string_view> values;
    std::string_view rest = header_lines.view();
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (line.size() > name.size() && line[name.size()] == ':' &&
            equal_ignoring_case(line.substr(0, name.size()), name)) {
            values.push_back(trim(line.substr(name.size() + 1)));
        }
    }
    return values;
}

std::optional<std::string_view> HttpReply::header(std::string_view name) const {
    const auto values = headers(name);
    return values.empty() ? std::nullopt : std::optional(values.front());
}

} // namespace raxauth::identity
