// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/bus_turns.h"

#include "daemon/bus/guard.h"
#include "daemon/bus/reply_values.h"

namespace raxauth::bus {
namespace {

/// That of the network and of timers. Among equals sd-event takes the one that waits longest.
constexpr std::int64_t kInTurn = 0;

} // namespace

BusTurns::BusTurns(Loop& loop, sd_bus* bus) : loop_(loop), bus_(bus) {
    others_had_one_ = loop_.deferred([this] {
        in_a_row_ = 0;
        if (waits_) {
            waits_ = false;
            attach(kPrompt);
        }
    });
    check(sd_bus_attach_event(bus_, loop_.event(), kPrompt), "attach the bus to the loop");
    check(sd_bus_add_filter(bus_, out(filter_), &BusTurns::on_message, this),
          "count the messages of the bus");
}

int BusTurns::on_message(sd_bus_message* /*message*/, void* self,
                         sd_bus_error* /*error*/) noexcept {
    return guard([&] { static_cast<BusTurns*>(self)->count_message(); });
}

void BusTurns::count_message() {
    others_had_one_.arm();
    if (++in_a_row_ >= kMostInARow && !waits_) {
        waits_ = true;
        attach(kInTurn);
    }
}

void BusTurns::attach(std::int64_t priority) {
    check(sd_bus_detach_event(bus_), "take the bus off the loop");
    check(sd_bus_attach_event(bus_, loop_.event(), static_cast<int>(priority)),
          "attach the bus to the loop");
}

} // namespace raxauth::bus
