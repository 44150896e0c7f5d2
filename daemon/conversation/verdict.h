// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/verdict.h"
#include "daemon/conversation/person.h"
#include "daemon/sessions/grant.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace raxauth::conversation {

/// How a conversation ends. In a sign-in `granted` needs a Grant, so no path can grant it without
/// proof.
class Verdict {
  public:
    static Verdict granted(sessions::Grant grant) {
        Verdict verdict(State::Granted, grant.reason());
        verdict.grant_.emplace(std::move(grant));
        return verdict;
    }
    /// What was asked for is done: says nothing about who somebody is, and is no answer to a
    /// sign-in (Registry::Begin::proves_identity).
    static Verdict completed(Reason reason, std::shared_ptr<const Secret> result = nullptr) {
        Verdict verdict(State::Granted, reason);
        verdict.result_ = std::move(result);
        return verdict;
    }
    /// Every verdict but `granted`. Asking for `granted` here is a bug and aborts.
    static Verdict refused(State state, Reason reason, std::string why = {}) {
        if (state == State::Granted || state == State::Ask) {
            std::abort();
        }
        Verdict verdict(state, reason);
        verdict.why = std::move(why);
        return verdict;
    }

    /// Tells the person something along with the verdict.
    Verdict&& telling(std::string text) && {
        messages.push_back({contract::MessageKind::Error, std::move(text)});
        return std::move(*this);
    }

    /// What decided, for the journal.
    Verdict&& because(std::string decided) && {
        why = std::move(decided);
        return std::move(*this);
    }

    /// For the modules behind ours: the password as it is now, where that is not what was typed for
    /// it (a line with both factors, an expired password that was changed).
    void correct_password(const Secret& password) {
        password_ = std::make_shared<const Secret>(password.clone());
    }

    State state() const noexcept { return state_; }
    Reason reason() const noexcept { return reason_; }
    const std::optional<sessions::Grant>& grant() const noexcept { return grant_; }
    /// JSON for the program that asked; null where there is none.
    const std::shared_ptr<const Secret>& result() const noexcept { return result_; }
    /// Null: what was typed is the password.
    const std::shared_ptr<const Secret>& password() const noexcept { return password_; }

    std::vector<Message> messages;
    std::string why; ///< for the journal: what decided; no secret

  private:
    Verdict(State state, Reason reason) : state_(state), reason_(reason) {}
    State state_;
    Reason reason_;
    std::optional<sessions::Grant> grant_;
    std::shared_ptr<const Secret> result_;
    std::shared_ptr<const Secret> password_;
};

} // namespace raxauth::conversation
