// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/credentials_body.h"

namespace raxauth::identity::rackspace {
namespace {

JsonWriter body_for(const Account& account, const Secret& secret) {
    return JsonWriter(account.name.size() + account.tenant_id.size() + account.tenant_name.size() +
                      secret.size());
}

void add_tenant(JsonWriter& body, const Account& account) {
    if (!account.tenant_id.empty()) {
        body.text("tenantId", account.tenant_id);
    } else if (!account.tenant_name.empty()) {
        body.text("tenantName", account.tenant_name);
    }
}

} // namespace

std::optional<Secret> password_body(const Account& account, const Secret& password,
                                    TokenScope scope) {
    JsonWriter body = body_for(account, password);
    body.open("auth");
    if (scope == TokenScope::SetupMfa) {
        body.text("RAX-AUTH:scope", "SETUP-MFA");
    }
    body.open("passwordCredentials")
        .text("username", account.name)
        .text("password", password.view())
        .close();
    add_tenant(body, account);
    return body.take();
}

std::optional<Secret> api_key_body(const Account& account, const Secret& api_key) {
    JsonWriter body = body_for(account, api_key);
    body.open("auth")
        .open("RAX-KSKEY:apiKeyCredentials")
        .text("username", account.name)
        .text("apiKey", api_key.view())
        .close();
    add_tenant(body, account);
    return body.take();
}

std::optional<Secret> passcode_body(const Account& account, const Secret& passcode) {
    JsonWriter body = body_for(account, passcode);
    body.open("auth")
        .open("RAX-AUTH:passcodeCredentials")
        .text("passcode", passcode.view())
        .close();
    add_tenant(body, account);
    return body.take();
}

std::optional<Secret> change_password_body(const Account& account, const Secret& present,
                                           const Secret& fresh) {
    return JsonWriter(account.name.size() + present.size() + fresh.size())
        .open("RAX-AUTH:changePasswordCredentials")
        .text("username", account.name)
        .text("password", present.view())
        .text("newPassword", fresh.view())
        .take();
}

std::optional<Secret> member_body(std::string_view object, std::string_view member,
                                  std::string_view text) {
    return JsonWriter(text.size()).open(object).text(member, text).take();
}

} // namespace raxauth::identity::rackspace
