// SPDX-License-Identifier: Apache-2.0
#include "pam/conversation.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <security/pam_modules.h>

namespace raxauth::pam {
namespace {

int style_of(contract::MessageKind kind) noexcept {
    switch (kind) {
    case contract::MessageKind::Password:
    case contract::MessageKind::Secret:
        return PAM_PROMPT_ECHO_OFF;
    case contract::MessageKind::Text:
        return PAM_PROMPT_ECHO_ON;
    case contract::MessageKind::Info:
        return PAM_TEXT_INFO;
    case contract::MessageKind::Error:
        break;
    }
    return PAM_ERROR_MSG;
}

/// Owns the application's answers: one array, one string each, all from malloc(3).
class Responses {
  public:
    explicit Responses(std::size_t count) : count_(count) {}
    Responses(const Responses&) = delete;
    Responses& operator=(const Responses&) = delete;
    ~Responses() {
        for (std::size_t i = 0; responses_ != nullptr && i < count_; ++i) {
            char* const answer = responses_[i].resp;
            if (answer != nullptr) {
                wipe(answer, std::strlen(answer));
                std::free(answer); // NOLINT(cppcoreguidelines-owning-memory): pam_conv(3) says free
            }
        }
        std::free(responses_); // NOLINT(cppcoreguidelines-owning-memory): pam_conv(3) says free
    }

    pam_response** out() noexcept { return &responses_; }
    const char* answer(std::size_t i) const noexcept {
        return responses_ != nullptr ? responses_[i].resp : nullptr;
    }
    /// For a conversation that failed: whatever the pointer says then is not ours to free.
    void disown() noexcept { responses_ = nullptr; }

  private:
    std::size_t count_;
    pam_response* responses_ = nullptr;
};

} // namespace

const pam_conv* conversation_of(const pam_handle_t* pamh) noexcept {
    const void* conv = nullptr;
    if (pam_get_item(pamh, PAM_CONV, &conv) != PAM_SUCCESS) {
        return nullptr;
    }
    return static_cast<const pam_conv*>(conv);
}

bool Conversation::is_interactive() const noexcept {
    return conv_ != nullptr && conv_->conv != nullptr;
}

bool Conversation::exchange(const std::vector<Message>& messages, std::vector<Secret>& answers) {
    answers.clear();
    std::vector<pam_message> lines;
    for (const Message& message : messages) {
        lines.push_back({style_of(message.kind), message.text.c_str()});
    }
    if (lines.empty()) {
        return true;
    }
    if (!is_interactive()) {
        return false;
    }
    // An array of pointers into one array: both readings of pam_conv(3) find the messages.
    std::vector<const pam_message*> pointers;
    pointers.reserve(lines.size());
    for (const pam_message& line : lines) {
        pointers.push_back(&line);
    }

    Responses responses(lines.size());
    const int code = conv_->conv(static_cast<int>(lines.size()), pointers.data(), responses.out(),
                                 conv_->appdata_ptr);
    if (code != PAM_SUCCESS) {
        responses.disown();
        return false;
    }
    std::vector<Secret> given;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const bool is_question =
            lines[i].msg_style == PAM_PROMPT_ECHO_OFF || lines[i].msg_style == PAM_PROMPT_ECHO_ON;
        if (!is_question) {
            continue;
        }
        if (responses.answer(i) == nullptr) {
            return false;
        }
        given.emplace_back(std::string_view(responses.answer(i)));
    }
    answers = std::move(given);
    return true;
}

void Conversation::show_verdict(const std::vector<Message>& messages) {
    std::vector<Message> seen;
    for (const Message& message : messages) {
        if (!silent_ || message.kind == contract::MessageKind::Error) {
            seen.push_back(message);
        }
    }
    std::vector<Secret> none;
    static_cast<void>(exchange(seen, none));
}

} // namespace raxauth::pam
