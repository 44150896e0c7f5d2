// SPDX-License-Identifier: Apache-2.0
#include "pam/context.h"

#include "common/text.h"
#include "common/unique_fd.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <security/pam_modules.h>
#include <unistd.h>

namespace raxauth::pam {
namespace {

std::string item(const pam_handle_t* pamh, int type) {
    const void* value = nullptr;
    if (pam_get_item(pamh, type, &value) != PAM_SUCCESS || value == nullptr) {
        return {};
    }
    return sanitise(static_cast<const char*>(value), contract::kMaxContextStringBytes);
}

/// The start of a file of procfs; empty if it cannot be read.
std::string read_kernel_text(const char* path) {
    const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    char text[4096];
    ssize_t got = -1;
    do {
        got = fd ? ::read(fd.get(), text, sizeof text) : -1;
    } while (got < 0 && fd && errno == EINTR);
    return {text, got > 0 ? static_cast<std::size_t>(got) : 0};
}

/// Cuts off and returns what stands before `separator`, or all.
std::string_view take_until(std::string_view& text, char separator) {
    const std::string_view taken = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), taken.size() + 1));
    return taken;
}

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Slices are the manager's own, so nobody can put a session-….scope of their own behind them;
/// what people may make themselves lies under a user@….service.
std::string_view session_of_path(std::string_view path) {
    constexpr std::string_view kPrefix = "session-";
    constexpr std::string_view kSuffix = ".scope";
    take_until(path, '/');
    std::string_view unit = take_until(path, '/');
    while (unit.ends_with(".slice")) {
        unit = take_until(path, '/');
    }
    if (unit.size() <= kPrefix.size() + kSuffix.size() || !unit.starts_with(kPrefix) ||
        !unit.ends_with(kSuffix)) {
        return {};
    }
    unit.remove_prefix(kPrefix.size());
    unit.remove_suffix(kSuffix.size());
    return std::all_of(unit.begin(), unit.end(), is_letter_or_digit) ? unit : std::string_view();
}

} // namespace

unsigned kernel_id_in(std::string_view text) noexcept {
    unsigned id = contract::kUnsetId;
    const char* const begin = text.data();
    const auto parsed = std::from_chars(begin, begin + text.size(), id);
    return parsed.ec == std::errc{} ? id : contract::kUnsetId;
}

std::string logind_session_in(std::string_view cgroups) {
    while (!cgroups.empty()) {
        std::string_view line = take_until(cgroups, '\n');
        take_until(line, ':');
        const std::string_view controllers = take_until(line, ':');
        if (controllers.empty() || controllers == "name=systemd") {
            const std::string_view session = session_of_path(line);
            if (!session.empty()) {
                return std::string(session);
            }
        }
    }
    return {};
}

Context collect_context(const pam_handle_t* pamh, const Subject& subject) {
    Context context;
    context.user = subject.nss_name.empty() ? subject.user : subject.nss_name;
    context.account_uid = subject.account_uid;
    context.service = item(pamh, PAM_SERVICE);
    context.tty = item(pamh, PAM_TTY);
    context.remote_host = item(pamh, PAM_RHOST);
    if (context.remote_host == "UNKNOWN") { // sshd's word for a peer without an address
        context.remote_host.clear();
    }
    context.remote_user = item(pamh, PAM_RUSER);
    context.audit_session = kernel_id_in(read_kernel_text("/proc/self/sessionid"));
    context.session = logind_session_in(read_kernel_text("/proc/self/cgroup"));
    context.login_uid = kernel_id_in(read_kernel_text("/proc/self/loginuid"));
    context.real_uid = ::getuid();
    return context;
}

} // namespace raxauth::pam
