// SPDX-License-Identifier: Apache-2.0
// Any text as configuration: no crash, and what is accepted keeps the promises that the rest of
// the daemon builds on.
#include "daemon/policy/account_map.h"
#include "daemon/settings/settings_file.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

using namespace raxauth::settings;

namespace {

void require(bool promise) {
    if (!promise) {
        std::abort();
    }
}

bool starts_with(const std::string& text, std::string_view start) {
    return std::string_view(text).substr(0, start.size()) == start;
}

void check(const Settings& settings) {
    const std::string& url = settings.identity.url;
    require(starts_with(url, "https://") || starts_with(url, "http://127.") ||
            starts_with(url, "http://[") || starts_with(url, "http://localhost"));
    require(url.back() != '/' && url.find_first_of("@?# \t\r\n") == std::string::npos);
    require(settings.identity.proxy.find('@') == std::string::npos);
    require(settings.identity.connect_timeout < settings.identity.request_timeout);
    require(settings.identity.request_timeout < settings.sign_in.deadline);
    require(settings.accounts.tenant_id.empty() || settings.accounts.tenant_name.empty());
    require(settings.sign_in.credential == CredentialRule::Password ||
            !settings.access.require_mfa);
    require(settings.limits.wrong_passcodes >= 1 && settings.limits.challenges >= 1);
    for (const char* service : {"sshd", "login", "su"}) {
        require(settings.for_service(service).reuse == Reuse::None);
    }
    require(raxauth::policy::account_for(settings.accounts, "alice").has_value());
}

void check(const SettingsFaults& faults) {
    require(!faults.empty());
    for (const SettingsFault& fault : faults) {
        require(!fault.found.empty() && !fault.wanted.empty());
        for (const char c : fault.text()) { // one line for a terminal
            require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto outcome =
        parse_settings({reinterpret_cast<const char*>(data), size}, "raxauth.toml");
    std::visit([](const auto& result) { check(result); }, outcome);
    return 0;
}
