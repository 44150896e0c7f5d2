// SPDX-License-Identifier: Apache-2.0
#include "daemon/journal/history.h"

namespace raxauth::journal {

void History::record(const VerdictLine& given) {
    std::string shown;
    const VerdictLine line = without_typed_name(given, shown);
    verdict(line);
    Ring& ring = line.asked_by_root ? of_root_ : of_others_;
    if (ring.size() == kMost) {
        ring.pop_back();
    }
    ring.push_front({++recorded_,
                     {clock_.wall(), std::string(line.hook), std::string(line.user),
                      std::string(line.service), std::string(line.remote_host), line.state,
                      line.reason, std::string(line.why), line.took}});
}

void History::each(const std::function<bool(const PastVerdict&)>& visit) const {
    auto root = of_root_.begin();
    auto other = of_others_.begin();
    while (root != of_root_.end() || other != of_others_.end()) {
        const bool is_roots_newer =
            other == of_others_.end() || (root != of_root_.end() && root->number > other->number);
        const Recorded& next = is_roots_newer ? *root++ : *other++;
        if (!visit(next.verdict)) {
            return;
        }
    }
}

} // namespace raxauth::journal
