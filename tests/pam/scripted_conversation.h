// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <security/pam_appl.h>
#include <string>
#include <vector>

namespace raxauth::testing {

struct Shown {
    int style = 0;
    std::string text;
};

/// A PAM application's conversation function that answers from a list and remembers what it showed.
class ScriptedConversation {
  public:
    /// What each question gets, in order; nullopt is a NULL answer. A question too many fails.
    std::vector<std::optional<std::string>> answers;
    std::vector<Shown> shown;
    int calls = 0;
    /// From this call on (counted from 1) it fails; 0: never.
    int fail_from_call = 0;
    /// Returns success but no array of responses.
    bool gives_no_array = false;
    /// Runs within each call, before it answers.
    void (*during)(void* what) = nullptr;
    void* what = nullptr;

    const pam_conv* conv() noexcept { return &conv_; }
    /// The texts, each with its style's letter in front: `?` hidden, `!` shown while typed, `i`,
    /// `e`.
    std::vector<std::string> lines() const;

  private:
    static int converse(int count, const pam_message** messages, pam_response** responses,
                        void* self);
    pam_conv conv_{converse, this};
    std::size_t next_ = 0;
};

} // namespace raxauth::testing
