// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/identity/identity.h"
#include "daemon/loop/clock.h"
#include "daemon/settings/settings.h"

#include <string>
#include <string_view>
#include <vector>

/// The words of the two prompts. Programs answer them as well as people: clients recognise the
/// first by its end, "assword: ", and the second by "asscode: ". What a person must know stands in
/// the prompt itself, because sshd holds back other messages until the next prompt; graphical
/// services get it as messages of their own and one short line as prompt.
namespace raxauth::flows {

/// No line of a prompt is longer: an 80-column terminal, less the "(user@host) " that ssh(1) puts
/// in front of the first.
inline constexpr std::size_t kMaxPromptColumns = 58;
/// The whole prompt of a graphical service.
inline constexpr std::size_t kMaxPlainPromptColumns = 40;

/// Never names the provider or its account: anybody at the prompt could read from it which names
/// are managed here.
conversation::Message password_prompt(const caller::Context& context,
                                      const settings::ServicePolicy& policy);

/// The password at a later PAM call of a session whose second factor counts: the prompt, and before
/// it that only the password is needed.
std::vector<conversation::Message> session_password_question(const caller::Context& context,
                                                             const settings::ServicePolicy& policy,
                                                             WallTime signed_in_at, WallTime now);

struct PasscodePrompt {
    identity::Factor factor = identity::Factor::Passcode;
    bool may_resend = false;
    std::string note{};              ///< what happened just before, a sentence; may be empty
    bool nothing_sent = false;       ///< asked before the first step: there is no challenge yet
    bool empty_is_no_answer = false; ///< of a client that leaves prompts empty
};
/// One prompt, with notes before it where the service shows those by themselves. `provider` is the
/// name of who sent the code.
std::vector<conversation::Message> passcode_question(const settings::ServicePolicy& policy,
                                                     std::string_view provider,
                                                     const PasscodePrompt& prompt);

/// "14:05", or with the date when that is another day. Local time of the host.
std::string time_of_day(WallTime when, WallTime now);

} // namespace raxauth::flows
