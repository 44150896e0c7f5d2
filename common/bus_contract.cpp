// SPDX-License-Identifier: Apache-2.0
#include "common/bus_contract.h"

namespace raxauth::contract {
namespace {

struct KindWord {
    MessageKind kind;
    std::string_view word;
};

constexpr KindWord kKinds[] = {
    {MessageKind::Password, "password"}, {MessageKind::Secret, "secret"},
    {MessageKind::Text, "text"},         {MessageKind::Info, "info"},
    {MessageKind::Error, "error"},
};

} // namespace

std::string_view word(MessageKind kind) noexcept {
    for (const auto& row : kKinds) {
        if (row.kind == kind) {
            return row.word;
        }
    }
    return "error";
}

std::optional<MessageKind> message_kind_from_word(std::string_view text) noexcept {
    for (const auto& row : kKinds) {
        if (row.word == text) {
            return row.kind;
        }
    }
    return std::nullopt;
}

} // namespace raxauth::contract
