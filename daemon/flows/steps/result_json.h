// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <concepts>
#include <memory>
#include <string_view>

namespace raxauth::flows {

/// JSON written straight into a Secret: the result of a request may hold codes and telephone
/// numbers, which a JSON tree would leave behind in freed memory. Calls come in the order of the
/// text; brackets and keys are the caller's to balance.
class ResultJson {
  public:
    ResultJson() { text_.reserve(1024); }

    ResultJson& open(char bracket);
    ResultJson& close(char bracket);
    ResultJson& key(std::string_view name);
    /// `value` is valid UTF-8: sanitised, or out of a JSON reply.
    ResultJson& string(std::string_view value);
    /// A number, or null.
    ResultJson& literal(std::string_view value);
    ResultJson& add(std::string_view name, std::string_view value) {
        return key(name).string(value);
    }
    /// Of bool alone: text in quotes would become one rather than a string_view.
    template <std::same_as<bool> Bool>
    ResultJson& add(std::string_view name, Bool value) {
        return key(name).literal(value ? "true" : "false");
    }

    std::shared_ptr<const Secret> take();
    /// `{}`: there is nothing to report.
    static std::shared_ptr<const Secret> empty_object();

  private:
    void separate();
    Secret text_;
    bool first_ = true; ///< no comma before the next element
};

} // namespace raxauth::flows
