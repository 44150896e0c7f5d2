// SPDX-License-Identifier: Apache-2.0
#include "daemon/conversation/announcement.h"

#include <string_view>
#include <utility>

namespace raxauth::conversation {
namespace {

using contract::MessageKind;

std::string_view words_of(const Message& message) {
    return message.secret_text ? message.secret_text->view() : std::string_view(message.text);
}

Message with_words(const Message& like, MessageKind kind, std::string_view words) {
    Message message{kind, {}};
    if (like.secret_text) {
        message.secret_text = std::make_shared<const Secret>(words);
    } else {
        message.text = words;
    }
    return message;
}

} // namespace

std::vector<Message> announced(std::vector<Message> messages) {
    std::vector<Message> result;
    for (Message& message : messages) {
        if (!contract::wants_answer(message.kind) || message.kind == MessageKind::Password) {
            result.push_back(std::move(message));
            continue;
        }
        const std::string_view words = words_of(message);
        const std::size_t end = words.rfind('\n');
        const bool has_lines_above = end != std::string_view::npos;
        const bool is_introduced = !result.empty() && !contract::wants_answer(result.back().kind);
        if (has_lines_above || !is_introduced) {
            result.push_back(with_words(message, MessageKind::Info, words.substr(0, end)));
        }
        result.push_back(
            with_words(message, message.kind, has_lines_above ? words.substr(end + 1) : words));
    }
    return result;
}

} // namespace raxauth::conversation
