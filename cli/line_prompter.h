// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/prompter.h"

namespace raxauth::cli {

/// Answers come line by line from a descriptor that is no terminal; what is asked is written to
/// standard error, so that a transcript shows it.
class LinePrompter final : public Prompter {
  public:
    /// `fd` is borrowed. Nothing beyond the lines asked for is read from it.
    explicit LinePrompter(int fd) : fd_(fd) {}

    void show(contract::MessageKind kind, const std::string& text) override;
    std::optional<Secret> ask(contract::MessageKind kind, const std::string& text) override;

  private:
    int fd_;
};

} // namespace raxauth::cli
