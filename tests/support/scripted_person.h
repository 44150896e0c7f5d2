// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/conversation/person.h"
#include "tests/support/gate.h"

#include <cctype>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace raxauth::testing {

inline std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return result;
}
inline bool contains(std::string_view text, std::string_view words) {
    return lower_case(text).find(lower_case(words)) != std::string::npos;
}

/// What a person reads, also where it is a secret.
inline std::string text_of(const conversation::Message& message) {
    return message.secret_text ? std::string(message.secret_text->view()) : message.text;
}

/// Somebody who knows what will be asked and what to answer. Asked anything else, they are at a
/// loss and never answer: the sign-in does not come to its end, and `trouble` says why.
class ScriptedPerson final : public conversation::Person {
  public:
    /// The next question is one prompt with these words in it (any case). A step without a
    /// question is simply acknowledged.
    ScriptedPerson& when_asked_for(std::string words, std::string answer) {
        script_.push_back({std::move(words), std::move(answer)});
        return *this;
    }

    Task<std::vector<Secret>> ask(std::vector<conversation::Message> messages) override {
        std::size_t questions = 0;
        for (const conversation::Message& message : messages) {
            if (contract::wants_answer(message.kind)) {
                ++questions;
                prompts.push_back(message);
            }
            shown.push_back(message);
        }
        if (questions == 0) {
            ++acknowledged;
            co_await gate->pass();
            co_return std::vector<Secret>();
        }
        if (questions != 1 || script_.empty() ||
            !contains(text_of(prompts.back()), script_.front().words)) {
            trouble = "asked: " + (prompts.empty() ? "nothing" : text_of(prompts.back()));
            at_a_loss_.shut();
            co_await at_a_loss_.pass();
        }
        co_await gate->pass();
        std::vector<Secret> answers;
        answers.emplace_back(script_.front().answer);
        script_.pop_front();
        co_return answers;
    }
    void tell(conversation::Message message) override { shown.push_back(std::move(message)); }
    void allow(std::chrono::milliseconds time, std::string_view /*key*/) override {
        allowed = time;
        allowances.push_back(time);
    }
    bool withdrawn() const override { return said_cancel; }

    bool script_done() const { return trouble.empty() && script_.empty(); }
    const std::string& last_prompt() const { return prompts.back().text; }

    std::chrono::milliseconds allowed{0}; ///< as the flow asked for last
    std::vector<std::chrono::milliseconds> allowances;

    Gate own_gate;
    Gate* gate = &own_gate;
    std::vector<conversation::Message> prompts;
    std::vector<conversation::Message> shown; ///< prompts and texts
    bool said_cancel = false;                 ///< the caller withdraws the conversation
    unsigned acknowledged = 0;                ///< steps without a question
    std::string trouble;

  private:
    struct Step {
        std::string words;
        std::string answer;
    };
    std::deque<Step> script_;
    Gate at_a_loss_;
};

} // namespace raxauth::testing
