// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pam/message.h"

#include <vector>

#include <security/pam_modules.h>

namespace raxauth::pam {

/// The application's conversation function; nullptr if it has none.
const pam_conv* conversation_of(const pam_handle_t* pamh) noexcept;

/// The PAM application's conversation function, with its traps covered: response pointers start
/// NULL, a missing answer is a cancel (never "no answer needed"), and every answer is moved into a
/// Secret and its original wiped and freed, on every path.
class Conversation {
  public:
    /// `conv` may be null: then nothing can be asked. Borrowed; must outlive this.
    /// `silent` (PAM_SILENT): of a verdict only the errors are shown. sudo always says PAM_SILENT:
    /// people would go on typing what is right to a locked account, and would not know which
    /// factor is asked for.
    Conversation(const pam_conv* conv, bool silent) : conv_(conv), silent_(silent) {}

    bool is_interactive() const noexcept;

    /// Shows and asks in one call of the application, in order, since sshd makes one packet of it.
    /// Returns false if the person cancelled or the application failed; `answers` then is empty.
    /// Otherwise there is one answer for each message that wants one.
    bool exchange(const std::vector<Message>& messages, std::vector<Secret>& answers);
    /// What comes with a verdict, which stands whether or not its words could be shown.
    void show_verdict(const std::vector<Message>& messages);

  private:
    const pam_conv* conv_;
    bool silent_;
};

} // namespace raxauth::pam
