// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/answers.h"

#include "common/secret_pipe.h"

#include <fmt/core.h>
#include <memory>
#include <strings.h>
#include <utility>
#include <vector>

namespace raxauth::flows {

using contract::MessageKind;
using conversation::Message;
using conversation::Person;
using conversation::Verdict;

Task<Secret> ask_one(Person& person, Message question) {
    std::vector<Message> questions;
    questions.push_back(std::move(question));
    co_return co_await ask_one(person, std::move(questions));
}

Task<Secret> ask_one(Person& person, std::vector<Message> question) {
    std::vector<Secret> answers = co_await person.ask(std::move(question));
    co_return std::move(answers.at(0));
}

Task<Secret> ask_one(Person& person, MessageKind kind, std::string text) {
    Message question{kind, std::move(text)};
    co_return co_await ask_one(person, std::move(question));
}

Task<void> gain_time(Person& person) {
    static_cast<void>(co_await person.ask(std::vector<Message>()));
}

Secret trimmed(const Secret& answer) {
    std::string_view text = answer.view();
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && blank(text.back())) {
        text.remove_suffix(1);
    }
    return Secret(text);
}

bool is_choice(const Secret& answer, std::string_view letter, std::string_view word) {
    const auto equal = [&](std::string_view wanted) {
        return answer.size() == wanted.size() &&
               strncasecmp(answer.c_str(), wanted.data(), wanted.size()) == 0;
    };
    return equal(letter) || equal(word);
}

Verdict ban_password_only_client(limits::Limiter& limiter, const Subject& subject,
                                 std::string_view question, std::string text) {
    limiter.ban_password_only_client(subject.account.name, subject.origin, subject.service);
    const char* cause = subject.service == "sshd"
                            ? ": it knows only that, or sshd lacks KbdInteractiveAuthentication yes"
                            : ": it knows only that";
    return Verdict::refused(
               State::Denied, Reason::PasswordOnlyClient,
               fmt::format("the client answered {} with the password{}", question, cause))
        .telling(std::move(text));
}

Verdict ban_silent_client(limits::Limiter& limiter, const Subject& subject) {
    limiter.ban_password_only_client(subject.account.name, subject.origin, subject.service,
                                     limits::PasswordOnly::SaysNothing);
    return Verdict::refused(State::Denied, Reason::PasswordOnlyClient,
                            "the client leaves the passcode prompt empty: it knows only a password")
        .telling("This client cannot be asked for a passcode: it left the prompt empty.");
}

Task<Secret> Interview::ask(std::string text) {
    const Secret answer =
        co_await ask_one(person_, MessageKind::Text, std::exchange(note_, {}) + std::move(text));
    co_return trimmed(answer);
}

Task<Secret> Interview::ask(Secret text) {
    auto whole = std::make_shared<Secret>();
    whole->reserve(kMaxSecretBytes);
    whole->append(std::exchange(note_, {}));
    whole->append(text.view());
    Message question{MessageKind::Text, {}};
    question.secret_text = std::move(whole);
    const Secret answer = co_await ask_one(person_, std::move(question));
    co_return trimmed(answer);
}

} // namespace raxauth::flows
