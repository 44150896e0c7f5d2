// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/settings/settings.h"

#include <curl/curl.h>
#include <stdexcept>
#include <string>

namespace raxauth::identity {

/// A setting that did not take could mean a proxy from the environment, or no verification.
/// Errors: std::runtime_error.
template <class Value>
void set_option(CURL* easy, CURLoption option, Value value) {
    const CURLcode result = curl_easy_setopt(easy, option, value);
    if (result != CURLE_OK) {
        throw std::runtime_error(curl_easy_strerror(result));
    }
}

/// The bundle to verify with where none is configured: libcurl's own. May be empty.
std::string system_ca_bundle();

/// What holds for every request alike: protocol, TLS, proxy, nothing from the environment, no
/// redirects, no cookies. `ca_bundle` may be empty: libcurl's defaults.
void set_common_options(CURL* easy, const settings::IdentitySettings& settings,
                        const std::string& ca_bundle);

} // namespace raxauth::identity
