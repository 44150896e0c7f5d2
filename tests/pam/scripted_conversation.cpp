// SPDX-License-Identifier: Apache-2.0
#include "scripted_conversation.h"

#include <cstdlib>
#include <cstring>

namespace raxauth::testing {

int ScriptedConversation::converse(int count, const pam_message** messages,
                                   pam_response** responses, void* appdata) {
    auto& self = *static_cast<ScriptedConversation*>(appdata);
    ++self.calls;
    if (self.during != nullptr) {
        self.during(self.what);
    }
    if (self.fail_from_call != 0 && self.calls >= self.fail_from_call) {
        return PAM_CONV_ERR;
    }
    auto* array = static_cast<pam_response*>(
        std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
    for (int i = 0; i < count; ++i) {
        self.shown.push_back({messages[i]->msg_style, messages[i]->msg});
        const bool asks = messages[i]->msg_style == PAM_PROMPT_ECHO_OFF ||
                          messages[i]->msg_style == PAM_PROMPT_ECHO_ON;
        if (!asks) {
            continue;
        }
        if (self.next_ == self.answers.size()) {
            std::free(array);
            return PAM_CONV_ERR;
        }
        if (self.gives_no_array) {
            continue;
        }
        const auto& answer = self.answers[self.next_++];
        array[i].resp = answer ? ::strdup(answer->c_str()) : nullptr;
    }
    if (self.gives_no_array) {
        std::free(array);
        return PAM_SUCCESS;
    }
    *responses = array;
    return PAM_SUCCESS;
}

std::vector<std::string> ScriptedConversation::lines() const {
    std::vector<std::string> result;
    for (const Shown& line : shown) {
        const char letter = line.style == PAM_PROMPT_ECHO_OFF  ? '?'
                            : line.style == PAM_PROMPT_ECHO_ON ? '!'
                            : line.style == PAM_TEXT_INFO      ? 'i'
                                                               : 'e';
        result.push_back(letter + line.text);
    }
    return result;
}

} // namespace raxauth::testing
