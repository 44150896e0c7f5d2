// SPDX-License-Identifier: Apache-2.0
#include "pam/expiry.h"

#include "common/secret.h"
#include "common/text.h"

#include <cerrno>
#include <shadow.h>
#include <syslog.h>
#include <vector>

namespace raxauth::pam {
namespace {

constexpr std::size_t kMaxEntryBytes = std::size_t{64} << 10U;

/// The process may not read shadow, or the account has no entry there.
bool is_no_entry(int error) {
    return error == 0 || error == ENOENT || error == EACCES || error == EPERM;
}

} // namespace

bool is_over(long expires, std::time_t now) noexcept {
    constexpr std::time_t kDay = 24L * 60 * 60;
    return expires >= 0 && now / kDay >= expires;
}

bool is_account_expired(const std::string& name, std::time_t now, const Log& log) {
    std::vector<char> buffer(2048);
    for (;;) {
        spwd entry{};
        spwd* found = nullptr;
        const int error = ::getspnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
        const bool over = found != nullptr && is_over(entry.sp_expire, now);
        wipe(buffer.data(), buffer.size()); // it held the hash of a password
        if (error == EINTR) {
            continue;
        }
        if (error == ERANGE && buffer.size() < kMaxEntryBytes) {
            buffer.resize(buffer.size() * 2);
            continue;
        }
        if (found == nullptr && !is_no_entry(error)) {
            log.line(LOG_WARNING,
                     "shadow entry of \"%s\" not read (error %d): its expiry is not "
                     "known",
                     sanitise(name).c_str(), error);
        }
        return over;
    }
}

} // namespace raxauth::pam
