// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/issuers.h"

#include <algorithm>
#include <utility>

namespace raxauth::identity {

Revocations& Issuers::at(const std::string& address) {
    const auto found = by_address_.find(address);
    if (found != by_address_.end()) {
        return *found->second;
    }
    auto fresh = std::make_unique<Revocations>(loop_);
    fresh->on_pending(pending_more_);
    return *by_address_.emplace(address, std::move(fresh)).first->second;
}

bool Issuers::part_with(const std::string& address, const Identity& client) {
    Revocations& revocations = at(address);
    if (revocations.client() != &client) {
        return false;
    }
    revocations.give_up();
    return true;
}

void Issuers::part_with_strangers() {
    for (const auto& [address, revocations] : by_address_) {
        if (revocations->client() == nullptr) {
            revocations->give_up();
        }
    }
}

Issuers::Totals Issuers::totals() const {
    Totals all;
    for (const auto& [address, revocations] : by_address_) {
        const TokenCounts& counts = revocations->counts();
        all.counts.issued += counts.issued;
        all.counts.revoked += counts.revoked;
        all.counts.dead += counts.dead;
        all.counts.lost += counts.lost;
        all.pending += revocations->pending();
    }
    return all;
}

void Issuers::each_pending(const std::string& address,
                           const std::function<void(const Secret&)>& visit) const {
    const auto found = by_address_.find(address);
    if (found != by_address_.end()) {
        found->second->each_pending(visit);
    }
}

void Issuers::on_pending(std::function<void()> callback) {
    pending_more_ = std::move(callback);
    for (const auto& [address, revocations] : by_address_) {
        revocations->on_pending(pending_more_);
    }
}

Task<void> Issuers::drain(std::chrono::milliseconds deadline) {
    using Clock = std::chrono::steady_clock;
    const auto until = Clock::now() + deadline;
    for (const auto& [address, revocations] : by_address_) {
        if (revocations->client() != nullptr) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
            co_await revocations->drain(std::max(left, std::chrono::milliseconds(0)));
        }
    }
}

} // namespace raxauth::identity
