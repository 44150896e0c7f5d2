// SPDX-License-Identifier: Apache-2.0
#include "daemon/journal/journal.h"

#include "common/text.h"
#include "daemon/journal/log_queue.h"

#include <ctime>
#include <fmt/core.h>
#include <initializer_list>
#include <mutex>
#include <string>
#include <syslog.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace raxauth::journal {
namespace {

constexpr const char* kIdentifier = "raxauthd";
constexpr const char* kJournalSocket = "/run/systemd/journal/socket";
constexpr const char* kSyslogSocket = "/dev/log";
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

/// As syslog(3) writes it.
std::string as_syslog(int priority, const std::string& line) {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::localtime_r(&now, &parts);
    char time[32];
    const std::size_t length = std::strftime(time, sizeof time, "%b %e %H:%M:%S", &parts);
    return fmt::format("<{}>{} {}[{}]: {}", LOG_AUTHPRIV | priority, std::string_view(time, length),
                       kIdentifier, ::getpid(), line);
}

/// `line` and the values are cleaned: no newline, so the simple form of the protocol will do.
LogLine log_line(int priority, const std::string& line, Fields fields) {
    LogLine made;
    const auto add = [&made](std::string_view name, std::string_view value) {
        made.native += entry(name, value);
        made.native += '\n';
    };
    add("MESSAGE", line);
    add("PRIORITY", std::to_string(priority));
    add("SYSLOG_IDENTIFIER", kIdentifier);
    add("SYSLOG_FACILITY", std::to_string(LOG_AUTHPRIV >> 3));
    add("SYSLOG_PID", std::to_string(::getpid()));
    for (const auto& [name, value] : fields) {
        if (!value.empty()) {
            add(name, sanitise(value, kMaxLineBytes));
        }
    }
    made.syslog = as_syslog(priority, line);
    return made;
}

/// All lines of the process; also from the worker's thread.
struct Log {
    std::mutex lock;
    LogQueue queue{kJournalSocket, kSyslogSocket, [](std::uint64_t lost) {
                       return log_line(
                           LOG_WARNING,
                           fmt::format("{} lines were lost: the log did not take them", lost), {});
                   }};
    std::function<void()> waits;
    std::thread::id waits_on; ///< the thread that may be told
};

Log& log() {
    static Log all;
    return all;
}

void write(int priority, std::string_view text, Fields fields = {}) {
    const std::string line = sanitise(text, kMaxLineBytes);
    if (foreground) {
        fmt::print(stderr, "{}\n", line);
        return;
    }
    LogLine made = log_line(priority, line, fields);
    bool has_to_wait = false;
    {
        const std::lock_guard guard(log().lock);
        log().queue.write(std::move(made));
        has_to_wait = log().queue.waiting() > 0;
    }
    if (has_to_wait && log().waits_on == std::this_thread::get_id() && log().waits) {
        log().waits();
    }
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

/// The fields that say who asked, behind `text`.
std::string with_who(std::string text, const VerdictLine& line) {
    text += fmt::format(": user={} service={}", in_one_word(line.user), in_one_word(line.service));
    const auto add = [&text](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            text += ' ';
            text += entry(name, in_one_word(value));
        }
    };
    add("rhost", line.remote_host);
    add("tty", line.tty);
    add("account", line.account);
    return text;
}

} // namespace

VerdictLine without_typed_name(const VerdictLine& line, std::string& shown) {
    VerdictLine hidden = line;
    if (line.user_unknown || line.reason == Reason::UnknownUser ||
        line.reason == Reason::InvalidUserName) {
        shown = fmt::format("({} bytes)", line.user.size());
        hidden.user = shown;
    }
    return hidden;
}

void verdict(const VerdictLine& line) {
    std::string text =
        with_who(fmt::format("{} {} ({})", line.hook, word(line.state), word(line.reason)), line);
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

void left_without_verdict(const VerdictLine& given) {
    std::string shown;
    const VerdictLine line = without_typed_name(given, shown);
    std::string text = with_who(fmt::format("{} not finished", line.hook), line);
    if (!line.why.empty()) {
        text += ": ";
        text += line.why;
    }
    write(LOG_INFO, text,
          {{"RAXAUTH_HOOK", line.hook},
           {"RAXAUTH_USER", line.user},
           {"RAXAUTH_SERVICE", line.service},
           {"RAXAUTH_REMOTE_HOST", line.remote_host},
           {"RAXAUTH_TTY", line.tty},
           {"RAXAUTH_ACCOUNT", line.account},
           {"RAXAUTH_REASON", word(line.reason)},
           {"RAXAUTH_WHY", line.why},
           {"RAXAUTH_CONVERSATION", std::to_string(line.conversation)},
           {"RAXAUTH_TOOK_MS", std::to_string(line.took.count())}});
}

void wrong_passcode(const VerdictLine& line, unsigned number) {
    write(LOG_NOTICE,
          with_who(fmt::format("{} wrong passcode ({} of this conversation)", line.hook, number),
                   line),
          {{"RAXAUTH_HOOK", line.hook},
           {"RAXAUTH_USER", line.user},
           {"RAXAUTH_SERVICE", line.service},
           {"RAXAUTH_REMOTE_HOST", line.remote_host},
           {"RAXAUTH_TTY", line.tty},
           {"RAXAUTH_ACCOUNT", line.account},
           {"RAXAUTH_EVENT", "wrong-passcode"}});
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

void when_lines_wait(std::function<void()> callback) {
    log().waits = std::move(callback);
    log().waits_on = std::this_thread::get_id();
}

bool flush() {
    const std::lock_guard guard(log().lock);
    return log().queue.flush();
}

void set_debug(bool on) {
    debug_on = on;
}
void set_foreground(bool on) {
    foreground = on;
}

} // namespace raxauth::journal
