// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "private_bus.h"
#include "scripted_conversation.h"

#include <security/pam_appl.h>
#include <string>

namespace raxauth::testing {

/// A PAM transaction with a stack of its own, through the real libpam.
class PamApplication {
  public:
    /// `stack`: lines of pam.conf(5), with "MODULE" for the module that finds `bus`.
    PamApplication(const std::string& stack, const char* user, const char* bus = "");
    PamApplication(const PamApplication&) = delete;
    PamApplication& operator=(const PamApplication&) = delete;
    ~PamApplication() { end(); }

    pam_handle_t* handle() noexcept { return pamh_; }
    void end();
    /// What the daemon wrote down for the account phase; there is nothing at first.
    void write_account_rules(const std::string& text);
    /// Where the stack is written down.
    std::string directory() const { return directory_.path(""); }

    ScriptedConversation conversation;

  private:
    TemporaryDirectory directory_;
    pam_handle_t* pamh_ = nullptr;
};

} // namespace raxauth::testing
