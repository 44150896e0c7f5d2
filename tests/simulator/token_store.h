// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/clock.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace raxauth::simulator {

/// What a token is good for. A session id of the two-step sign-in is a token too.
enum class Scope { none, setup_mfa, mfa_session };

std::string_view to_text(Scope scope);

struct Token {
    std::string id;
    std::string user_id;
    std::string user_name;
    Scope scope = Scope::none;
    std::string tenant_id;
    std::vector<std::string> authenticated_by;
    Time issued{};
    Time expires{};
    bool revoked = false;
};

/// Every token ever issued, so that a test can tell whether one was lost. Revoked and expired ones
/// stay.
class TokenStore {
  public:
    Token& add(Token token);
    /// Null if no such token was ever issued. References stay good.
    Token* find(std::string_view id);
    bool is_live(const Token& token, Time now) const {
        return !token.revoked && now < token.expires;
    }
    /// Revokes what `chosen` says yes to; returns how many were live until then.
    std::int64_t revoke_if(Time now, const std::function<bool(const Token&)>& chosen);
    void for_each(const std::function<void(Token&)>& visit);

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    std::unordered_map<std::string, Token, Hash, std::equal_to<>> tokens_;
};

} // namespace raxauth::simulator
