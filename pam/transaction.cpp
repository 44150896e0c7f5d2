// SPDX-License-Identifier: Apache-2.0
#include "pam/transaction.h"

#include <memory>
#include <new>
#include <security/pam_modules.h>

namespace raxauth::pam {
namespace {

constexpr const char* kDataName = "raxauth";

void drop(pam_handle_t* /*pamh*/, void* data, int /*status*/) {
    const std::unique_ptr<Transaction> owned(static_cast<Transaction*>(data));
}

} // namespace

Transaction* find_transaction(const pam_handle_t* pamh) noexcept {
    const void* data = nullptr;
    if (pam_get_data(pamh, kDataName, &data) != PAM_SUCCESS) {
        return nullptr;
    }
    return static_cast<Transaction*>(const_cast<void*>(data)); // libpam keeps it for us to change
}

Transaction& transaction_of(pam_handle_t* pamh) {
    if (Transaction* known = find_transaction(pamh)) {
        return *known;
    }
    auto fresh = std::make_unique<Transaction>();
    if (pam_set_data(pamh, kDataName, fresh.get(), drop) != PAM_SUCCESS) {
        throw std::bad_alloc();
    }
    return *fresh.release(); // libpam calls drop()
}

} // namespace raxauth::pam
