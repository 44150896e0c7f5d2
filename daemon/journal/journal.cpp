// SPDX-License-Identifier: Apache-2.0
#include "daemon/journal/journal.h"

#include "common/text.h"

#include <fmt/core.h>
#include <initializer_list>
#include <string>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace raxauth::journal {
namespace {

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";
constexpr std::size_t kMaxLineBytes = 1024;

bool debug_on = false;
bool foreground = false;

/// Field name and value; values are cleaned on the way out.
using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

std::string entry(std::string_view name, std::string_view value) {
    std::string whole;
    whole.reserve(name.size() + 1 + value.size());
    whole += name;
    whole += '=';
    whole += value;
    return whole;
}

void write(int priority, std::string_view text, Fields fields = {}) {
    const std::string line = sanitise(text, kMaxLineBytes);
    if (foreground) {
        fmt::print(stderr, "{}\n", line);
        return;
    }
    if (::access(kJournalSocket, F_OK) == 0) {
        std::vector<std::string> entries;
        entries.reserve(fields.size() + 4);
        entries.push_back(entry("MESSAGE", line));
        entries.push_back(entry("PRIORITY", std::to_string(priority)));
        entries.emplace_back("SYSLOG_IDENTIFIER=raxauthd");
        entries.push_back(entry("SYSLOG_FACILITY", std::to_string(LOG_AUTHPRIV >> 3)));
        for (const auto& [name, value] : fields) {
            if (!value.empty()) {
                entries.push_back(entry(name, sanitise(value, kMaxLineBytes)));
            }
        }
        std::vector<iovec> parts;
        parts.reserve(entries.size());
        for (std::string& entry : entries) {
            parts.push_back({entry.data(), entry.size()});
        }
        if (sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) >= 0) {
            return;
        }
    }
    ::syslog(LOG_AUTHPRIV | priority, "%s", line.c_str());
}

/// A value that callers choose cannot look like two fields.
std::string in_one_word(std::string_view value) {
    if (value.find_first_of(" =\"") == std::string_view::npos) {
        return std::string(value);
    }
    std::string quoted = "\"";
    for (const char c : value) {
        quoted += c == '"' ? '\'' : c;
    }
    return quoted + '"';
}

int priority_of(const VerdictLine& line) {
    switch (line.state) {
    case State::Granted:
        return LOG_INFO;
    case State::Ignored:
    case State::UnknownUser:
        return LOG_INFO;
    case State::Denied:
    case State::MaxTries:
    case State::Expired:
        return line.reason == Reason::NoBinding || line.reason == Reason::Misconfigured
                   ? LOG_ERR
                   : LOG_NOTICE;
    case State::Unavailable:
        return line.reason == Reason::Cancelled ? LOG_INFO : LOG_WARNING;
    case State::Ask:
        return LOG_ERR;
    }
    return LOG_ERR;
}

} // namespace

void verdict(const VerdictLine& line) {
    std::string text =
        fmt::format("{} {} ({}): user={} service={}", line.hook, word(line.state),
                    word(line.reason), in_one_word(line.user), in_one_word(line.service));
    const auto add = [&text](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            text += ' ';
            text += entry(name, in_one_word(value));
        }
    };
    add("rhost", line.remote_host);
    add("tty", line.tty);
    add("account", line.account);
    if (!line.why.empty()) {
        text += ": ";
        text += line.why;
    }
    write(
        priority_of(line), text,
        {{"RAXAUTH_HOOK", line.hook},
         {"RAXAUTH_USER", line.user},
         {"RAXAUTH_SERVICE", line.service},
         {"RAXAUTH_REMOTE_HOST", line.remote_host},
         {"RAXAUTH_TTY", line.tty},
         {"RAXAUTH_ACCOUNT", line.account},
         {"RAXAUTH_VERDICT", word(line.state)},
         {"RAXAUTH_REASON", word(line.reason)},
         {"RAXAUTH_WHY", line.why},
         {"RAXAUTH_CONVERSATION", line.conversation != 0 ? std::to_string(line.conversation) : ""},
         {"RAXAUTH_TOOK_MS", std::to_string(line.took.count())}});
}

void session_opened(std::string_view user, std::string_view service, std::string_view remote_host) {
    write(LOG_INFO,
          fmt::format("session opened: user={} service={}{}{}", in_one_word(user),
                      in_one_word(service),
                      remote_host.empty() ? "" : " rhost=", in_one_word(remote_host)),
          {{"RAXAUTH_USER", user}, {"RAXAUTH_SERVICE", service}});
}

void session_ended(std::string_view user, std::string_view service, std::string_view why) {
    write(LOG_INFO,
          fmt::format("session ended ({}): user={} service={}", why, in_one_word(user),
                      in_one_word(service)),
          {{"RAXAUTH_USER", user}, {"RAXAUTH_SERVICE", service}, {"RAXAUTH_WHY", why}});
}

void info(std::string_view text) {
    write(LOG_INFO, text);
}
void notice(std::string_view text) {
    write(LOG_NOTICE, text);
}
void warning(std::string_view text) {
    write(LOG_WARNING, text);
}
void error(std::string_view text) {
    write(LOG_ERR, text);
}
void debug(std::string_view text) {
    if (debug_on) {
        write(LOG_DEBUG, text);
    }
}

void set_debug(bool on) {
    debug_on = on;
}
void set_foreground(bool on) {
    foreground = on;
}

} // namespace raxauth::journal
