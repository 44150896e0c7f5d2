// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/credentials_body.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace raxauth::identity {
namespace {

/// Bytes of the valid UTF-8 character at the front (RFC 3629), 0 if there is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    std::size_t length = 0;
    unsigned char least = 0x80; // of the second byte: no overlong form, no surrogate, not too large
    unsigned char most = 0xBF;
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        least = lead == 0xE0 ? 0xA0 : 0x80;
        most = lead == 0xED ? 0x9F : 0xBF;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        least = lead == 0xF0 ? 0x90 : 0x80;
        most = lead == 0xF4 ? 0x8F : 0xBF;
    } else {
        return 0;
    }
    if (text.size() < length || byte(1) < least || byte(1) > most) {
        return 0;
    }
    for (std::size_t i = 2; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool append_tenant(Secret& body, const Account& account) {
    if (!account.tenant_id.empty()) {
        body.append(R"(,"tenantId":)");
        return append_json_string(body, account.tenant_id);
    }
    if (!account.tenant_name.empty()) {
        body.append(R"(,"tenantName":)");
        return append_json_string(body, account.tenant_name);
    }
    return true;
}

/// One growth at most, as nothing should be left behind in buffers outgrown.
Secret body_for(const Account& account, const Secret& secret) {
    Secret body;
    body.reserve(160 + 6 * (account.name.size() + account.tenant_id.size() +
                            account.tenant_name.size() + secret.size()));
    return body;
}

std::optional<Secret> named_body(std::string_view opening, std::string_view secret_key,
                                 const Account& account, const Secret& secret) {
    Secret body = body_for(account, secret);
    body.append(opening);
    bool valid = append_json_string(body, account.name);
    body.append(secret_key);
    valid = append_json_string(body, secret.view()) && valid;
    body.append('}');
    valid = append_tenant(body, account) && valid;
    body.append("}}");
    return valid ? std::optional(std::move(body)) : std::nullopt;
}

} // namespace

bool append_json_string(Secret& body, std::string_view text) {
    constexpr std::array kHex{'0', '1', '2', '3', '4', '5', '6', '7',
                              '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
    body.append('"');
    while (!text.empty()) {
        const auto run = static_cast<std::size_t>(
            std::find_if_not(text.begin(), text.end(), plain) - text.begin());
        if (run > 0) {
            body.append(text.substr(0, run));
            text.remove_prefix(run);
            continue;
        }
        const std::size_t length = utf8_length(text);
        if (length == 0) {
            return false;
        }
        const auto c = static_cast<unsigned char>(text.front());
        if (c == '"' || c == '\\') {
            body.append('\\');
            body.append(text.front());
        } else if (c < 0x20 || c == 0x7F) {
            body.append("\\u00");
            body.append(kHex[c >> 4U]);
            body.append(kHex[c & 0x0FU]);
        } else {
            body.append(text.substr(0, length));
        }
        text.remove_prefix(length);
    }
    body.append('"');
    return true;
}

std::optional<Secret> password_body(const Account& account, const Secret& password,
                                    TokenScope scope) {
    const std::string_view opening =
        scope == TokenScope::SetupMfa
            ? R"({"auth":{"RAX-AUTH:scope":"SETUP-MFA","passwordCredentials":{"username":)"
            : R"({"auth":{"passwordCredentials":{"username":)";
    return named_body(opening, R"(,"password":)", account, password);
}

std::optional<Secret> api_key_body(const Account& account, const Secret& api_key) {
    return named_body(R"({"auth":{"RAX-KSKEY:apiKeyCredentials":{"username":)", R"(,"apiKey":)",
                      account, api_key);
}

std::optional<Secret> passcode_body(const Account& account, const Secret& passcode) {
    Secret body = body_for(account, passcode);
    body.append(R"({"auth":{"RAX-AUTH:passcodeCredentials":{"passcode":)");
    bool valid = append_json_string(body, passcode.view());
    body.append('}');
    valid = append_tenant(body, account) && valid;
    body.append("}}");
    return valid ? std::optional(std::move(body)) : std::nullopt;
}

std::optional<Secret> change_password_body(const Account& account, const Secret& present,
                                           const Secret& fresh) {
    Secret body;
    body.reserve(160 + 6 * (account.name.size() + present.size() + fresh.size()));
    body.append(R"({"RAX-AUTH:changePasswordCredentials":{"username":)");
    bool valid = append_json_string(body, account.name);
    body.append(R"(,"password":)");
    valid = append_json_string(body, present.view()) && valid;
    body.append(R"(,"newPassword":)");
    valid = append_json_string(body, fresh.view()) && valid;
    body.append("}}");
    return valid ? std::optional(std::move(body)) : std::nullopt;
}

std::optional<Secret> member_body(std::string_view object, std::string_view member,
                                  std::string_view text) {
    Secret body;
    body.reserve(16 + object.size() + member.size() + 6 * text.size());
    body.append(R"({")");
    body.append(object);
    body.append(R"(":{")");
    body.append(member);
    body.append(R"(":)");
    const bool valid = append_json_string(body, text);
    body.append("}}");
    return valid ? std::optional(std::move(body)) : std::nullopt;
}

} // namespace raxauth::identity
