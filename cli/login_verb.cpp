// SPDX-License-Identifier: Apache-2.0
#include "cli/dialogue.h"
#include "cli/prompter_choice.h"
#include "cli/verbs.h"
#include "common/bus_contract.h"

#include <fmt/core.h>

namespace raxauth::cli {

ExitStatus login(const Surroundings& around, bool from_stdin) {
    refuse_root();
    const auto prompter = choose_prompter({"raxauth login", from_stdin, /*sure_to_ask=*/true});
    const DialogueEnd end =
        hold_dialogue(around, *prompter,
                      {contract::method::kBeginSignIn, "you are not signed in", "not signed in"});
    prompter->show(contract::MessageKind::Info, end.account.empty()
                                                    ? "Signed in."
                                                    : fmt::format("Signed in as {}.", end.account));
    return ExitStatus::Done;
}

} // namespace raxauth::cli
