// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/reply.h"

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace raxauth::simulator {

/// What goes wrong with the replies to one user (or to everybody).
struct Fault {
    std::string name; ///< empty: nothing goes wrong
    std::string step = "any";
    std::chrono::milliseconds delay{2000}; ///< `slow`, `trickle`, `throttle`
    std::int64_t count = 0;                ///< how many more times it strikes; 0: no end
    std::int64_t bytes = 0; ///< for `huge` and the huge header; 0: the fault's own default
    std::string text;       ///< for faults that carry a text (see README.md)
    /// Whether the request is carried out before the reply is spoilt; unset: the fault's own
    /// default.
    int carried_out = -1;

    bool strikes(std::string_view at_step) const {
        return !name.empty() && (step == "any" || step == at_step);
    }
};

/// When a fault is done to a request: before anything has happened, or to the reply of a request
/// that was carried out (so that a token was issued, an SMS sent).
enum class FaultMoment { instead, afterwards };

struct FaultKind {
    std::string_view name;
    FaultMoment moment;
    std::string_view meaning;
};

/// Every fault there is, as `GET /faults` of the control interface lists them (`http_NNN` aside,
/// which stands for any status).
std::span<const FaultKind> fault_kinds();
bool is_fault_name(std::string_view name);

bool is_carried_out(const Fault& fault);

/// Spoils `reply`. `now` is for times inside the reply. For a fault that replaces the reply,
/// `reply` may be empty before.
void spoil(Reply& reply, const Fault& fault, Time now);

} // namespace raxauth::simulator
