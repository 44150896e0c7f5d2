// SPDX-License-Identifier: Apache-2.0
#include "pam/dialogue.h"

#include "pam/interrupt.h"

#include <algorithm>
#include <utility>

namespace raxauth::pam {
namespace {

/// Enrolment, the longest dialogue there is, needs about fifteen.
constexpr int kMaxRounds = 64;

bool wants_answer(const Message& message) noexcept {
    return contract::wants_answer(message.kind);
}

/// One conversation with the daemon, from begin to verdict.
class Dialogue {
  public:
    Dialogue(ConversationService& service, Conversation& conversation, StackPassword& password)
        : service_(service), conversation_(conversation), password_(password) {}
    Dialogue(const Dialogue&) = delete;
    Dialogue& operator=(const Dialogue&) = delete;
    ~Dialogue() { release_interrupts(); } // the service outlives the descriptor that it watches

    Verdict run(DialogueKind kind, const Context& context) {
        hold_interrupts();
        Reply reply = service_.begin(kind, context);
        for (int round = 0; round < kMaxRounds; ++round) {
            if (const auto* failure = std::get_if<CallFailure>(&reply)) {
                return {failure->outcome, failure->reason, {}};
            }
            Step step = std::get<Step>(std::move(reply));
            if (const char* fault = client::broken_rule(step)) {
                return give_up(Outcome::Fault, fault);
            }
            if (step.state != State::Ask) {
                return finish(std::move(step));
            }
            std::vector<Secret> answers;
            if (!password_.may_ask() && asks_for_missing_password(step)) {
                return give_up(Outcome::Denied, "use_first_pass, but no password");
            }
            if (!collect(step, answers)) {
                return give_up(Outcome::Cancelled, word(Reason::Cancelled));
            }
            reply = service_.answer(step.serial, answers);
            if (const auto* failure = std::get_if<CallFailure>(&reply)) {
                return give_up(failure->outcome, failure->reason);
            }
        }
        return give_up(Outcome::Fault, "too many steps in the dialogue");
    }

  private:
    /// But for the time in which the person types: then they are the application's.
    void hold_interrupts() {
        interrupts_.emplace();
        service_.interrupt_on(interrupts_->fd());
    }

    void release_interrupts() noexcept {
        service_.interrupt_on(-1);
        interrupts_.reset();
    }

    Verdict give_up(Outcome outcome, std::string_view reason) {
        service_.cancel();
        return {outcome, std::string(reason), {}};
    }

    Verdict finish(Step step) {
        conversation_.show_verdict(step.messages);
        if (step.state == State::Granted && !step.password.empty()) {
            password_.became(step.password);
        }
        return {outcome_of(step.state), std::move(step.reason), std::move(step.ticket)};
    }

    /// Takes the stack's password once: a refused one is not tried again.
    std::optional<Secret>& first_pass() {
        if (!asked_stack_) {
            asked_stack_ = true;
            first_pass_ = password_.first_pass();
        }
        return first_pass_;
    }

    bool asks_for_missing_password(const Step& step) {
        const auto asked =
            std::count_if(step.messages.begin(), step.messages.end(), [](const Message& m) {
                return m.kind == contract::MessageKind::Password;
            });
        return asked > (first_pass().has_value() ? 1 : 0);
    }

    /// One answer for each question of the step, in order.
    bool collect(const Step& step, std::vector<Secret>& answers) {
        std::vector<Message> shown;
        std::optional<std::size_t> answered_by_stack; // index among the answers
        std::vector<contract::MessageKind> typed_kinds;
        std::size_t questions = 0;
        for (const Message& message : step.messages) {
            if (wants_answer(message)) {
                ++questions;
            }
            if (message.kind == contract::MessageKind::Password && !answered_by_stack &&
                first_pass().has_value()) {
                answered_by_stack = questions - 1;
                continue;
            }
            shown.push_back(message);
            if (wants_answer(message)) {
                typed_kinds.push_back(message.kind);
            }
        }
        if (!typed_kinds.empty()) {
            if (interrupts_->has_come()) { // nobody wants to be asked on
                return false;
            }
            release_interrupts();
        }
        const bool is_shown = conversation_.exchange(shown, answers);
        if (!typed_kinds.empty()) {
            hold_interrupts();
        }
        if (!is_shown) {
            // Without a conversation function, what was only to be shown can be done without.
            if (!typed_kinds.empty() || conversation_.is_interactive()) {
                return false;
            }
            answers.clear();
        }
        for (std::size_t i = 0; i < typed_kinds.size(); ++i) {
            if (typed_kinds[i] == contract::MessageKind::Password) {
                password_.typed(answers[i]);
            }
        }
        if (answered_by_stack && first_pass_) {
            const auto place = static_cast<std::ptrdiff_t>(*answered_by_stack);
            answers.insert(answers.begin() + place, std::move(*first_pass_));
            first_pass_.reset();
        }
        return true;
    }

    ConversationService& service_;
    Conversation& conversation_;
    StackPassword& password_;
    std::optional<HeldInterrupts> interrupts_;
    bool asked_stack_ = false;
    std::optional<Secret> first_pass_;
};

} // namespace

Verdict run_dialogue(DialogueKind kind, const Context& context, ConversationService& service,
                     Conversation& conversation, StackPassword& password) {
    return Dialogue(service, conversation, password).run(kind, context);
}

} // namespace raxauth::pam
