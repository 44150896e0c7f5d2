// SPDX-License-Identifier: Apache-2.0
#include "cli/dialogue.h"

#include "cli/daemon_client.h"
#include "cli/failure.h"
#include "common/bus/channel.h"

#include <chrono>
#include <clocale>
#include <fmt/core.h>
#include <optional>
#include <pwd.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

using client::Step;

/// Enrolment, the longest dialogue there is, needs about fifteen.
constexpr int kMaxRounds = 64;
/// More than Identity may take in all; until then ^C ends it, and the conversation with it.
constexpr std::chrono::seconds kStepTimeout{90};
constexpr std::chrono::seconds kCancelTimeout{2};

std::string own_name() {
    const passwd* self = ::getpwuid(::getuid()); // NOLINT(concurrency-mt-unsafe): one thread
    if (self == nullptr) {
        throw Failure(ExitStatus::Refused, fmt::format("uid {} has no name here", ::getuid()),
                      "Ask the administrator of this host.");
    }
    return self->pw_name;
}

/// The dialogue as the person in front of it sees it.
class Dialogue {
  public:
    Dialogue(Prompter& prompter, const DialogueSubject& subject)
        : prompter_(prompter), subject_(subject) {}

    DialogueEnd run(const char* bus_address) {
        Step step = begin(bus_address);
        for (int round = 0; step.state == State::Ask; ++round) {
            if (round == kMaxRounds) {
                channel_.cancel(Clock::now() + kCancelTimeout);
                throw failure_of_odd_daemon();
            }
            const auto answers = collect(step);
            if (!answers) {
                channel_.cancel(Clock::now() + kCancelTimeout);
                throw Failure(ExitStatus::Refused,
                              fmt::format("cancelled, {}", subject_.cancelled));
            }
            step = checked(channel_.answer(step.serial, *answers, Clock::now() + kStepTimeout));
        }
        return finish(std::move(step));
    }

  private:
    using Clock = std::chrono::steady_clock;

    /// Leaves the bus before anybody is asked anything.
    Step begin(const char* bus_address) {
        DaemonClient daemon(bus_address);
        Step step = checked(client::begin(daemon.bus(), daemon.daemon(), subject_.member, context(),
                                          channel_, Clock::now() + kStepTimeout));
        if (step.state == State::Ask) {
            if (const auto error = channel_.start()) {
                throw failure_of(*error);
            }
        }
        return step;
    }

    client::CallContext context() const {
        const char* tty = ::ttyname(STDIN_FILENO); // NOLINT(concurrency-mt-unsafe): one thread
        const char* locale = std::setlocale(LC_CTYPE, ""); // NOLINT(concurrency-mt-unsafe)
        client::CallContext context;
        context.user = own_name();
        context.tty = tty != nullptr ? tty : "";
        context.interactive = prompter_.can_ask();
        context.locale = locale != nullptr ? locale : "C";
        context.factor = subject_.factor;
        context.verb = subject_.verb;
        context.arguments = subject_.arguments;
        return context;
    }

    static Step checked(client::Result<Step> result) {
        if (const client::CallError* const error = client::error_of(result)) {
            throw failure_of(*error);
        }
        Step step = std::get<Step>(std::move(result));
        if (client::broken_rule(step) != nullptr) {
            throw failure_of_odd_daemon();
        }
        return step;
    }

    /// Shows and asks, in order. Nothing: the person does not want to go on.
    std::optional<std::vector<Secret>> collect(const Step& step) {
        std::vector<Secret> answers;
        for (const client::Message& message : step.messages) {
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

    DialogueEnd finish(Step step) {
        for (const client::Message& message : step.messages) {
            prompter_.show(message.kind, message.text);
        }
        if (step.state == State::Granted) {
            return {std::move(step.account), !step.messages.empty(), std::move(step.result)};
        }
        const Reason reason = reason_from_word(step.reason).value_or(Reason::None);
        throw Failure(
            status_of(step.state, reason),
            fmt::format("{} ({})", subject_.refused,
                        step.reason.empty() ? std::string(word(step.state)) : step.reason),
            // The daemon's own words, where it has any, say it better.
            step.messages.empty() ? std::string(advice_for(reason)) : "");
    }

    Prompter& prompter_;
    const DialogueSubject& subject_;
    client::Channel channel_;
};

} // namespace

void refuse_root() {
    if (::getuid() == 0) {
        throw Failure(ExitStatus::Refused, "root does not sign in with Rackspace",
                      "Run it as yourself, in the session it is for.");
    }
}

DialogueEnd hold_dialogue(const Surroundings& around, Prompter& prompter,
                          const DialogueSubject& subject) {
    return Dialogue(prompter, subject).run(around.bus_address);
}

} // namespace raxauth::cli
