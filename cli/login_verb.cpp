// SPDX-License-Identifier: Apache-2.0
// The daemon leads the dialogue; this end shows, asks and sends. Nothing is sent twice.
#include "cli/daemon_client.h"
#include "cli/fields.h"
#include "cli/line_prompter.h"
#include "cli/terminal_prompter.h"
#include "cli/verbs.h"
#include "common/bus_contract.h"
#include "common/secret_pipe.h"
#include "common/text.h"

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstring>
#include <fmt/core.h>
#include <memory>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace raxauth::cli {
namespace {

using contract::MessageKind;

/// Enrolment, the longest dialogue there is, needs about fifteen.
constexpr int kMaxRounds = 64;
/// More than Identity may take in all; until then ^C ends it, and the conversation with it.
constexpr std::chrono::seconds kStepTimeout{90};
constexpr std::chrono::seconds kCancelTimeout{2};

struct Message {
    MessageKind kind = MessageKind::Info;
    std::string text;
};

struct Step {
    std::uint64_t id = 0;
    std::uint64_t serial = 0;
    State state = State::Unavailable;
    Reason reason = Reason::None;
    std::string reason_word;
    std::vector<Message> messages;
    Fields details;
};

[[noreturn]] void throw_odd_daemon() {
    throw Failure(ExitStatus::Unreachable, "the daemon said something that makes no sense",
                  "Is the daemon of another version? Try \"systemctl restart raxauthd\".");
}

std::vector<Message> read_messages(sd_bus_message* reply) {
    std::vector<Message> messages;
    check_message(sd_bus_message_enter_container(reply, 'a', "(ss)"), "read the answer");
    const char* kind = nullptr;
    const char* text = nullptr;
    for (;;) {
        const int r = sd_bus_message_read(reply, "(ss)", &kind, &text);
        check_message(r, "read the answer");
        if (r == 0) {
            break;
        }
        const auto known = contract::message_kind_from_word(kind);
        if (!known || messages.size() == contract::kMaxMessages) {
            throw_odd_daemon();
        }
        messages.push_back({*known, sanitise_lines(text, contract::kMaxMessageBytes)});
    }
    check_message(sd_bus_message_exit_container(reply), "read the answer");
    return messages;
}

Step read_step(const BusMessage& reply) {
    Step step;
    const char* state = nullptr;
    const char* reason = nullptr;
    check_message(sd_bus_message_read(reply.get(), "ttss", &step.id, &step.serial, &state, &reason),
                  "read the answer");
    const auto known = state_from_word(state);
    if (!known) {
        throw_odd_daemon();
    }
    step.state = *known;
    step.reason_word = sanitise(reason, 64);
    step.reason = reason_from_word(reason).value_or(Reason::None);
    step.messages = read_messages(reply.get());
    step.details = read_fields(reply.get());
    const auto questions =
        std::count_if(step.messages.begin(), step.messages.end(),
                      [](const Message& message) { return contract::wants_answer(message.kind); });
    if (static_cast<std::size_t>(questions) > contract::kMaxAnswers ||
        (step.state != State::Ask && questions > 0)) {
        throw_odd_daemon();
    }
    return step;
}

std::string own_name() {
    const passwd* self = ::getpwuid(::getuid()); // NOLINT(concurrency-mt-unsafe): one thread
    if (self == nullptr) {
        throw Failure(ExitStatus::Refused, fmt::format("uid {} has no name here", ::getuid()),
                      "Ask the administrator of this host.");
    }
    return self->pw_name;
}

class Dialogue {
  public:
    Dialogue(DaemonClient& daemon, Prompter& prompter) : daemon_(daemon), prompter_(prompter) {}

    ExitStatus run() {
        Step step = read_step(daemon_.send(begin(), kStepTimeout));
        for (int round = 0; step.state == State::Ask; ++round) {
            if (round == kMaxRounds) {
                cancel(step.id);
                throw_odd_daemon();
            }
            const auto answers = collect(step);
            if (!answers) {
                cancel(step.id);
                throw Failure(ExitStatus::Refused, "cancelled, you are not signed in");
            }
            step = read_step(daemon_.send(answer(step, *answers), kStepTimeout));
        }
        return finish(step);
    }

