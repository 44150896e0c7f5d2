// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <cstddef>
#include <optional>
#include <string_view>

namespace raxauth::identity {

/// Appends `text` as a JSON string with its quotes (RFC 8259); false, with an incomplete string
/// left behind, when it is no valid UTF-8.
bool append_json_string(Secret& body, std::string_view text);

/// Writes one JSON object straight into a Secret: no tree, no std::string in between.
///
/// JSON cannot carry bytes that are no UTF-8, and no provider can have stored them. So no guess is
/// made at what encoding was meant (a wrong guess would count as a failed attempt): take() answers
/// nullopt, and the caller treats such a credential as wrong.
class JsonWriter {
  public:
    /// `text_bytes`: of all values together; the body then grows at most once.
    explicit JsonWriter(std::size_t text_bytes = 0);

    /// An object inside this one, until close().
    JsonWriter& open(std::string_view name);
    JsonWriter& close();
    JsonWriter& text(std::string_view name, std::string_view value);
    JsonWriter& flag(std::string_view name, bool value);
    /// Closes what is open.
    std::optional<Secret> take();

  private:
    void begin_member(std::string_view name);

    Secret body_;
    std::size_t depth_ = 1;
    bool first_ = true;
    bool valid_ = true;
};

} // namespace raxauth::identity
