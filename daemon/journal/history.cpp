// SPDX-License-Identifier: Apache-2.0
#include "daemon/journal/history.h"

#include <fmt/core.h>

namespace raxauth::journal {

void History::record(const VerdictLine& given) {
    VerdictLine line = given;
    const bool unknown = line.user_unknown || line.reason == Reason::UnknownUser ||
                         line.reason == Reason::InvalidUserName;
    const std::string shown = fmt::format("({} bytes)", line.user.size());
    if (unknown) {
        line.user = shown;
    }
    verdict(line);
    if (past_.size() == kMost) {
        past_.pop_back();
    }
    past_.push_front({clock_.wall(), std::string(line.hook), std::string(line.user),
                      std::string(line.service), std::string(line.remote_host), line.state,
                      line.reason, std::string(line.why), line.took});
}

void History::each(const std::function<bool(const PastVerdict&)>& visit) const {
    for (const PastVerdict& past : past_) {
        if (!visit(past)) {
            return;
        }
    }
}

} // namespace raxauth::journal
