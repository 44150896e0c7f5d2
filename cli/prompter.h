// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bus_contract.h"
#include "common/secret.h"

#include <optional>
#include <string>

namespace raxauth::cli {

/// Where questions of the daemon are put and answered.
class Prompter {
  public:
    Prompter() = default;
    Prompter(const Prompter&) = delete;
    Prompter& operator=(const Prompter&) = delete;
    virtual ~Prompter() = default;

    /// Shows an Info or Error message. `text` is clean already.
    virtual void show(contract::MessageKind kind, const std::string& text) = 0;
    /// One answer. Nothing: the person cancelled, or there is no further input.
    virtual std::optional<Secret> ask(contract::MessageKind kind, const std::string& text) = 0;
    virtual bool can_ask() const noexcept { return true; }
};

} // namespace raxauth::cli
