// SPDX-License-Identifier: Apache-2.0
#include "pam/message.h"

namespace raxauth::pam {

Outcome outcome_of(State state) noexcept {
    switch (state) {
    case State::Ask:
        return Outcome::Fault;
    case State::Granted:
        return Outcome::Granted;
    case State::Ignored:
    case State::UnknownUser:
        return Outcome::NotOurs;
    case State::Denied:
        return Outcome::Denied;
    case State::MaxTries:
        return Outcome::MaxTries;
    case State::Unavailable:
        return Outcome::Unavailable;
    case State::Expired:
        return Outcome::Expired;
    }
    return Outcome::Fault;
}

} // namespace raxauth::pam
