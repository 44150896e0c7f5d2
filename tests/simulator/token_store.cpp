// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/token_store.h"

namespace raxauth::simulator {

std::string_view to_text(Scope scope) {
    switch (scope) {
    case Scope::none:
        return "none";
    case Scope::setup_mfa:
        return "SETUP-MFA";
    case Scope::mfa_session:
        return "MFA-SESSION-ID";
    }
    return "";
}

Token& TokenStore::add(Token token) {
    std::string id = token.id;
    return tokens_.insert_or_assign(std::move(id), std::move(token)).first->second;
}

Token* TokenStore::find(std::string_view id) {
    const auto found = tokens_.find(id);
    return found == tokens_.end() ? nullptr : &found->second;
}

std::int64_t TokenStore::revoke_if(Time now, const std::function<bool(const Token&)>& chosen) {
    std::int64_t count = 0;
    for (auto& [id, token] : tokens_) {
        if (is_live(token, now) && chosen(token)) {
            token.revoked = true;
            ++count;
        }
    }
    return count;
}

void TokenStore::for_each(const std::function<void(Token&)>& visit) {
    for (auto& [id, token] : tokens_) {
        visit(token);
    }
}

} // namespace raxauth::simulator
