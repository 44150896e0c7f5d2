// SPDX-License-Identifier: Apache-2.0
#include "common/bus/step.h"

#include "common/text.h"

#include <algorithm>
#include <cerrno>

namespace raxauth::client {
namespace {

constexpr std::size_t kMaxReasonBytes = 64;

/// Every function returns false for what cannot be read.
class Reader {
  public:
    explicit Reader(sd_bus_message* message) : message_(message) {}

    bool number(std::uint64_t& value) { return sd_bus_message_read(message_, "t", &value) > 0; }

    bool text(std::string_view& value) {
        const char* read = nullptr;
        if (sd_bus_message_read(message_, "s", &read) <= 0) {
            return false;
        }
        value = read;
        return true;
    }

    bool verdict(State& state, std::string& reason) {
        std::string_view state_word;
        std::string_view reason_word;
        if (!text(state_word) || !text(reason_word)) {
            return false;
        }
        const auto known = state_from_word(state_word);
        if (known) {
            state = *known;
        }
        reason = sanitise(reason_word, kMaxReasonBytes);
        return known.has_value();
    }

    bool messages(std::vector<Message>& messages) {
        if (sd_bus_message_enter_container(message_, 'a', "(ss)") <= 0) {
            return false;
        }
        const char* kind_word = nullptr;
        const char* line = nullptr;
        int r = 0;
        while ((r = sd_bus_message_read(message_, "(ss)", &kind_word, &line)) > 0) {
            const auto kind = contract::message_kind_from_word(kind_word);
            if (!kind || messages.size() == contract::kMaxMessages) {
                return false;
            }
            std::string clean = sanitise_lines(line, contract::kMaxMessageBytes);
            messages.emplace_back(*kind, clean);
            wipe(clean.data(), clean.size());
        }
        return r == 0 && sd_bus_message_exit_container(message_) >= 0;
    }

    bool details(Step& step) {
        if (sd_bus_message_enter_container(message_, 'a', "{sv}") <= 0) {
            return false;
        }
        int r = 0;
        while ((r = sd_bus_message_enter_container(message_, 'e', "sv")) > 0) {
            std::string_view key;
            if (!text(key) || !detail(key, step) || sd_bus_message_exit_container(message_) < 0) {
                return false;
            }
        }
        return r == 0 && sd_bus_message_exit_container(message_) >= 0;
    }

  private:
    bool detail(std::string_view key, Step& step) {
        if (key == contract::detail::kPassword) {
            return password(step.password);
        }
        const bool is_ticket_key = key == contract::detail::kTicket;
        const bool is_result = key == contract::detail::kResult;
        if (!is_ticket_key && !is_result && key != contract::detail::kAccount) {
            return sd_bus_message_skip(message_, "v") >= 0;
        }
        const char* value = nullptr;
        if (sd_bus_message_read(message_, "v", "s", &value) <= 0) {
            return false;
        }
        if (is_ticket_key) {
            if (!is_ticket(value)) {
                return false;
            }
            step.ticket = Secret(value);
        } else if (is_result) {
            step.result = Secret(value);
        } else {
            step.account = sanitise(value);
        }
        return true;
    }

    /// Bytes, since nobody says that a password is UTF-8. PAM keeps it as a C string.
    bool password(Secret& into) {
        const void* bytes = nullptr;
        std::size_t size = 0;
        if (sd_bus_message_enter_container(message_, 'v', "ay") <= 0 ||
            sd_bus_message_read_array(message_, 'y', &bytes, &size) < 0 ||
            size > contract::kMaxAnswerBytes) {
            return false;
        }
        into = Secret(std::string_view(static_cast<const char*>(bytes), size));
        return into.view().find('\0') == std::string_view::npos &&
               sd_bus_message_exit_container(message_) >= 0;
    }

    sd_bus_message* message_;
};

} // namespace

CallError CallError::from_errno(int error) {
    if (error == ETIMEDOUT) {
        return {Kind::Timeout, error, {}, {}};
    }
    if (error == ECANCELED) {
        return {Kind::Interrupted, error, {}, {}};
    }
    return {error == ENOMEM || error == EINVAL ? Kind::Local : Kind::Disconnected, error, {}, {}};
}

const char* broken_rule(const Step& step) noexcept {
    const auto questions =
        std::count_if(step.messages.begin(), step.messages.end(),
                      [](const Message& message) { return contract::wants_answer(message.kind); });
    if (step.messages.size() > contract::kMaxMessages ||
        static_cast<std::size_t>(questions) > contract::kMaxAnswers) {
        return "too many messages in one step";
    }
    if (step.state != State::Ask && questions > 0) {
        return "verdict with a question";
    }
    return nullptr;
}

Result<Step> read_step(sd_bus_message* reply) {
    if (sd_bus_message_has_signature(reply, contract::kStepSignature) <= 0) {
        return CallError{CallError::Kind::OtherVersion, 0, {}, {}};
    }
    Step step;
    Reader reader(reply);
    if (!reader.number(step.serial) || !reader.verdict(step.state, step.reason) ||
        !reader.messages(step.messages) || !reader.details(step)) {
        return CallError::malformed();
    }
    return step;
}

Result<Step> read_end(sd_bus_message* signal) {
    Step step;
    Reader reader(signal);
    if (!reader.verdict(step.state, step.reason) || !reader.messages(step.messages) ||
        step.state == State::Ask || step.state == State::Granted) {
        return CallError::malformed();
    }
    return step;
}

Result<AccountReply> read_account(sd_bus_message* reply) {
    AccountReply account;
    Reader reader(reply);
    if (!reader.verdict(account.state, account.reason) || !reader.messages(account.messages)) {
        return CallError::malformed();
    }
    return account;
}

bool is_ticket(std::string_view text) noexcept {
    constexpr std::size_t kMaxTicketBytes = 256;
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return !text.empty() && text.size() <= kMaxTicketBytes &&
           std::all_of(text.begin(), text.end(), fits);
}

} // namespace raxauth::client
