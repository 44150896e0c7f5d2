// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/caller/context.h"
#include "daemon/conversation/person.h"
#include "daemon/conversation/verdict.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/task.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace raxauth::conversation {

/// What the caller is told after each step.
struct Step {
    std::uint64_t id = 0;
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

/// Bounds on live conversations: a full table refuses the newcomer, never ends a live one.
struct Limits {
    std::size_t all = 192;
    std::size_t per_group = 16;
};

/// What to write when a conversation is over: one line for an administrator.
struct Ending {
    std::uint64_t id = 0;
    std::string group;
    State state = State::Unavailable;
    Reason reason = Reason::None;
    std::string why;
    std::chrono::milliseconds took{0};
};

enum class AnswerError { NoSuchConversation, StaleSerial, Busy, InvalidAnswers };

/// All live conversations. A conversation belongs to the unique bus name that began it and ends
/// with it, on cancel, on a verdict, or at its absolute deadline. All on the loop's thread.
class Registry {
  public:
    explicit Registry(Loop& loop) : loop_(loop) {}
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;
    ~Registry();

    struct Begin {
        std::string owner; ///< unique bus name
        std::string group; ///< what per_group counts by
        std::chrono::milliseconds deadline{90000};
        Limits limits;
        /// A sign-in: `granted` without a Grant is a bug, and a no.
        bool proves_identity = true;
        Flow flow;
        std::function<void(const Ending&)> ended; ///< called once
    };
    /// False: a bound is reached, nothing was begun and `reply` is not called.
    bool begin(Begin begin, Reply reply);
    /// Hands answers to the question with `serial`. An error does not disturb the conversation,
    /// except InvalidAnswers, which ends it.
    std::optional<AnswerError> answer(std::string_view owner, std::uint64_t id,
                                      std::uint64_t serial, std::vector<Secret> answers,
                                      Reply reply);
    /// Ends a conversation whose caller broke the rules (a bad descriptor).
    std::optional<AnswerError> abort(std::string_view owner, std::uint64_t id, Reason reason);
    /// False: not this owner's.
    bool cancel(std::string_view owner, std::uint64_t id);
    /// The bus name is gone, and everything it began with it.
    void owner_gone(const std::string& owner);
    /// Ends all with `unavailable`: the daemon stops.
    void stop();

    std::size_t live() const noexcept { return live_.size(); }

  private:
    class Conversation;
    /// Takes the conversation out of the tables; it goes in the next turn of the loop.
    void retire(std::uint64_t id);
    /// The same, and its life is the caller's business.
    std::shared_ptr<Conversation> forget(std::uint64_t id);

    Loop& loop_;
    std::uint64_t last_id_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Conversation>> live_;
    std::unordered_map<std::string, std::vector<std::uint64_t>> by_owner_;
    std::unordered_map<std::string, std::size_t> group_sizes_;
};

} // namespace raxauth::conversation
