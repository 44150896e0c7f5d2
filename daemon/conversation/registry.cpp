// SPDX-License-Identifier: Apache-2.0
//
// A conversation is a coroutine (its flow) on one side and a caller that polls it with method
// calls on the other. At any moment either the caller waits (a Reply is held) or the flow does (a
// question is open), never both. What is delicate is destruction: a flow must not be destroyed
// while it is below on the stack, so everything that ends one goes through Loop::post().
#include "daemon/conversation/registry.h"

#include <algorithm>
#include <random>
#include <sys/random.h>

namespace raxauth::conversation {
namespace {

/// Ids need no secrecy (the owner is checked on each call); starting at a random point only keeps
/// a conversation of an earlier daemon from being mistaken for one of this.
std::uint64_t random_start() {
    std::uint32_t value = 0;
    if (::getrandom(&value, sizeof value, 0) != sizeof value) {
        value = 1;
    }
    return (static_cast<std::uint64_t>(value) << 16U) + 1;
}

/// How long a conversation that ran out of time is kept to tell its caller so.
constexpr std::chrono::minutes kTombstoneLife{2};

} // namespace

class Registry::Conversation final : public Person,
                                     public std::enable_shared_from_this<Conversation> {
  public:
    Conversation(Registry& registry, std::uint64_t id, Begin begin)
        : registry_(registry), id_(id), begin_(std::move(begin)),
          started_(registry.loop_.now()) {}

    const std::string& owner() const noexcept { return begin_.owner; }
    const std::string& group() const noexcept { return begin_.group; }
    bool over() const noexcept { return over_; }

    void start(Reply reply) {
        reply_ = std::move(reply);
        deadline_ = registry_.loop_.after(begin_.deadline, [this] {
            end(Verdict::refused(State::Unavailable, Reason::Deadline, "sign_in.deadline"));
        });
        job_ = Job::start(run());
    }

    Task<std::vector<Secret>> ask(std::vector<Message> messages) override {
        Question question(*this, messages);
        std::vector<Message> shown = std::move(told_);
        told_.clear();
        std::move(messages.begin(), messages.end(), std::back_inserter(shown));
        ++serial_;
        deliver(State::Ask, Reason::None, std::move(shown), nullptr);
        co_return co_await question.answered;
    }

    void tell(Message message) override { told_.push_back(std::move(message)); }

    void allow(std::chrono::milliseconds time) override { deadline_.restart(time); }

    bool withdrawn() const override { return withdrawn_; }

    std::optional<AnswerError> answer(std::uint64_t serial, std::vector<Secret> answers,
                                      Reply reply) {
        if (reply_ || (question_ == nullptr && !last_words_)) {
            return AnswerError::Busy;
        }
        if (serial != serial_) {
            return AnswerError::StaleSerial;
        }
        reply_ = std::move(reply);
        if (last_words_) { // it ran out of time while the person was typing
            deliver(last_words_->state(), last_words_->reason(), last_words_->messages, nullptr);
            registry_.retire(id_);
            return std::nullopt;
        }
        if (answers.size() != question_->wanted) {
            reply_ = nullptr;
            return AnswerError::InvalidAnswers;
        }
        Question& question = *std::exchange(question_, nullptr);
        question.answered.set(std::move(answers));
        return std::nullopt;
    }

    /// Ends without the flow's consent. Safe from anywhere but the flow itself.
    void end(Verdict verdict) {
        if (over_) {
            return;
        }
        if (reply_) {
            deliver(verdict.state(), verdict.reason(), verdict.messages, nullptr);
            close(verdict);
            return;
        }
        const bool late = verdict.reason() == Reason::Deadline;
        close(verdict);
        if (late && !owner_left_) {
            last_words_.emplace(std::move(verdict)); // for the answer that will still come
            deadline_ = registry_.loop_.after(kTombstoneLife, [this] { registry_.retire(id_); });
        }
    }

    void withdraw() {
        withdrawn_ = true;
        end(Verdict::refused(State::Unavailable, Reason::Cancelled, "cancelled by the caller"));
    }

    void owner_left() {
        owner_left_ = true;
        reply_ = nullptr;
        end(Verdict::refused(State::Unavailable, Reason::Cancelled, "the caller left"));
    }

    bool has_last_words() const noexcept { return last_words_.has_value(); }

  private:
    /// One open question. Lives in the flow's frame.
    struct Question {
        Question(Conversation& asked, const std::vector<Message>& messages)
            : conversation(asked),
              wanted(static_cast<std::size_t>(
                  std::count_if(messages.begin(), messages.end(),
                                [](const Message& m) { return contract::wants_answer(m.kind); }))) {
            conversation.question_ = this;
        }
        Question(const Question&) = delete;
        Question& operator=(const Question&) = delete;
        ~Question() {
            if (conversation.question_ == this) {
                conversation.question_ = nullptr;
            }
        }
        Conversation& conversation;
        std::size_t wanted;
        OneShot<std::vector<Secret>> answered;
    };

    Task<void> run() {
        std::optional<Verdict> verdict;
        try {
            verdict.emplace(co_await begin_.flow(*this));
        } catch (const std::exception& fault) {
            verdict.emplace(
                Verdict::refused(State::Unavailable, Reason::InternalFault, fault.what()));
        } catch (...) {
            verdict.emplace(
                Verdict::refused(State::Unavailable, Reason::InternalFault, "unknown exception"));
        }
        finish(std::move(*verdict));
    }

    /// The flow came to its end; we are still inside its coroutine.
    void finish(Verdict verdict) {
        if (over_) {
            return; // ended from outside in this very turn of the loop; a Grant is let go
        }
        if (begin_.proves_identity && verdict.state() == State::Granted && !verdict.grant()) {
            verdict = Verdict::refused(State::Denied, Reason::InternalFault, "a yes without proof");
        }
        std::vector<Message> shown = std::move(told_);
        std::move(verdict.messages.begin(), verdict.messages.end(), std::back_inserter(shown));
        ++serial_;
        const sessions::Grant* grant = verdict.grant() ? &*verdict.grant() : nullptr;
        deliver(verdict.state(), verdict.reason(), std::move(shown), grant, verdict.result());
        close(verdict);
    }

    void deliver(State state, Reason reason, std::vector<Message> messages,
                 const sessions::Grant* grant, std::shared_ptr<const Secret> result = nullptr) {
        if (!reply_) {
            return;
        }
        const Reply reply = std::exchange(reply_, nullptr);
        Step step;
        step.id = id_;
        step.serial = serial_;
        step.state = state;
        step.reason = reason;
        step.messages = std::move(messages);
        step.grant = grant;
        step.result = std::move(result);
        reply(step);
    }

    void close(const Verdict& verdict) {
        over_ = true;
        deadline_ = Timer();
        Ending ending;
        ending.id = id_;
        ending.group = begin_.group;
        ending.state = verdict.state();
        ending.reason = verdict.reason();
        ending.why = verdict.why;
        ending.took = std::chrono::duration_cast<std::chrono::milliseconds>(
            registry_.loop_.now() - started_);
        if (begin_.ended) {
            begin_.ended(ending);
        }
        // The flow may be below us on the stack: it is destroyed in the loop's next turn.
        registry_.loop_.post([self = shared_from_this()] {
            self->job_ = Job();
            self->begin_.flow = nullptr;
            if (!self->last_words_) {
                static_cast<void>(self->registry_.forget(self->id_)); // ends with this callback
            }
        });
    }

    Registry& registry_;
    const std::uint64_t id_;
    Begin begin_;
    const MonotonicTime started_;
    std::uint64_t serial_ = 0;
    bool over_ = false;
    bool owner_left_ = false;
    bool withdrawn_ = false;
    Reply reply_;                  ///< the caller waits
    Question* question_ = nullptr; ///< the flow waits
    std::vector<Message> told_;
    std::optional<Verdict> last_words_;
    Timer deadline_;
    Job job_; ///< last: its frame refers to all of the above
};

Registry::~Registry() = default;

bool Registry::begin(Begin begin, Reply reply) {
    if (live_.size() >= begin.limits.all) {
        return false;
    }
    const auto group = group_sizes_.find(begin.group);
    if (group != group_sizes_.end() && group->second >= begin.limits.per_group) {
        return false;
    }
    if (last_id_ == 0) {
        last_id_ = random_start();
    }
    const std::uint64_t id = ++last_id_;
    const std::string owner = begin.owner;
    const std::string group_name = begin.group;
    auto conversation = std::make_shared<Conversation>(*this, id, std::move(begin));
    live_.emplace(id, conversation);
    by_owner_[owner].push_back(id);
    ++group_sizes_[group_name];
    conversation->start(std::move(reply));
    return true;
}

std::optional<AnswerError> Registry::answer(std::string_view owner, std::uint64_t id,
                                            std::uint64_t serial, std::vector<Secret> answers,
                                            Reply reply) {
    const auto found = live_.find(id);
    if (found == live_.end() || found->second->owner() != owner ||
        (found->second->over() && !found->second->has_last_words())) {
        return AnswerError::NoSuchConversation;
    }
    const std::shared_ptr<Conversation> conversation = found->second;
    const auto error = conversation->answer(serial, std::move(answers), std::move(reply));
    if (error == AnswerError::InvalidAnswers) {
        conversation->end(
            Verdict::refused(State::Unavailable, Reason::InternalFault, "wrong number of answers"));
    }
    return error;
}

std::optional<AnswerError> Registry::abort(std::string_view owner, std::uint64_t id,
                                           Reason reason) {
    const auto found = live_.find(id);
    if (found == live_.end() || found->second->owner() != owner) {
        return AnswerError::NoSuchConversation;
    }
    const std::shared_ptr<Conversation> conversation = found->second;
    conversation->end(Verdict::refused(State::Unavailable, reason, "malformed answer"));
    return std::nullopt;
}

bool Registry::cancel(std::string_view owner, std::uint64_t id) {
    const auto found = live_.find(id);
    if (found == live_.end() || found->second->owner() != owner) {
        return false;
    }
    const std::shared_ptr<Conversation> conversation = found->second;
    if (conversation->has_last_words()) {
        retire(id);
        return true;
    }
    conversation->withdraw();
    return true;
}

void Registry::owner_gone(const std::string& owner) {
    const auto found = by_owner_.find(owner);
    if (found == by_owner_.end()) {
        return;
    }
    const std::vector<std::uint64_t> ids = found->second; // retire() changes the list
    for (const std::uint64_t id : ids) {
        const auto live = live_.find(id);
        if (live == live_.end()) {
            continue;
        }
        const std::shared_ptr<Conversation> conversation = live->second;
        if (conversation->has_last_words()) {
            retire(id);
        } else {
            conversation->owner_left();
        }
    }
}

void Registry::stop() {
    std::vector<std::shared_ptr<Conversation>> all;
    for (const auto& [id, conversation] : live_) {
        all.push_back(conversation);
    }
    for (const auto& conversation : all) {
        conversation->end(
            Verdict::refused(State::Unavailable, Reason::Cancelled, "the daemon stops"));
    }
}

void Registry::retire(std::uint64_t id) {
    if (auto conversation = forget(id)) {
        // The call may come from the conversation's own timer: let that return first.
        loop_.post([conversation = std::move(conversation)] {});
    }
}

std::shared_ptr<Registry::Conversation> Registry::forget(std::uint64_t id) {
    const auto found = live_.find(id);
    if (found == live_.end()) {
        return nullptr;
    }
    std::shared_ptr<Conversation> conversation = found->second;
    live_.erase(found);
    if (const auto owner = by_owner_.find(conversation->owner()); owner != by_owner_.end()) {
        std::erase(owner->second, id);
        if (owner->second.empty()) {
            by_owner_.erase(owner);
        }
    }
    if (const auto group = group_sizes_.find(conversation->group());
        group != group_sizes_.end() && --group->second == 0) {
        group_sizes_.erase(group);
    }
    return conversation;
}

} // namespace raxauth::conversation
