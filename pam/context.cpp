// SPDX-License-Identifier: Apache-2.0
#include "pam/context.h"

#include "common/handle.h"
#include "common/text.h"
#include "common/unique_fd.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <security/pam_modules.h>
#include <systemd/sd-login.h>
#include <unistd.h>

namespace raxauth::pam {
namespace {

using CString = CHandle<char, std::free>;

std::string item(const pam_handle_t* pamh, int type) {
    const void* value = nullptr;
    if (pam_get_item(pamh, type, &value) != PAM_SUCCESS || value == nullptr) {
        return {};
    }
    return sanitise(static_cast<const char*>(value), contract::kMaxContextStringBytes);
}

std::string logind_session() {
    CString session;
    const int r = sd_pid_get_session(0, out(session));
    return r >= 0 && session ? std::string(session.get()) : std::string();
}

} // namespace

unsigned read_kernel_id(const char* path) noexcept {
    const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    char text[32];
    ssize_t got = -1;
    do {
        got = fd ? ::read(fd.get(), text, sizeof text) : -1;
    } while (got < 0 && fd && errno == EINTR);
    unsigned id = contract::kUnsetId;
    if (got > 0) {
        const auto parsed = std::from_chars(text, text + got, id);
        if (parsed.ec != std::errc{}) {
            return contract::kUnsetId;
        }
    }
    return id;
}

Context collect_context(const pam_handle_t* pamh, const std::string& user) {
    Context context;
    context.user = user;
    context.service = item(pamh, PAM_SERVICE);
    context.tty = item(pamh, PAM_TTY);
    context.remote_host = item(pamh, PAM_RHOST);
    context.remote_user = item(pamh, PAM_RUSER);
    context.session = logind_session();
    context.audit_session = read_kernel_id("/proc/self/sessionid");
    context.login_uid = read_kernel_id("/proc/self/loginuid");
    context.real_uid = ::getuid();
    return context;
}

} // namespace raxauth::pam
