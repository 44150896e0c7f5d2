// SPDX-License-Identifier: Apache-2.0
// Asks Identity for its own address, without any credential, as the daemon's user would.
#include "cli/as_daemon.h"
#include "cli/doctor/finding.h"
#include "common/handle.h"
#include "common/text.h"
#include "daemon/settings/url.h"

#include <cstdlib>
#include <ctime>
#include <curl/curl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <strings.h>

namespace raxauth::cli::doctor {
namespace {

constexpr long kMaxClockError = 120; // seconds; certificates and time-based passcodes want less
constexpr std::size_t kMaxReplyBytes = 65536;

using Easy = CHandle<CURL, curl_easy_cleanup>;

struct Reply {
    std::string body;
    std::string date;
};

std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* userdata) noexcept {
    auto& body = static_cast<Reply*>(userdata)->body;
    if (body.size() + size * count > kMaxReplyBytes) {
        return 0;
    }
    body.append(bytes, size * count);
    return size * count;
}

std::size_t take_header(char* bytes, std::size_t size, std::size_t count, void* userdata) noexcept {
    constexpr std::string_view kDate = "date:";
    const std::string_view line(bytes, size * count);
    if (line.size() > kDate.size() && ::strncasecmp(line.data(), kDate.data(), kDate.size()) == 0) {
        static_cast<Reply*>(userdata)->date = trim(line.substr(kDate.size()));
    }
    return size * count;
}

void prepare(CURL* easy, const settings::IdentitySettings& identity, Reply& reply, char* error) {
    curl_easy_setopt(easy, CURLOPT_URL, identity.url.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    // The same as the daemon: https alone but for a loopback address, nothing of the environment.
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                     settings::is_loopback_url(identity.url) ? "http,https" : "https");
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(easy, CURLOPT_PROXY, identity.proxy.c_str());
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(identity.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(identity.request_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &reply);
    if (!identity.ca_file.empty()) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, identity.ca_file.c_str());
        curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    }
    if (!identity.pinned_public_key.empty()) {
        curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, identity.pinned_public_key.c_str());
    }
}

