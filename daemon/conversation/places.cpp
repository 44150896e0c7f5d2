// SPDX-License-Identifier: Apache-2.0
#include "daemon/conversation/places.h"

namespace raxauth::conversation {

bool Places::take(const Claim& claim, std::size_t all) {
    const bool is_stranger = claim.standing != Standing::Known;
    const bool has_no_name = claim.standing == Standing::NoSuchName;
    if (taken_ >= all || (is_stranger && strangers_ >= of_strangers(all)) ||
        (has_no_name && missing_names_ >= of_missing_names(all))) {
        return false;
    }
    for (const Share& share : claim.shares) {
        const auto found = shares_.find(share.name);
        if ((found != shares_.end() ? found->second : 0) >= share.most) {
            return false;
        }
    }
    for (const Share& share : claim.shares) {
        ++shares_[share.name];
    }
    ++taken_;
    strangers_ += is_stranger ? 1U : 0U;
    missing_names_ += has_no_name ? 1U : 0U;
    return true;
}

void Places::give_back(const Claim& claim) noexcept {
    for (const Share& share : claim.shares) {
        const auto found = shares_.find(share.name);
        if (found != shares_.end() && --found->second == 0) {
            shares_.erase(found);
        }
    }
    --taken_;
    strangers_ -= claim.standing != Standing::Known ? 1U : 0U;
    missing_names_ -= claim.standing == Standing::NoSuchName ? 1U : 0U;
}

} // namespace raxauth::conversation
