// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/http/request_options.h"

#include "daemon/settings/url.h"

namespace raxauth::identity {
namespace {

/// What curl reads and writes at a time: a request or reply fits, and every buffer is wiped when it
/// is freed. The lesser is the least that curl takes for sending.
constexpr long kReadBuffer = 4 * 1024;
constexpr long kSendBuffer = 16 * 1024;

void set_tls_options(CURL* easy, const settings::IdentitySettings& settings,
                     const std::string& ca_bundle) {
    set_option(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set_option(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set_option(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!ca_bundle.empty()) {
        set_option(easy, CURLOPT_CAINFO, ca_bundle.c_str());
        // The parsed bundle is kept only where no directory is searched besides.
        set_option(easy, CURLOPT_CAPATH, nullptr);
    }
    if (!settings.pinned_public_key.empty()) {
        set_option(easy, CURLOPT_PINNEDPUBLICKEY, settings.pinned_public_key.c_str());
    }
}

} // namespace

std::string system_ca_bundle() {
    const auto* version = curl_version_info(CURLVERSION_NOW);
    return version->cainfo != nullptr ? version->cainfo : "";
}

void set_common_options(CURL* easy, const settings::IdentitySettings& settings,
                        const std::string& ca_bundle) {
    set_option(easy, CURLOPT_PROTOCOLS_STR,
               settings::is_loopback_url(settings.url) ? "http,https" : "https");
    set_option(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set_option(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set_option(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set_option(easy, CURLOPT_NOSIGNAL, 1L);
    // Otherwise a name server that does not answer would hold the loop when a transfer ends.
    set_option(easy, CURLOPT_QUICK_EXIT, 1L);
    set_option(easy, CURLOPT_USERAGENT, "raxauth");
    // Set even when empty: an unset proxy would be taken from the environment.
    set_option(easy, CURLOPT_PROXY, settings.proxy.c_str());
    set_option(easy, CURLOPT_NOPROXY, "");
    set_option(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set_tls_options(easy, settings, ca_bundle);
    set_option(easy, CURLOPT_BUFFERSIZE, kReadBuffer);
    set_option(easy, CURLOPT_UPLOAD_BUFFERSIZE, kSendBuffer);
    set_option(easy, CURLOPT_TCP_NODELAY, 1L);
    set_option(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    set_option(easy, CURLOPT_TCP_KEEPIDLE, 30L);
}

} // namespace raxauth::identity
