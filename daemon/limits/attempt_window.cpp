// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/attempt_window.h"

#include <algorithm>

namespace raxauth::limits {

AttemptWindow::Share& AttemptWindow::share(Row row) {
    if (row >= shares_.size()) {
        shares_.resize(row + 1);
    }
    return shares_[row];
}

void AttemptWindow::add(Id id, Attempt attempt) {
    latest_ = std::max(latest_, attempt.at);
    if (attempt.pending) {
        ++share(attempt.row).pending;
        ++total_.pending;
    } else {
        ++share(attempt.row).counted;
        ++total_.counted;
        leaving_.emplace(end_of(attempt), id);
    }
    attempts_.emplace(id, attempt);
}

void AttemptWindow::erase(std::map<Id, Attempt>::iterator found) {
    const Attempt& attempt = found->second;
    if (attempt.pending) {
        --share(attempt.row).pending;
        --total_.pending;
    } else {
        --share(attempt.row).counted;
        --total_.counted;
        leaving_.erase({end_of(attempt), found->first});
    }
    attempts_.erase(found);
}

void AttemptWindow::begin(Id id, Row row, WallTime now) {
    add(id, {now, row, /* pending= */ true, /* unanswered= */ false});
}

void AttemptWindow::restore(Id id, Row row, WallTime at) {
    if (attempts_.count(id) == 0) {
        add(id, {at, row, /* pending= */ false, /* unanswered= */ false});
    }
}

bool AttemptWindow::is_pending(Id id) const {
    const auto found = attempts_.find(id);
    return found != attempts_.end() && found->second.pending;
}

bool AttemptWindow::settle(Id id) {
    const auto found = attempts_.find(id);
    if (found == attempts_.end() || !found->second.pending) {
        return false;
    }
    Attempt settled = found->second;
    settled.pending = false;
    erase(found);
    add(id, settled);
    return true;
}

bool AttemptWindow::settle_unanswered(Id id) {
    const auto found = attempts_.find(id);
    if (found == attempts_.end()) {
        return false;
    }
    Attempt settled = found->second;
    settled.pending = false;
    settled.unanswered = true;
    erase(found);
    add(id, settled);
    return true;
}

bool AttemptWindow::take_back(Id id) {
    const auto found = attempts_.find(id);
    if (found == attempts_.end()) {
        return false;
    }
    erase(found);
    return true;
}

void AttemptWindow::forget_settled() {
    while (!leaving_.empty()) {
        erase(attempts_.find(leaving_.begin()->second));
    }
}

void AttemptWindow::forget_expired(WallTime now) {
    if (latest_ > now + kClockTolerance) {
        // The clock was set back. Nobody waits longer for that than one window.
        leaving_.clear();
        for (auto& [id, attempt] : attempts_) {
            attempt.at = std::min(attempt.at, now);
            if (!attempt.pending) {
                leaving_.emplace(end_of(attempt), id);
            }
        }
        latest_ = now;
    }
    while (!leaving_.empty() && leaving_.begin()->first <= now) {
        erase(attempts_.find(leaving_.begin()->second));
    }
}

std::optional<AttemptWindow::Id> AttemptWindow::newest_settled(Row row) const {
    const auto found = std::find_if(attempts_.rbegin(), attempts_.rend(), [&](const auto& entry) {
        return entry.second.row == row && !entry.second.pending;
    });
    return found == attempts_.rend() ? std::nullopt : std::optional(found->first);
}

WallTime AttemptWindow::leaves_at(std::size_t excess,
                                  const std::function<bool(Row)>& counts) const {
    for (const auto& [end, id] : leaving_) {
        if (counts(attempts_.at(id).row) && excess-- == 0) {
            return end;
        }
    }
    return WallTime::max(); // not reached: there are more than `excess`
}

} // namespace raxauth::limits
