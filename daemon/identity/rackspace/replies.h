// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/identity/http/http_reply.h"
#include "daemon/identity/identity.h"
#include "daemon/loop/clock.h"

#include <optional>
#include <string>
#include <string_view>

/// The bodies of Identity v2.0's replies, from JSON to structures. Names are looked up letter case
/// aside; what decides (token, user, proofs, roles) must be there once only.
namespace raxauth::identity::rackspace {

/// A 2xx reply to a sign-in or a token check, with or without the `access` wrapper.
struct TokenReply {
    Secret token; ///< empty: there is none
    std::optional<WallTime> expires;
    UserFacts user;
    /// Something stands where the user belongs. A SETUP-MFA reply may do without.
    bool names_user = false;
    ProvenFactors proven;
    /// What is wrong with the rest; empty: nothing. The token is there all the same, since it has
    /// to be revoked.
    std::string problem;
};

/// Errors: ReplyFault when it is no JSON at all, or the token itself is ambiguous.
TokenReply read_token_reply(std::string_view body);

/// A fault body: `{"NAME":{"code":N,"message":"…"}}`.
struct FaultReply {
    std::string name;    ///< "unauthorized", "forbidden" …; lower case; empty: no such body
    std::string message; ///< sanitised
    /// NNN of an `AUTH-NNN` in the message; 0: none. Older servers do not send it.
    int auth_code = 0;
    std::optional<WallTime> retry_at;

    /// Is `words` in the message, letter case aside?
    bool says(std::string_view words) const;
};

/// Is there a body that Identity did not write: HTML of a filter, portal, firewall or maintenance
/// page? Such a reply says nothing about person, password or token, whatever its status.
bool is_foreign(const HttpReply& reply);
/// "HTTP 403, text/html": for the journal.
std::string status_and_type(const HttpReply& reply);

/// The only root object that has a code or a message, whatever its name. Anything else (HTML,
/// nothing, several): an empty FaultReply. Never throws for what is in `body`.
FaultReply read_fault_reply(std::string_view body);

} // namespace raxauth::identity::rackspace
