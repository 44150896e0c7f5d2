// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal_prompter.h"

#include "cli/write_all.h"
#include "common/secret_pipe.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <termios.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

// All whose default is to end or stop the process, but for those that cannot be caught and those
// that a fault of the program brings.
constexpr std::array kSignals{SIGINT,  SIGQUIT, SIGTERM, SIGHUP,    SIGTSTP, SIGALRM, SIGPIPE,
                              SIGUSR1, SIGUSR2, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR};

volatile std::sig_atomic_t caught_signal = 0;

void note_signal(int signal) {
    caught_signal = signal;
}

/// Catches the signals that would leave the terminal without echo. They are delivered in
/// wait_for_input() alone, so that none slips in between a look at the flag and a wait.
class SignalWatch {
  public:
    SignalWatch() {
        caught_signal = 0;
        sigset_t held{};
        sigemptyset(&held);
        for (const int signal : kSignals) {
            sigaddset(&held, signal);
        }
        ::sigprocmask(SIG_BLOCK, &held, &usual_);
        for (std::size_t i = 0; i < kSignals.size(); ++i) {
            ::sigaction(kSignals[i], nullptr, &before_[i]);
            if (before_[i].sa_handler != SIG_IGN) { // nohup(1) stays in force
                struct sigaction action{};
                action.sa_handler = &note_signal;
                sigemptyset(&action.sa_mask);
                ::sigaction(kSignals[i], &action, nullptr);
            }
        }
    }
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;
    ~SignalWatch() {
        ::sigprocmask(SIG_SETMASK, &usual_, nullptr); // the last ones still go to the flag
        for (std::size_t i = 0; i < kSignals.size(); ++i) {
            ::sigaction(kSignals[i], &before_[i], nullptr);
        }
    }

    /// The number of the signal that came, or 0 when there is input.
    int wait_for_input(int fd) const {
        pollfd wanted{fd, POLLIN, 0};
        while (::ppoll(&wanted, 1, nullptr, &usual_) < 0 && errno == EINTR) {
            if (caught_signal != 0) {
                return caught_signal;
            }
        }
        return 0;
    }

  private:
    sigset_t usual_{};
    std::array<struct sigaction, kSignals.size()> before_{};
};

/// Switches echo off for as long as it lives.
class HiddenInput {
  public:
    explicit HiddenInput(int terminal) : terminal_(terminal) {
        if (::tcgetattr(terminal_, &before_) < 0) {
            return;
        }
        termios hidden = before_;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        hidden.c_lflag |= ECHONL | ICANON;
        // What was typed before the question was shown is no answer to it.
        active_ = ::tcsetattr(terminal_, TCSAFLUSH, &hidden) == 0;
    }
    HiddenInput(const HiddenInput&) = delete;
    HiddenInput& operator=(const HiddenInput&) = delete;
    ~HiddenInput() {
        if (active_) {
            static_cast<void>(::tcsetattr(terminal_, TCSANOW, &before_));
        }
    }
    bool active() const noexcept { return active_; }
    /// No line was finished: half a password must not be left for the shell to read. Unlike
    /// TCSAFLUSH, this does not wait for a terminal that was stopped (^S).
    void drop_input() const noexcept { static_cast<void>(::tcflush(terminal_, TCIFLUSH)); }

  private:
    int terminal_;
    termios before_{};
    bool active_ = false;
};

void write_to_terminal(int fd, std::string_view text) {
    static_cast<void>(write_all(fd, text)); // if it is gone, reading from it will tell
}

struct Line {
    std::optional<Secret> text;
    int signal = 0;
};

Line read_line(int fd, const SignalWatch& watch) {
    std::array<char, 256> chunk{};
    Secret text;
    text.reserve(kMaxSecretBytes);
    Line line;
    for (bool open = true; open;) {
        line.signal = watch.wait_for_input(fd);
        if (line.signal != 0) {
            break;
        }
        const ssize_t count = ::read(fd, chunk.data(), chunk.size());
        if (count <= 0) {
            if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
                continue;
            }
            break;
        }
        std::string_view read(chunk.data(), static_cast<std::size_t>(count));
        open = read.back() != '\n';
        if (!open) {
            read.remove_suffix(1);
        }
        text.append(read);
        if (text.size() > kMaxSecretBytes) {
            break;
        }
        if (!open) {
            line.text = std::move(text);
        }
    }
    wipe(chunk.data(), chunk.size());
    return line;
}

Line ask_once(int terminal, bool hidden, const std::string& text) {
    const SignalWatch watch;
    std::optional<HiddenInput> no_echo;
    if (hidden) {
        no_echo.emplace(terminal);
        if (!no_echo->active()) {
            write_to_terminal(terminal, "This terminal cannot hide what is typed.\n");
            return {};
        }
    }
    write_to_terminal(terminal, text);
    Line line = read_line(terminal, watch);
    if (!line.text) {
        if (no_echo) {
            no_echo->drop_input();
        }
        write_to_terminal(terminal, "\n");
    }
    return line;
}

} // namespace

UniqueFd TerminalPrompter::open_controlling_terminal() noexcept {
    return UniqueFd(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
}

void TerminalPrompter::show(contract::MessageKind /*kind*/, const std::string& text) {
    write_to_terminal(STDERR_FILENO, text); // prompts alone go to the terminal whatever happens
    write_to_terminal(STDERR_FILENO, "\n");
}

std::optional<Secret> TerminalPrompter::ask(contract::MessageKind kind, const std::string& text) {
    for (;;) {
        Line line = ask_once(terminal_.get(), kind != contract::MessageKind::Text, text);
        if (line.signal != SIGTSTP) {
            return std::move(line.text);
        }
        // Everything is as it was before the question: stop, and ask again when we go on.
        static_cast<void>(::kill(::getpid(), SIGSTOP));
    }
}

} // namespace raxauth::cli
