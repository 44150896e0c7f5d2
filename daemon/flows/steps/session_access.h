// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/flows/services.h"
#include "daemon/flows/sign_in.h"
#include "daemon/flows/subject.h"
#include "daemon/identity/factor_management.h"
#include "daemon/loop/task.h"
#include "daemon/sessions/session_store.h"

#include <cstdint>
#include <string>

namespace raxauth::flows {

/// What a person manages their own account with: the token of their login session.
struct SessionAccess {
    Subject subject;
    Secret token; ///< a copy, for the time of the conversation
    std::string user_id;
    sessions::SessionKey key;
    std::uint64_t generation = 0;

    /// The person, acting on themselves.
    identity::Acting self() const { return {token, user_id}; }
    /// An administrator, acting on somebody else.
    identity::Acting on(std::string other_user_id) const {
        return {token, std::move(other_user_id)};
    }
};

/// The session's sign-in, or a new one that the person makes now. Throws Ended where there is none
/// in the end. All references outlive the Task.
Task<SessionAccess> open_session_access(conversation::Person& person,
                                        const caller::Context& context, Services& services,
                                        std::shared_ptr<SignInTrace> trace);

} // namespace raxauth::flows
