// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/conversation/person.h"
#include "daemon/conversation/verdict.h"
#include "daemon/flows/subject.h"
#include "daemon/limits/limiter.h"
#include "daemon/loop/task.h"

#include <string>
#include <string_view>
#include <vector>

/// Asking a person one thing after the other.
namespace raxauth::flows {

/// One question and its answer, as typed. `person` outlives the Task.
Task<Secret> ask_one(conversation::Person& person, conversation::Message question);
/// The same, with notes before the question.
Task<Secret> ask_one(conversation::Person& person, std::vector<conversation::Message> question);
Task<Secret> ask_one(conversation::Person& person, contract::MessageKind kind, std::string text);

/// A step without a question. The caller waits for each reply no longer than its time-out, and
/// several requests in a row may take longer; from the next step on it is a new call.
Task<void> gain_time(conversation::Person& person);

/// Without blanks at either end.
Secret trimmed(const Secret& answer);
/// Is the answer this letter or this word, in any case?
bool is_choice(const Secret& answer, std::string_view letter, std::string_view word);

/// A client that knows one answer only gives the password to every question. It is kept from
/// signing in for a while; the verdict says so with `text`. `question` is what it answered, for the
/// journal: "the passcode prompt".
conversation::Verdict ban_password_only_client(limits::Limiter& limiter, const Subject& subject,
                                               std::string_view question, std::string text);

/// The same for a client that leaves the passcode prompt empty, however often it is asked.
conversation::Verdict ban_silent_client(limits::Limiter& limiter, const Subject& subject);

/// The questions of one procedure: what happened just before is shown with the next question, and
/// wrong answers are counted over all of them.
class Interview {
  public:
    /// `person` outlives it.
    Interview(conversation::Person& person, unsigned max_wrong)
        : person_(person), max_wrong_(max_wrong) {}

    /// The answer without blanks at either end. `text` follows the note, which is then forgotten.
    Task<Secret> ask(std::string text);
    /// The same, for text that must not be in anybody else's memory.
    Task<Secret> ask(Secret text);

    /// Shown ahead of the next question: whole lines, or nothing.
    void note(std::string lines) { note_ = std::move(lines); }
    /// The last answer was wrong, and why.
    void wrong(std::string lines) {
        ++wrong_;
        note(std::move(lines));
    }
    /// No further question: too many answers were wrong.
    bool is_over() const noexcept { return wrong_ >= max_wrong_; }

  private:
    conversation::Person& person_;
    const unsigned max_wrong_;
    unsigned wrong_ = 0;
    std::string note_;
};

} // namespace raxauth::flows
