// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <string>

namespace raxauth::pam {

/// How a hook's question ended, by decision of the module or the daemon. codes.h turns it into a
/// PAM code.
enum class Outcome {
    Granted,
    Denied,
    MaxTries,
    Unavailable, ///< no daemon, no bus, no time, no room
    NotOurs,     ///< not managed: other modules decide
    Expired,
    Cancelled, ///< by the person, or by a conversation function that failed
    Fault,     ///< anything else, however odd
};

/// An outcome with what else is to be told of it.
struct Verdict {
    Outcome outcome = Outcome::Fault;
    /// A reason word of raxauthd(8), or a few words of the module; for the log, already sanitised.
    std::string reason;
    /// With Granted outside a login session: redeemed by open_session.
    Secret ticket;
};

} // namespace raxauth::pam
