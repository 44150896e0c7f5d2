// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/clock.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace raxauth::limits {

/// The clock may be set back by so much without anything being taken for a time in the future.
inline constexpr std::chrono::seconds kClockTolerance{5};

/// Attempts of one kind of one account in a sliding window of wall time. Each belongs to a row (of
/// the account's origins). It counts from begin() on; settle() says that it stays, take_back() that
/// it does not. Values only: callers pass the time and call forget_expired() before they look.
class AttemptWindow {
  public:
    using Id = std::uint64_t;
    using Row = std::size_t;

    struct Attempt {
        WallTime at;
        Row row = 0;
        bool pending = false;    ///< under way: may still be taken back
        bool unanswered = false; ///< leaves after the short window
    };
    struct Share {
        std::size_t counted = 0; ///< settled
        std::size_t pending = 0;
        std::size_t all() const { return counted + pending; }
    };

    AttemptWindow(WallTime::duration window, WallTime::duration unanswered_window)
        : window_(window), unanswered_window_(unanswered_window) {}

    /// `id` must be new and larger than every other.
    void begin(Id id, Row row, WallTime now);
    /// One that was settled before a restart. A second one of the same id changes nothing.
    void restore(Id id, Row row, WallTime at);
    /// It ended, and counts. False when it is not pending.
    bool settle(Id id);
    /// It counts for the short window alone; a settled one too.
    bool settle_unanswered(Id id);
    /// It does not count. False when it is not there.
    bool take_back(Id id);
    bool is_pending(Id id) const;
    void forget_settled();
    void forget_expired(WallTime now);

    const std::map<Id, Attempt>& attempts() const noexcept { return attempts_; }
    const Share& total() const noexcept { return total_; }
    Share share_of(Row row) const { return row < shares_.size() ? shares_[row] : Share{}; }
    std::optional<Id> newest_settled(Row row) const;
    /// When the `excess`-th settled one, in the order of leaving, leaves the window. Only those of
    /// rows that `counts` accepts. There must be more than `excess`.
    WallTime leaves_at(std::size_t excess, const std::function<bool(Row)>& counts) const;

  private:
    WallTime end_of(const Attempt& attempt) const {
        return attempt.at + (attempt.unanswered ? unanswered_window_ : window_);
    }
    Share& share(Row row);
    void add(Id id, Attempt attempt);
    void erase(std::map<Id, Attempt>::iterator found);

    WallTime::duration window_;
    WallTime::duration unanswered_window_;
    std::map<Id, Attempt> attempts_;
    std::set<std::pair<WallTime, Id>> leaving_; ///< the settled ones
    std::vector<Share> shares_;                 ///< by row
    Share total_;
    WallTime latest_{}; ///< none of them is later
};

} // namespace raxauth::limits
