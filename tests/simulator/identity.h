// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/state.h"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace raxauth::simulator {

/// What was asked and answered since the last reset.
struct Counters {
    std::int64_t total = 0;
    std::map<std::string, std::int64_t> by_step;
    std::map<std::string, std::int64_t> by_status;
    std::map<std::string, std::int64_t> by_outcome;
    std::map<std::string, std::map<std::string, std::int64_t>> by_user; ///< user, then step

    void count(const Trace& trace, int status);
};

/// The simulated service without HTTP. Thread-safe: one mutex around everything.
class Identity {
  public:
    Identity(const Clock& clock, Directory directory);

    struct Answer {
        Reply reply; ///< rendered
        Trace trace;
    };
    Answer answer(const Request& request, std::string_view client_address = {});

    /// Runs `change` with the state to itself.
    template <typename Change>
    auto with_state(Change change) {
        const std::scoped_lock lock(mutex_);
        return change(state_);
    }
    template <typename Change>
    auto with_counters(Change change) {
        const std::scoped_lock lock(mutex_);
        return change(counters_);
    }

    Fault fault() const;
    void set_fault(Fault fault);
    void write_outbox_to(const std::string& path) { outbox_.write_to(path); }
    /// Back to `directory`, no tokens, default switches.
    void reset(Directory directory);

  private:
    void identify(Call& call);
    Reply carry_out(Call& call);
    Reply answer_with_fault(Call& call);
    Fault* fault_for(const Call& call);
    bool is_throttled(std::string_view client_address);

    mutable std::mutex mutex_;
    Outbox outbox_;
    State state_;
    Counters counters_;
    Fault fault_; ///< for everybody who has none of their own
    struct Window {
        std::int64_t second = 0;
        std::int64_t count = 0;
    };
    std::map<std::string, Window, std::less<>> windows_;
};

} // namespace raxauth::simulator
