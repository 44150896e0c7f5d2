// SPDX-License-Identifier: Apache-2.0
#include "pam/ticket.h"

#include "common/bus_contract.h"

#include <algorithm>
#include <security/pam_modules.h>

namespace raxauth::pam {

bool is_ticket(std::string_view text) noexcept {
    constexpr std::size_t kMaxTicketBytes = 256;
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return !text.empty() && text.size() <= kMaxTicketBytes &&
           std::all_of(text.begin(), text.end(), fits);
}

bool publish_ticket(pam_handle_t* pamh, const Secret& ticket) {
    Secret assignment{std::string_view(contract::kTicketVariable)};
    assignment.append('=');
    assignment.append(ticket.view());
    return pam_putenv(pamh, assignment.c_str()) == PAM_SUCCESS;
}

Secret published_ticket(pam_handle_t* pamh) {
    const char* const value = pam_getenv(pamh, contract::kTicketVariable);
    return value != nullptr && is_ticket(value) ? Secret(value) : Secret();
}

void withdraw_ticket(pam_handle_t* pamh) noexcept {
    // libpam logs the removal of what is not there.
    if (pam_getenv(pamh, contract::kTicketVariable) != nullptr) {
        static_cast<void>(pam_putenv(pamh, contract::kTicketVariable)); // a name alone removes
    }
}

} // namespace raxauth::pam
