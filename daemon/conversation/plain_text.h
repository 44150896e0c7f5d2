// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/conversation/person.h"

#include <vector>

namespace raxauth::conversation {

/// For callers whose terminal is not known: '?' in place of each character outside ASCII. ssh(1)
/// shows prompts in its own locale, and some of those end it ("asmprintf failed"). What came as a
/// secret text stays as it is: a drawing that the person has asked for.
void make_plain(std::vector<Message>& messages);

} // namespace raxauth::conversation
