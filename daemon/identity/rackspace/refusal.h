// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/identity/http/http_transport.h"
#include "daemon/identity/identity.h"
#include "daemon/loop/clock.h"

namespace raxauth::identity::rackspace {

enum class Step { Credentials, Passcode };

/// What a reply to a sign-in means that is not a 200. Never a TokenIssued.
///
/// A challenge is a 401 with a usable OS-MF header at step 1. Every other verdict on person or
/// password comes from a fault body as Identity writes it: without one (HTML of a filter, portal,
/// firewall or maintenance page, or nothing) no status means more than Fault. The status decides
/// yes or no; error codes (AUTH-0NN), fault names and, where a server sends neither, the stable
/// words of a message only refine a no. See docs/identity-v2.md, "Refusals".
Answer read_refusal(Step step, const HttpReply& reply, WallTime now);

} // namespace raxauth::identity::rackspace
