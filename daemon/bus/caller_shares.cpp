// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/caller_shares.h"

#include "daemon/journal/journal.h"

#include <algorithm>
#include <chrono>
#include <fmt/core.h>

namespace raxauth::bus {
namespace {

/// More users than the bus has connections for (dbus-daemon(1), max_completed_connections).
constexpr std::size_t kManyUsers = 2048;
constexpr std::chrono::minutes kBetweenWarnings{1};

double seconds_since(MonotonicTime then, MonotonicTime now) {
    return std::max(0.0, std::chrono::duration<double>(now - then).count());
}

} // namespace

CallerShares::Place::Place(CallerShares& shares, uid_t uid)
    : shares_(shares), uid_(uid), taken_(shares.take(uid)) {}

CallerShares::Place::~Place() {
    if (taken_) {
        shares_.give_back(uid_);
    }
}

bool CallerShares::take(uid_t uid) {
    if (shares_.size() >= kManyUsers) {
        forget_idle();
    }
    const MonotonicTime now = clock_.monotonic();
    Share& share = shares_.try_emplace(uid, Share{kBurst, now, {}, false, 0}).first->second;
    share.left = std::min(kBurst, share.left + kPerSecond * seconds_since(share.counted_at, now));
    share.counted_at = now;
    if (share.left < 1 || share.at_once >= kAtOnce) {
        warn(share, uid);
        return false;
    }
    share.left -= 1;
    ++share.at_once;
    return true;
}

void CallerShares::give_back(uid_t uid) noexcept {
    const auto found = shares_.find(uid);
    if (found != shares_.end() && found->second.at_once > 0) {
        --found->second.at_once;
    }
}

/// A user whose share is whole again needs no entry.
void CallerShares::forget_idle() {
    const MonotonicTime now = clock_.monotonic();
    std::erase_if(shares_, [now](const auto& entry) {
        const Share& share = entry.second;
        return share.at_once == 0 &&
               share.left + kPerSecond * seconds_since(share.counted_at, now) >= kBurst;
    });
}

void CallerShares::warn(Share& share, uid_t uid) {
    const MonotonicTime now = clock_.monotonic();
    if (share.warned && now - share.warned_at < kBetweenWarnings) {
        return;
    }
    share.warned = true;
    share.warned_at = now;
    journal::warning(fmt::format("uid {} calls too often: calls of this user are refused", uid));
}

} // namespace raxauth::bus
