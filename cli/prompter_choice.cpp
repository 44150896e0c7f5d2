// SPDX-License-Identifier: Apache-2.0
#include "cli/prompter_choice.h"

#include "cli/failure.h"
#include "cli/line_prompter.h"
#include "cli/terminal_prompter.h"
#include "cli/write_all.h"

#include <fmt/core.h>
#include <unistd.h>

namespace raxauth::cli {
namespace {

[[noreturn]] void throw_no_terminal(const std::string& command) {
    throw Failure(
        ExitStatus::Usage, "there is no terminal to ask on",
        fmt::format("Use \"ssh -t\", or give the answers line by line: {} --stdin", command));
}

/// For verbs that mostly have nothing to ask, in scripts.
class NobodyToAsk final : public Prompter {
  public:
    explicit NobodyToAsk(std::string command) : command_(std::move(command)) {}

    void show(contract::MessageKind /*kind*/, const std::string& text) override {
        static_cast<void>(write_all(STDERR_FILENO, text) && write_all(STDERR_FILENO, "\n"));
    }
    std::optional<Secret> ask(contract::MessageKind /*kind*/,
                              const std::string& /*text*/) override {
        throw_no_terminal(command_);
    }
    bool can_ask() const noexcept override { return false; }

  private:
    std::string command_;
};

} // namespace

std::unique_ptr<Prompter> choose_prompter(const PrompterWish& wish) {
    if (wish.from_stdin && ::isatty(STDIN_FILENO) == 0) {
        return std::make_unique<LinePrompter>(STDIN_FILENO);
    }
    // Scripts and cron take standard input away: nobody sits there who could answer.
    UniqueFd terminal =
        ::isatty(STDIN_FILENO) != 0 ? TerminalPrompter::open_controlling_terminal() : UniqueFd();
    if (terminal) {
        return std::make_unique<TerminalPrompter>(std::move(terminal));
    }
    if (wish.sure_to_ask) {
        throw_no_terminal(wish.command);
    }
    return std::make_unique<NobodyToAsk>(wish.command);
}

} // namespace raxauth::cli
