// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/flows/subject.h"
#include "daemon/identity/factor_management.h"
#include "daemon/identity/identity.h"
#include "daemon/limits/limiter.h"
#include "daemon/loop/task.h"

#include <variant>

/// The only place that sends what may cost the person a text message: it is counted in the limiter
/// before it is sent, and taken back from the count when the reply shows that no message went out.
/// No reply at all, or one that leaves it open, stays counted.
namespace raxauth::flows {

/// The reply, or the limit that kept the request from being sent.
template <class Reply>
using Counted = std::variant<Reply, limits::LimitRefusal>;

/// `send` is the request; it is awaited only when the limiter permits it. `limiter` and `subject`
/// outlive the Task.

/// Step 1 of a sign-in, which sends a passcode to those who get theirs as a message. A wrong
/// password is counted as well, before others are let on.
Task<Counted<identity::Answer>> counted_first_step(limits::Limiter& limiter, const Subject& subject,
                                                   Task<identity::Answer> send);

/// A message with a PIN: any reply but a refusal means that it went out.
Task<Counted<identity::FactorAnswer<identity::Done>>>
counted_message(limits::Limiter& limiter, const Subject& subject,
                Task<identity::FactorAnswer<identity::Done>> send);

/// A request that proves a password, and so is a guess at it as any first step is. It sends no
/// message, whatever the reply.
Task<Counted<identity::FactorAnswer<identity::Done>>>
counted_password_proof(limits::Limiter& limiter, const Subject& subject,
                       Task<identity::FactorAnswer<identity::Done>> send);

} // namespace raxauth::flows
