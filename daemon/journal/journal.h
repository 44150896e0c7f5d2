// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/verdict.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// What an administrator reads. Goes to journald with fields (RAXAUTH_*), to syslog where there is
/// no journald; never waits for either. Texts must have passed sanitise() where they are foreign;
/// newlines and control characters are taken out here once more. Never a secret, session id, phone
/// number or token.
namespace raxauth::journal {

/// The one line each verdict leaves behind.
struct VerdictLine {
    std::string_view hook; ///< "sign-in", "account", "password-change" …
    std::string_view user;
    /// NSS does not know `user`: it may be a password, typed at "login:". Its length is told alone.
    bool user_unknown = false;
    std::string_view service;
    std::string_view remote_host;
    std::string_view tty;
    std::string_view account; ///< Rackspace user, empty where none was looked up
    State state = State::Unavailable;
    Reason reason = Reason::None;
    std::string_view why; ///< the rule or fault that decided
    std::uint64_t conversation = 0;
    std::chrono::milliseconds took{0};
    bool asked_by_root = true; ///< sshd, login, sudo; others may ask as often as they like
};
void verdict(const VerdictLine& line);
/// A name that NSS does not know may be a password, typed at "login:": the line with its length in
/// place of it. `shown` is where that is kept, and outlives the line.
VerdictLine without_typed_name(const VerdictLine& line, std::string& shown);

/// Whoever was asked went away before anything was decided: that is no verdict, and no outage.
void left_without_verdict(const VerdictLine& line);
/// A passcode that Identity refused: the password was right. `number` of those of this
/// conversation.
void wrong_passcode(const VerdictLine& line, unsigned number);

void session_opened(std::string_view user, std::string_view service, std::string_view remote_host);
void session_ended(std::string_view user, std::string_view service, std::string_view why);

void info(std::string_view text);
void notice(std::string_view text);
void warning(std::string_view text);
void error(std::string_view text);
void debug(std::string_view text);

/// Lines wait because the logger does not read: `callback` is told, and sees to it that flush() is
/// called a little later. On the thread that sets it.
void when_lines_wait(std::function<void()> callback);
/// True: nothing waits any more.
bool flush();

/// Also debug lines from now on.
void set_debug(bool on);
/// Write to standard error instead: the daemon was started by hand.
void set_foreground(bool on);

} // namespace raxauth::journal
