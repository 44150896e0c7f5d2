// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/prompter.h"
#include "common/unique_fd.h"

namespace raxauth::cli {

/// Asks on a terminal, secrets without echo. The terminal's settings are always restored: ^C and
/// other signals end the question (as "cancelled"), ^Z suspends with echo on and asks again
/// afterwards.
class TerminalPrompter final : public Prompter {
  public:
    explicit TerminalPrompter(UniqueFd terminal) : terminal_(std::move(terminal)) {}

    /// The controlling terminal, whatever standard input is. Empty: there is none.
    static UniqueFd open_controlling_terminal() noexcept;

    void show(contract::MessageKind kind, const std::string& text) override;
    std::optional<Secret> ask(contract::MessageKind kind, const std::string& text) override;

  private:
    UniqueFd terminal_;
};

} // namespace raxauth::cli
