// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/conversation/person.h"

#include <vector>

namespace raxauth::conversation {

/// For callers that may put a prompt of their own in place of ours (`sudo -p`, passprompt_override,
/// an askpass program): what stands above the last line of a question becomes a message before it,
/// which they show as it is. A question of one line is announced by its own words. The password is
/// left alone: that is the one question that such callers expect.
std::vector<Message> announced(std::vector<Message> messages);

} // namespace raxauth::conversation
