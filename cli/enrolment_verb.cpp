// SPDX-License-Identifier: Apache-2.0
#include "cli/dialogue.h"
#include "cli/factor_management.h"
#include "cli/prompter_choice.h"
#include "cli/verbs.h"
#include "common/bus_contract.h"

namespace raxauth::cli {

ExitStatus enrol(const Surroundings& around, const std::string& factor, const std::string& name,
                 bool from_stdin) {
    refuse_root();
    if (!name.empty()) {
        check_argument(name, "a name for a device");
    }
    const std::string command = factor.empty() ? "raxauth enrol" : "raxauth enrol " + factor;
    const auto prompter = choose_prompter({command, from_stdin, /*sure_to_ask=*/true});
    const DialogueEnd end = hold_dialogue(
        around, *prompter,
        {contract::method::kBeginEnrolment, "nothing was set up", "not set up", factor, /*verb=*/{},
         name.empty() ? std::vector<std::string>{} : std::vector<std::string>{name}});
    if (!end.said_anything) {
        prompter->show(contract::MessageKind::Info, "The second factor is set up.");
    }
    return ExitStatus::Done;
}

} // namespace raxauth::cli
