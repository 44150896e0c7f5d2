// SPDX-License-Identifier: Apache-2.0
#include "cli/dialogue.h"

#include "cli/daemon_client.h"
#include "cli/failure.h"
#include "common/bus_contract.h"
#include "common/secret_pipe.h"
#include "common/text.h"

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <fmt/core.h>
#include <optional>
#include <pwd.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

using contract::MessageKind;

/// Enrolment, the longest dialogue there is, needs about fifteen.
constexpr int kMaxRounds = 64;
/// More than Identity may take in all; until then ^C ends it, and the conversation with it.
constexpr std::chrono::seconds kStepTimeout{90};
constexpr std::chrono::seconds kCancelTimeout{2};

/// The text may be a secret (a key to be enrolled), so it is wiped. Never moved: what a moved-from
/// string still holds cannot be reached.
struct Message {
    Message(MessageKind what, std::string_view words) : kind(what), text(words) {}
    Message(const Message&) = default;
    Message& operator=(const Message&) = delete;
    ~Message() { wipe(text.data(), text.size()); }

    MessageKind kind;
    std::string text;
};

struct Step {
    std::uint64_t id = 0;
    std::uint64_t serial = 0;
    State state = State::Unavailable;
    Reason reason = Reason::None;
    std::string reason_word;
    std::vector<Message> messages;
    std::string account;
    Secret result;
};

int check_reading(int r) {
    check_message(r, "read the answer");
    return r;
}

void receive(int fd, Secret& into) {
    if (!receive_from_pipe(fd, into)) {
        throw_odd_daemon();
    }
}

std::vector<Message> read_messages(sd_bus_message* reply) {
    std::vector<Message> messages;
    check_reading(sd_bus_message_enter_container(reply, 'a', "(ss)"));
    const char* kind = nullptr;
    const char* text = nullptr;
    while (check_reading(sd_bus_message_read(reply, "(ss)", &kind, &text)) > 0) {
        const auto known = contract::message_kind_from_word(kind);
        if (!known || messages.size() == contract::kMaxMessages) {
            throw_odd_daemon();
        }
        messages.emplace_back(*known, sanitise_lines(text, contract::kMaxMessageBytes));
    }
    check_reading(sd_bus_message_exit_container(reply));
    return messages;
}

/// One pipe for each message without a text, in order. The descriptors are the reply's.
void read_secret_texts(sd_bus_message* reply, std::vector<Message>& messages) {
    check_reading(sd_bus_message_enter_container(reply, 'v', "ah"));
    check_reading(sd_bus_message_enter_container(reply, 'a', "h"));
    for (Message& message : messages) {
        if (!message.text.empty()) {
            continue;
        }
        int fd = -1;
        if (check_reading(sd_bus_message_read(reply, "h", &fd)) == 0) {
            throw_odd_daemon();
        }
        Secret text;
        receive(fd, text);
        std::string clean = sanitise_lines(text.view(), contract::kMaxMessageBytes);
        message.text = clean;
        wipe(clean.data(), clean.size());
    }
    if (check_reading(sd_bus_message_at_end(reply, /*complete=*/0)) == 0) {
        throw_odd_daemon();
    }
    check_reading(sd_bus_message_exit_container(reply));
    check_reading(sd_bus_message_exit_container(reply));
}

