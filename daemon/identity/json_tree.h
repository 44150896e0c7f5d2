// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace raxauth::identity {

/// A reply that is not of the expected form. The text is raxauth's own, or sanitised; no secret.
struct ReplyFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// One value of a parsed reply. All texts are wiped when it goes: any of them may be a token, a
/// support PIN or somebody's address.
class JsonNode {
  public:
    enum class Kind { Null, Bool, Number, Text, Array, Object };
    struct Member;

    Kind kind = Kind::Null;
    Secret text;                 ///< of a Text; of a Number and Bool as written
    std::vector<Member> members; ///< of an Object; of an Array with empty names

    bool is_text() const noexcept { return kind == Kind::Text; }
    bool is_array() const noexcept { return kind == Kind::Array; }
    bool is_object() const noexcept { return kind == Kind::Object; }

    /// The member of that name, letter case aside (servers mix `RAX-AUTH:` and `rax-auth:`); null
    /// when there is none or this is no object. Errors: ReplyFault when there are several: two
    /// readers could decide on different ones.
    const JsonNode* find(std::string_view name) const;
    /// The member's text, or its number as written, for what is opaque to us; "" when there is
    /// none or null. Errors: ReplyFault when it is anything else, or there several times; also when
    /// a NUL or another control character is in it, which a message on the bus, a header or an
    /// argument could not carry.
    std::string_view scalar(std::string_view name) const;
    /// The value of a text or number, whatever is in it; "" otherwise.
    std::string_view scalar() const noexcept;
    /// The member's text made fit for a prompt or the journal, where it is only ever shown.
    std::string shown(std::string_view name, std::size_t max_bytes) const;

  private:
    const JsonNode* text_member(std::string_view name) const;
};

struct JsonNode::Member {
    std::string name;
    JsonNode value;
};

/// Parses a whole reply. The service catalogue is read and left out.
/// Errors: ReplyFault: not JSON, nested more than 32 deep, or more than 20,000 values.
JsonNode parse_json(std::string_view text);

} // namespace raxauth::identity
