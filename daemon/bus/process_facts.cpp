// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/process_facts.h"

#include "common/unique_fd.h"
#include "daemon/sessions/session_entry.h"

#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/core.h>
#include <string>
#include <string_view>
#include <systemd/sd-login.h>
#include <unistd.h>

namespace raxauth::bus {
namespace {

std::optional<std::string> read_small(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return std::nullopt;
    }
    char buffer[4096];
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0) {
        return std::nullopt;
    }
    return std::string(buffer, static_cast<std::size_t>(got));
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) {
        return std::nullopt;
    }
    return value;
}

std::optional<uid_t> real_uid(pid_t pid) {
    const auto status = read_small(fmt::format("/proc/{}/status", pid));
    constexpr std::string_view kLabel = "\nUid:\t";
    const std::size_t at = status ? status->find(kLabel) : std::string::npos;
    if (at == std::string::npos) {
        return std::nullopt;
    }
    return number_in<uid_t>(std::string_view(*status).substr(at + kLabel.size()));
}

std::uint32_t number_or_unset(const std::string& path) {
    const auto text = read_small(path);
    return text ? number_in<std::uint32_t>(*text).value_or(contract::kUnsetId) : contract::kUnsetId;
}

} // namespace

std::optional<caller::SessionFacts> session_facts_of(pid_t pid, uid_t expected_uid) {
    const std::string before = sessions::process_start(pid);
    if (before.empty()) {
        return std::nullopt;
    }
    caller::SessionFacts facts;
    facts.audit_session = number_or_unset(fmt::format("/proc/{}/sessionid", pid));
    facts.login_uid = number_or_unset(fmt::format("/proc/{}/loginuid", pid));
    char* session = nullptr;
    if (::sd_pid_get_session(pid, &session) >= 0 && session != nullptr) {
        facts.logind_session = session;
        std::free(session); // NOLINT(cppcoreguidelines-owning-memory): libsystemd's malloc
    }
    const auto uid = real_uid(pid);
    const std::string after = sessions::process_start(pid);
    if (!uid || *uid != expected_uid || after != before) {
        return std::nullopt;
    }
    facts.real_uid = *uid;
    return facts;
}

bool are_processes_hidden() {
    return ::access("/proc/1/stat", R_OK) < 0;
}

} // namespace raxauth::bus