void read_details(sd_bus_message* reply, Step& step) {
    check_reading(sd_bus_message_enter_container(reply, 'a', "{sv}"));
    while (check_reading(sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
        const char* key_text = nullptr;
        check_reading(sd_bus_message_read(reply, "s", &key_text));
        const std::string_view key(key_text);
        if (key == contract::detail::kTexts) {
            read_secret_texts(reply, step.messages);
        } else if (key == contract::detail::kResult) {
            int fd = -1;
            check_reading(sd_bus_message_read(reply, "v", "h", &fd));
            receive(fd, step.result);
        } else if (key == contract::detail::kAccount) {
            const char* account = nullptr;
            check_reading(sd_bus_message_read(reply, "v", "s", &account));
            step.account = sanitise(account);
        } else {
            check_reading(sd_bus_message_skip(reply, "v"));
        }
        check_reading(sd_bus_message_exit_container(reply));
    }
    check_reading(sd_bus_message_exit_container(reply));
}

Step read_step(const BusMessage& reply) {
    Step step;
    const char* state = nullptr;
    const char* reason = nullptr;
    check_reading(
        sd_bus_message_read(reply.get(), "ttss", &step.id, &step.serial, &state, &reason));
    const auto known = state_from_word(state);
    if (!known) {
        throw_odd_daemon();
    }
    step.state = *known;
    step.reason_word = sanitise(reason, 64);
    step.reason = reason_from_word(reason).value_or(Reason::None);
    step.messages = read_messages(reply.get());
    read_details(reply.get(), step);
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
    Dialogue(DaemonClient& daemon, Prompter& prompter, const DialogueSubject& subject)
        : daemon_(daemon), prompter_(prompter), subject_(subject) {}

    DialogueEnd run() {
        Step step = read_step(daemon_.send(begin(), kStepTimeout));
        for (int round = 0; step.state == State::Ask; ++round) {
            if (round == kMaxRounds) {
                cancel(step.id);
                throw_odd_daemon();
            }
            const auto answers = collect(step);
            if (!answers) {
                cancel(step.id);
                throw Failure(ExitStatus::Refused,
                              fmt::format("cancelled, {}", subject_.cancelled));
            }
            step = read_step(daemon_.send(answer(step, *answers), kStepTimeout));
        }
        return finish(std::move(step));
    }

  private:
    BusMessage begin() {
        namespace key = contract::context;
        BusMessage call = daemon_.prepare(subject_.member);
        const char* tty = ::ttyname(STDIN_FILENO); // NOLINT(concurrency-mt-unsafe): one thread
        const char* locale = std::setlocale(LC_CTYPE, ""); // NOLINT(concurrency-mt-unsafe)
        const auto put = [&](int r) { check_message(r, "make a message"); };
        put(sd_bus_message_open_container(call.get(), 'a', "{sv}"));
        put(sd_bus_message_append(call.get(), "{sv}{sv}{sv}{sv}", key::kUser, "s",
                                  own_name().c_str(), key::kTty, "s", tty != nullptr ? tty : "",
                                  key::kInteractive, "b", static_cast<int>(prompter_.can_ask()),
                                  key::kLocale, "s", locale != nullptr ? locale : "C"));
        if (!subject_.factor.empty()) {
            put(sd_bus_message_append(call.get(), "{sv}", key::kFactor, "s",
                                      subject_.factor.c_str()));
        }
        if (!subject_.verb.empty()) {
            put(sd_bus_message_append(call.get(), "{sv}", key::kVerb, "s", subject_.verb.c_str()));
        }
        if (!subject_.verb.empty() || !subject_.arguments.empty()) {
            put(sd_bus_message_open_container(call.get(), 'e', "sv"));
            put(sd_bus_message_append(call.get(), "s", key::kArguments));
            put(sd_bus_message_open_container(call.get(), 'v', "as"));
            put(sd_bus_message_open_container(call.get(), 'a', "s"));
            for (const std::string& one : subject_.arguments) {
                put(sd_bus_message_append(call.get(), "s", one.c_str()));
            }
            for (int open = 0; open < 3; ++open) {
                put(sd_bus_message_close_container(call.get()));
            }
        }
        put(sd_bus_message_close_container(call.get()));
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

    DialogueEnd finish(Step step) {
        for (const Message& message : step.messages) {
            prompter_.show(message.kind, message.text);
        }
        if (step.state == State::Granted) {
            return {std::move(step.account), !step.messages.empty(), std::move(step.result)};
        }
        throw Failure(status_of(step.state, step.reason),
                      fmt::format("{} ({})", subject_.refused,
                                  step.reason_word.empty() ? std::string(word(step.state))
                                                           : step.reason_word),
                      // The daemon's own words, where it has any, say it better.
                      step.messages.empty() ? std::string(advice_for(step.reason)) : "");
    }

    DaemonClient& daemon_;
    Prompter& prompter_;
    const DialogueSubject& subject_;
};

} // namespace

void throw_odd_daemon() {
    throw Failure(ExitStatus::Unreachable, "the daemon said something that makes no sense",
                  "Is the daemon of another version? Try \"systemctl restart raxauthd\".");
}

void refuse_root() {
    if (::getuid() == 0) {
        throw Failure(ExitStatus::Refused, "root does not sign in with Rackspace",
                      "Run it as yourself, in the session it is for.");
    }
}

DialogueEnd hold_dialogue(const Surroundings& around, Prompter& prompter,
                          const DialogueSubject& subject) {
    DaemonClient daemon(around.bus_address);
    return Dialogue(daemon, prompter, subject).run();
}

} // namespace raxauth::cli
