// SPDX-License-Identifier: Apache-2.0
//
// A conversation is a coroutine (its flow) on one side and a caller that polls it with method
// calls on the other. At any moment either the caller waits (a Reply is held) or the flow does (a
// question is open), never both. What is delicate is destruction: a flow must not be destroyed
// while it is below on the stack, so everything that ends one goes through Loop::post().
#include "daemon/conversation/registry.h"

#include "daemon/conversation/announcement.h"
#include "daemon/conversation/plain_text.h"

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
            end(Verdict::refused(State::Unavailable, Reason::Deadline, std::string(deadline_key_))
                    .telling("The time for this is over. Please start again."));
        });
        if (!begin_.wait_note.empty()) {
            patience_ = registry_.loop_.after(begin_.patience, [this] { ask_to_wait(); });
        }
        job_ = Job::start(run());
    }

    Task<std::vector<Secret>> ask(std::vector<Message> messages) override {
        co_await caller_to_be_back();
        if (begin_.announces) {
            messages = announced(std::move(messages));
        }
        Question question(*this, messages);
        std::vector<Message> shown = std::move(told_);
        told_.clear();
        std::move(messages.begin(), messages.end(), std::back_inserter(shown));
        ++serial_;
        Step step;
        step.state = State::Ask;
        step.messages = std::move(shown);
        deliver(std::move(step));
        co_return co_await question.answered;
    }

    void tell(Message message) override { told_.push_back(std::move(message)); }

    void allow(std::chrono::milliseconds time, std::string_view key) override {
        deadline_key_ = key;
        deadline_.restart(time);
    }

    bool withdrawn() const override { return withdrawn_; }

    std::optional<AnswerError> answer(std::uint64_t serial, std::vector<Secret> answers,
                                      Reply reply) {
        if (reply_ || (question_ == nullptr && !away_)) {
            return AnswerError::Busy;
        }
        if (serial != serial_) {
            return AnswerError::StaleSerial;
        }
        if (away_) { // it has said that it takes longer, and waits on
            return answers.empty() ? come_back(std::move(reply))
                                   : std::optional(AnswerError::InvalidAnswers);
        }
        reply_ = std::move(reply);
        patience_.restart(begin_.patience);
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
        deliver(step_of(verdict));
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

    /// A step without a question, for the caller to show while the flow works on.
    void ask_to_wait() {
        if (over_ || !reply_) {
            return;
        }
        away_ = true;
        ++serial_;
        Step step;
        step.state = State::Ask;
        step.messages.push_back({contract::MessageKind::Info, begin_.wait_note});
        deliver(std::move(step));
    }

    std::optional<AnswerError> come_back(Reply reply) {
        away_ = false;
        reply_ = std::move(reply);
        if (const auto waiting = std::exchange(flow_waits_, nullptr)) {
            waiting->set(true);
        }
        return std::nullopt;
    }

    /// Until the caller, who was asked to wait, calls again.
    Task<void> caller_to_be_back() {
        if (away_) {
            const auto back = std::make_shared<OneShot<bool>>();
            flow_waits_ = back;
            OneShot<bool>& return_of_caller = *back;
            co_await return_of_caller;
        }
    }

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
        co_await caller_to_be_back();
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
        Step step = step_of(verdict);
        step.messages = std::move(shown);
        if (verdict.state() == State::Granted) {
            step.grant = verdict.grant() ? &*verdict.grant() : nullptr;
            step.result = verdict.result();
            step.password = verdict.password();
        }
        deliver(std::move(step));
        close(verdict);
    }

    /// Without what only a verdict of the flow itself may bring.
    static Step step_of(const Verdict& verdict) {
        Step step;
        step.state = verdict.state();
        step.reason = verdict.reason();
        step.messages = verdict.messages;
        return step;
    }

    void deliver(Step step) {
        if (!reply_) {
            return;
        }
        const Reply reply = std::exchange(reply_, nullptr);
        patience_.pause();
        if (begin_.plain_text) {
            make_plain(step.messages);
        }
        replied_ = step.state != State::Ask;
        step.serial = serial_;
        reply(step);
    }

    void close(const Verdict& verdict) {
        over_ = true;
        deadline_ = Timer();
        patience_ = Timer();
        registry_.places_.give_back(begin_.claim);
        Ending ending;
        ending.id = id_;
        ending.state = verdict.state();
        ending.reason = verdict.reason();
        ending.why = verdict.why;
        ending.messages = verdict.messages;
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
    bool by_caller_ = false;                    ///< ended
    bool replied_ = false;                      ///< with a verdict
    Reply reply_;                               ///< the caller waits
    Question* question_ = nullptr;              ///< the flow waits
    bool away_ = false;                         ///< asked to wait, and not back yet
    std::shared_ptr<OneShot<bool>> flow_waits_; ///< for a caller that is away
    std::vector<Message> told_;
    std::string_view deadline_key_ = "sign_in.deadline";
    Timer deadline_;
    Timer patience_; ///< of the caller
    Job job_;        ///< last: its frame refers to all of the above
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
