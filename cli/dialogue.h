// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/prompter.h"
#include "cli/surroundings.h"
#include "common/secret.h"

#include <string>
#include <vector>

namespace raxauth::cli {

/// How to begin a dialogue, and the words for one that fails.
struct DialogueSubject {
    const char* member;                      ///< of the bus: contract::method::kBegin...
    const char* cancelled;                   ///< "you are not signed in"
    const char* refused;                     ///< "not signed in"
    std::string factor = {};                 ///< BeginEnrolment; empty: the daemon asks
    std::string verb = {};                   ///< BeginFactorManagement
    std::vector<std::string> arguments = {}; ///< BeginFactorManagement
};

struct DialogueEnd {
    std::string account;        ///< cleaned for a terminal; may be empty
    bool said_anything = false; ///< the verdict had words of the daemon's own, which were shown
    Secret result;              ///< JSON; empty where there is none
};

/// The daemon leads: this end shows, asks and sends until there is a verdict. Nothing is sent
/// twice. Returns when it is `granted`.
/// Errors: Failure, for any other verdict, a cancel, a daemon that breaks a rule of
/// org.raxauth.Auth1(5).
DialogueEnd hold_dialogue(const Surroundings& around, Prompter& prompter,
                          const DialogueSubject& subject);

/// For verbs whose dialogue is about the person. Errors: Failure, for root.
void refuse_root();

} // namespace raxauth::cli
