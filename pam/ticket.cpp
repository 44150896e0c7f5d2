// SPDX-License-Identifier: Apache-2.0
#include "pam/ticket.h"

#include "common/bus/step.h"
#include "common/bus_contract.h"

#include <security/pam_modules.h>

namespace raxauth::pam {

bool publish_ticket(pam_handle_t* pamh, const Secret& ticket) {
    Secret assignment{std::string_view(contract::kTicketVariable)};
    assignment.append('=');
    assignment.append(ticket.view());
    return pam_putenv(pamh, assignment.c_str()) == PAM_SUCCESS;
}

Secret published_ticket(pam_handle_t* pamh) {
    const char* const value = pam_getenv(pamh, contract::kTicketVariable);
    return value != nullptr && client::is_ticket(value) ? Secret(value) : Secret();
}

void withdraw_ticket(pam_handle_t* pamh) noexcept {
    // libpam logs the removal of what is not there.
    if (pam_getenv(pamh, contract::kTicketVariable) != nullptr) {
        static_cast<void>(pam_putenv(pamh, contract::kTicketVariable)); // a name alone removes
    }
}

} // namespace raxauth::pam