/// What came of it, as JSON: it crosses from the process with the daemon's rights.
std::string probe(const settings::IdentitySettings& identity) {
    const Easy easy(curl_easy_init());
    if (!easy) {
        return R"({"code": -1, "error": "out of memory"})";
    }
    Reply reply;
    char error[CURL_ERROR_SIZE] = "";
    prepare(easy.get(), identity, reply, error);
    const CURLcode code = curl_easy_perform(easy.get());
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    const nlohmann::json told{
        {"code", static_cast<int>(code)},
        {"error", sanitise(error[0] != '\0' ? error : curl_easy_strerror(code))},
        {"status", status},
        {"date", static_cast<std::int64_t>(
                     reply.date.empty() ? -1 : curl_getdate(reply.date.c_str(), nullptr))},
        {"now", static_cast<std::int64_t>(std::time(nullptr))},
        {"json", nlohmann::json::accept(reply.body)}};
    return told.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class IdentityExamination {
  public:
    IdentityExamination(const settings::IdentitySettings& identity, Findings& findings)
        : identity_(identity), findings_(findings) {}

    void judge(const nlohmann::json& told) {
        const int code = told.at("code");
        if (code == CURLE_OK) {
            judge_status(told.at("status"), told.at("json"));
            judge_clock(told.at("date"), told.at("now"));
        } else {
            judge_failure(code, told.at("error"));
        }
    }

  private:
    void add(std::string what, std::string why, std::string cure) {
        findings_.push_back({"identity", std::move(what), std::move(why), std::move(cure)});
    }

    std::string host() const {
        std::string rest = identity_.url.substr(identity_.url.find("//") + 2);
        return rest.substr(0, rest.find('/'));
    }

    void judge_failure(int code, const std::string& error) {
        if (code == CURLE_OPERATION_TIMEDOUT && error.starts_with("Resolving timed out")) {
            code = CURLE_COULDNT_RESOLVE_HOST;
        }
        constexpr const char* kNobody = "Nobody whom raxauth manages can sign in.";
        switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
            add(fmt::format("the name of {} cannot be looked up: {}",
                            code == CURLE_COULDNT_RESOLVE_HOST ? host() : "the proxy", error),
                kNobody,
                code == CURLE_COULDNT_RESOLVE_HOST
                    ? fmt::format("getent hosts {}; then the name servers in /etc/resolv.conf",
                                  host().substr(0, host().find(':')))
                    : "correct identity.proxy, or the name servers in /etc/resolv.conf");
            return;
        case CURLE_SSL_CACERT_BADFILE:
            add(fmt::format("the CA file cannot be used: {}", error), kNobody,
                identity_.ca_file.empty() ? "apt-get install --reinstall ca-certificates"
                                          : "correct identity.ca_file (a PEM file that user "
                                            "raxauth can read)");
            return;
        case CURLE_PEER_FAILED_VERIFICATION:
            add(fmt::format("the certificate of {} is not accepted: {}", host(), error),
                "raxauth sends no password to a server that cannot prove who it is.",
                identity_.ca_file.empty()
                    ? "name the CA that signed it (identity.ca_file), or correct identity.url; a "
                      "wrong clock (timedatectl) looks the same"
                    : fmt::format("put the CA that signed it into {} (identity.ca_file); a wrong "
                                  "clock (timedatectl) looks the same",
                                  identity_.ca_file));
            return;
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            add(fmt::format("{} has another key than identity.pinned_public_key says", host()),
                "The server's key has changed, or somebody stands in between.",
                "ask the operator of Identity, then correct identity.pinned_public_key");
            return;
        case CURLE_OPERATION_TIMEDOUT:
            add(fmt::format("Identity does not answer in time: {}", error), kNobody,
                fmt::format("check the network and the name servers: curl -v {}", identity_.url));
            return;
        default:
            add(fmt::format("Identity cannot be reached at {}: {}", identity_.url, error), kNobody,
                identity_.proxy.empty()
                    ? fmt::format("check the network (outbound port 443, or set identity.proxy): "
                                  "curl -v {}",
                                  identity_.url)
                    : "check identity.proxy, and that it lets this host through");
        }
    }

    void judge_status(long status, bool is_json) {
        if (status >= 500) {
            add(fmt::format("Identity answers with HTTP {}", status),
                "The service, or a proxy in front of it, is in trouble.",
                "try again in a minute; then ask the operator of Identity");
        } else if (status >= 300 && status < 400 && status != 300) {
            add(fmt::format("{} leads elsewhere (HTTP {})", identity_.url, status),
                "raxauth follows no redirection: a password goes to the configured address alone.",
                "set identity.url to the address that it leads to, if you trust it");
        } else if (status == 404 && !is_json) {
            add(fmt::format("{} is no address of Identity (HTTP 404)", identity_.url),
                "Sign-ins end with \"gave no usable answer\".",
                "correct identity.url; Rackspace's ends in /v2.0");
        }
    }

    void judge_clock(std::int64_t theirs, std::int64_t ours) {
        const std::int64_t off = ours - theirs;
        if (theirs < 0 || std::llabs(off) <= kMaxClockError) {
            return;
        }
        add(fmt::format("the clock of this host is {} s {}", std::llabs(off),
                        off > 0 ? "ahead of Identity's" : "behind Identity's"),
            "Certificates and tokens seem expired or not valid yet.",
            "timedatectl set-ntp true (or: systemctl restart systemd-timesyncd)");
    }

    const settings::IdentitySettings& identity_;
    Findings& findings_;
};

} // namespace

void examine_identity(const Surroundings& around, Findings& findings) {
    const auto settings = usable_settings(around);
    if (!settings) {
        return;
    }
    const auto ask = [&] { return probe(settings->identity); };
    const auto told = as_daemon_user(around.daemon_user, ask);
    IdentityExamination(settings->identity, findings)
        .judge(nlohmann::json::parse(told ? *told : ask()));
}

} // namespace raxauth::cli::doctor
