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

/// Ids stand in the journal: starting at a random point keeps a conversation of an earlier daemon
/// from being mistaken for one of this.
std::uint64_t random_start() {
    std::uint32_t value = 0;
    if (::getrandom(&value, sizeof value, 0) != sizeof value) {
        value = 1;
    }
    return (static_cast<std::uint64_t>(value) << 16U) + 1;
}

} // namespace

class Registry::Conversation final : public Person,
                                     public std::enable_shared_from_this<Conversation> {
  public:
    Conversation(Registry& registry, std::uint64_t id, Begin begin)
        : registry_(registry), id_(id), begin_(std::move(begin)), started_(registry.loop_.now()) {}

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
        if (reply_ || question_ == nullptr) {
            return AnswerError::Busy;
        }
        if (serial != serial_) {
            return AnswerError::StaleSerial;
        }
        reply_ = std::move(reply);
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
        deliver(verdict.state(), verdict.reason(), verdict.messages, nullptr);
        close(verdict);
    }

    void withdraw() {
        withdrawn_ = true;
        by_caller_ = true;
        end(Verdict::refused(State::Unavailable, Reason::Cancelled, "cancelled by the caller"));
    }

    /// No verdict is delivered: the caller broke the rules.
    void break_off(const std::string& why) {
        reply_ = nullptr;
        end(Verdict::refused(State::Unavailable, Reason::InternalFault, why));
    }

    void caller_left() {
        reply_ = nullptr;
        by_caller_ = true;
        end(Verdict::refused(State::Unavailable, Reason::Cancelled, "the caller left"));
    }

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
        replied_ = state != State::Ask;
        Step step;
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
        registry_.places_.give_back(begin_.claim);
        Ending ending;
        ending.id = id_;
        ending.state = verdict.state();
        ending.reason = verdict.reason();
        ending.why = verdict.why;
        ending.replied = replied_;
        ending.by_caller = by_caller_ && verdict.reason() == Reason::Cancelled;
        ending.took =
            std::chrono::duration_cast<std::chrono::milliseconds>(registry_.loop_.now() - started_);
        if (begin_.ended) {
            begin_.ended(ending);
        }
        // The flow may be below us on the stack: it is destroyed in the loop's next turn.
        registry_.loop_.post([self = shared_from_this()] {
            self->job_ = Job();
            self->begin_.flow = nullptr;
            self->registry_.live_.erase(self->id_); // ends with this callback
        });
    }

    Registry& registry_;
    const std::uint64_t id_;
    Begin begin_;
    const MonotonicTime started_;
    std::uint64_t serial_ = 0;
    bool over_ = false;
    bool withdrawn_ = false;
    bool by_caller_ = false;       ///< ended
    bool replied_ = false;         ///< with a verdict
    Reply reply_;                  ///< the caller waits
    Question* question_ = nullptr; ///< the flow waits
    std::vector<Message> told_;
    Timer deadline_;
    Job job_; ///< last: its frame refers to all of the above
};

Registry::~Registry() = default;

std::optional<std::uint64_t> Registry::begin(Begin begin, Reply reply) {
    if (!places_.take(begin.claim, begin.places)) {
        return std::nullopt;
    }
    if (last_id_ == 0) {
        last_id_ = random_start();
    }
    const std::uint64_t id = ++last_id_;
    auto conversation = std::make_shared<Conversation>(*this, id, std::move(begin));
    live_.emplace(id, conversation);
    conversation->start(std::move(reply));
    return id;
}

std::shared_ptr<Registry::Conversation> Registry::find(std::uint64_t id) const {
    const auto found = live_.find(id);
    return found != live_.end() && !found->second->over() ? found->second : nullptr;
}

std::optional<AnswerError> Registry::answer(std::uint64_t id, std::uint64_t serial,
                                            std::vector<Secret> answers, Reply reply) {
    const auto conversation = find(id);
    if (!conversation) {
        return AnswerError::Over;
    }
    const auto error = conversation->answer(serial, std::move(answers), std::move(reply));
    if (error == AnswerError::InvalidAnswers) {
        conversation->end(
            Verdict::refused(State::Unavailable, Reason::InternalFault, "wrong number of answers"));
    }
    return error;
}

void Registry::abort(std::uint64_t id, const std::string& why) {
    if (const auto conversation = find(id)) {
        conversation->break_off(why);
    }
}

void Registry::cancel(std::uint64_t id) {
    if (const auto conversation = find(id)) {
        conversation->withdraw();
    }
}

void Registry::left(std::uint64_t id) {
    if (const auto conversation = find(id)) {
        conversation->caller_left();
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

} // namespace raxauth::conversation
