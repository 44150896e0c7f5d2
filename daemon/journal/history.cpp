// SPDX-License-Identifier: Apache-2.0
#include "daemon/journal/history.h"

namespace raxauth::journal {

void History::record(const VerdictLine& line) {
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
