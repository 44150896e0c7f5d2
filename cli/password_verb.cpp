// SPDX-License-Identifier: Apache-2.0
#include "cli/dialogue.h"
#include "cli/prompter_choice.h"
#include "cli/verbs.h"
#include "common/bus_contract.h"

namespace raxauth::cli {

ExitStatus password(const Surroundings& around, bool from_stdin) {
    refuse_root();
    const auto prompter = choose_prompter({"raxauth password", from_stdin, /*sure_to_ask=*/true});
    const DialogueEnd end =
        hold_dialogue(around, *prompter,
                      {contract::method::kBeginPasswordChange, "the password was not changed",
                       "the password was not changed"});
    if (!end.said_anything) {
        prompter->show(contract::MessageKind::Info, "The Rackspace password was changed.");
    }
    return ExitStatus::Done;
}

} // namespace raxauth::cli