  private:
    BusMessage begin() {
        BusMessage call = daemon_.prepare(contract::method::kBeginSignIn);
        const char* tty = ::ttyname(STDIN_FILENO); // NOLINT(concurrency-mt-unsafe): one thread
        const char* locale = std::setlocale(LC_CTYPE, ""); // NOLINT(concurrency-mt-unsafe)
        check_message(sd_bus_message_append(
                          call.get(), "a{sv}", 4, contract::context::kUser, "s", own_name().c_str(),
                          contract::context::kTty, "s", tty != nullptr ? tty : "",
                          contract::context::kInteractive, "b", 1, contract::context::kLocale, "s",
                          locale != nullptr ? locale : "C"),
                      "make a message");
        return call;
    }

    BusMessage answer(const Step& step, const std::vector<Secret>& answers) {
        BusMessage call = daemon_.prepare(contract::method::kAnswer);
        check_message(sd_bus_message_append(call.get(), "tt", step.id, step.serial),
                      "make a message");
        check_message(sd_bus_message_open_container(call.get(), 'a', "h"), "make a message");
        for (const Secret& one : answers) {
            const UniqueFd pipe = send_through_pipe(one.view());
            check_message(pipe ? 0 : -errno, "make a pipe");
            check_message(sd_bus_message_append(call.get(), "h", pipe.get()), "make a message");
        }
        check_message(sd_bus_message_close_container(call.get()), "make a message");
        return call;
    }

    /// Shows and asks, in order. Nothing: the person does not want to go on.
    std::optional<std::vector<Secret>> collect(const Step& step) {
        std::vector<Secret> answers;
        for (const Message& message : step.messages) {
            if (!contract::wants_answer(message.kind)) {
                prompter_.show(message.kind, message.text);
                continue;
            }
            std::optional<Secret> one = prompter_.ask(message.kind, message.text);
            if (!one) {
                return std::nullopt;
            }
            answers.push_back(*std::move(one));
        }
        return answers;
    }

    void cancel(std::uint64_t id) {
        const BusMessage call = daemon_.prepare(contract::method::kCancel);
        check_message(sd_bus_message_append(call.get(), "t", id), "make a message");
        try {
            daemon_.send(call, kCancelTimeout);
        } catch (const Failure&) { // NOLINT(bugprone-empty-catch)
            // It ends anyway when our name leaves the bus.
        }
    }

    ExitStatus finish(const Step& step) {
        for (const Message& message : step.messages) {
            prompter_.show(message.kind, message.text);
        }
        if (step.state == State::Granted) {
            const std::string account = step.details.shown(contract::detail::kAccount);
            prompter_.show(MessageKind::Info, account.empty()
                                                  ? "Signed in."
                                                  : fmt::format("Signed in as {}.", account));
            return ExitStatus::Done;
        }
        throw Failure(status_of(step.state, step.reason),
                      fmt::format("not signed in ({})", step.reason_word.empty()
                                                            ? std::string(word(step.state))
                                                            : step.reason_word),
                      // The daemon's own words, where it has any, say it better.
                      step.messages.empty() ? std::string(advice_for(step.reason)) : "");
    }

    DaemonClient& daemon_;
    Prompter& prompter_;
};

std::unique_ptr<Prompter> make_prompter(bool from_stdin) {
    if (from_stdin && ::isatty(STDIN_FILENO) == 0) {
        return std::make_unique<LinePrompter>(STDIN_FILENO);
    }
    UniqueFd terminal = TerminalPrompter::open_controlling_terminal();
    if (!terminal) {
        throw Failure(ExitStatus::Usage, "there is no terminal to ask on",
                      "Use \"ssh -t\", or give the answers line by line: raxauth login --stdin");
    }
    return std::make_unique<TerminalPrompter>(std::move(terminal));
}

} // namespace

ExitStatus login(const Surroundings& around, bool from_stdin) {
    if (::getuid() == 0) {
        throw Failure(ExitStatus::Refused, "root does not sign in with Rackspace",
                      "Run it as yourself, in the session it is for.");
    }
    const std::unique_ptr<Prompter> prompter = make_prompter(from_stdin);
    DaemonClient daemon(around.bus_address);
    return Dialogue(daemon, *prompter).run();
}

} // namespace raxauth::cli
