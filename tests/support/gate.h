// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/loop/task.h"

#include <cstddef>
#include <list>

namespace raxauth::testing {

/// Where fakes wait. Open (as made) nobody does; shut, each call stays until it is let through, in
/// the order they came. Whoever is destroyed while waiting leaves without a trace.
class Gate {
  public:
    Gate() = default;
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    void shut() { shut_ = true; }
    std::size_t waiting() const noexcept { return waiting_.size(); }

    Task<void> pass() {
        if (!shut_) {
            co_return;
        }
        OneShot<bool> through;
        const Place place(*this, through);
        co_await through;
    }

    /// The one that has waited longest goes on, as far as it gets. False: nobody waits.
    bool let_one_through() {
        if (waiting_.empty()) {
            return false;
        }
        waiting_.front()->set(true);
        return true;
    }
    void open() {
        shut_ = false;
        while (let_one_through()) {
        }
    }

  private:
    /// In the waiting coroutine's frame.
    struct Place {
        Place(Gate& of, OneShot<bool>& through)
            : gate(of), at(gate.waiting_.insert(gate.waiting_.end(), &through)) {}
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place() { gate.waiting_.erase(at); }
        Gate& gate;
        std::list<OneShot<bool>*>::iterator at;
    };

    bool shut_ = false;
    std::list<OneShot<bool>*> waiting_;
};

} // namespace raxauth::testing
