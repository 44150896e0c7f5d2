// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/conversation/places.h"
#include "daemon/conversation/verdict.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/task.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace raxauth::conversation {

/// What the caller is told after each step.
struct Step {
    std::uint64_t serial = 0;
    State state = State::Unavailable;
    Reason reason = Reason::None;
    std::vector<Message> messages;
    const sessions::Grant* grant = nullptr; ///< with State::Granted, for the time of the call
    std::shared_ptr<const Secret> result = nullptr; ///< with State::Granted, outside sign-ins
};

/// Delivers one step to the caller that waits for it; called exactly once, or never when the
/// conversation ends without one (the caller left).
using Reply = std::function<void(const Step&)>;

/// The procedure behind a conversation. It may be destroyed at any point where it waits.
using Flow = std::function<Task<Verdict>(Person&)>;

/// What to write when a conversation is over: one line for an administrator.
struct Ending {
    std::uint64_t id = 0;
    State state = State::Unavailable;
    Reason reason = Reason::None;
    std::string why;
    std::chrono::milliseconds took{0};
    bool replied = false;   ///< the caller waited, and was told
    bool by_caller = false; ///< who hung up or cancelled: there is no verdict
};

enum class AnswerError { Over, StaleSerial, Busy, InvalidAnswers };

/// All live conversations. A conversation ends with its caller, on cancel, on a verdict, or at its
/// absolute deadline; one that is over holds no place. Who may speak for one is its owner's
/// business: it alone knows the id. All on the loop's thread.
class Registry {
  public:
    explicit Registry(Loop& loop) : loop_(loop) {}
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;
    ~Registry();

    struct Begin {
        Claim claim;
        std::size_t places = 1024; ///< of all conversations
        std::chrono::milliseconds deadline{90000};
        /// A sign-in: `granted` without a Grant is a bug, and a no.
        bool proves_identity = true;
        Flow flow;
        std::function<void(const Ending&)> ended; ///< called once
    };
    /// The id, by which all that follows is called. Nothing: there is no place, and neither `reply`
    /// nor `ended` is called. Both may be called before it returns.
    std::optional<std::uint64_t> begin(Begin begin, Reply reply);
    /// Hands answers to the question with `serial`. An error does not disturb the conversation,
    /// except InvalidAnswers, which ends it.
    std::optional<AnswerError> answer(std::uint64_t id, std::uint64_t serial,
                                      std::vector<Secret> answers, Reply reply);
    /// Ends a conversation whose caller broke the rules.
    void abort(std::uint64_t id, const std::string& why);
    /// The caller does not want to go on.
    void cancel(std::uint64_t id);
    /// The caller is gone.
    void left(std::uint64_t id);
    /// Ends all with `unavailable`: the daemon stops.
    void stop();

    std::size_t live() const noexcept { return places_.taken(); }

  private:
    class Conversation;
    std::shared_ptr<Conversation> find(std::uint64_t id) const;

    Loop& loop_;
    std::uint64_t last_id_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Conversation>> live_;
    Places places_;
};

} // namespace raxauth::conversation
