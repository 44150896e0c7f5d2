// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/handle.h"

#include <curl/curl.h>
#include <string>
#include <string_view>
#include <utility>

namespace raxauth::bench {

/// One kept libcurl handle that sends the two requests of a sign-in as the daemon does, and reads
/// nothing of the replies but the session id of a challenge.
class TokenRequests {
  public:
    /// `owner` is the handle's CURLOPT_PRIVATE.
    TokenRequests(const std::string& identity_url, const std::string& ca_file, void* owner)
        : easy_(curl_easy_init()), url_(identity_url + "/tokens?include_endpoints=false") {
        CURL* const e = easy_.get();
        curl_easy_setopt(e, CURLOPT_URL, url_.c_str());
        curl_easy_setopt(e, CURLOPT_CAINFO, ca_file.c_str());
        curl_easy_setopt(e, CURLOPT_CAPATH, nullptr);
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        curl_easy_setopt(e, CURLOPT_USERAGENT, "raxauth-bench");
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop);
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, read_header);
        curl_easy_setopt(e, CURLOPT_HEADERDATA, &session_);
        curl_easy_setopt(e, CURLOPT_PRIVATE, owner);
    }
    TokenRequests(const TokenRequests&) = delete;
    TokenRequests& operator=(const TokenRequests&) = delete;

    CURL* handle() const { return easy_.get(); }

    void prepare_first(std::string_view user, std::string_view password) {
        body_ = R"({"auth":{"passwordCredentials":{"username":")";
        body_ += user;
        body_ += R"(","password":")";
        body_ += password;
        prepare("");
    }
    /// With the session id of the challenge that answered the first.
    void prepare_second(std::string_view passcode) {
        body_ = R"({"auth":{"RAX-AUTH:passcodeCredentials":{"passcode":")";
        body_ += passcode;
        prepare("X-SessionId: " + session_);
    }

  private:
    using HeaderList = CHandle<curl_slist, curl_slist_free_all>;

    static std::size_t drop(char* /*data*/, std::size_t size, std::size_t count,
                            void* /*userdata*/) {
        return size * count;
    }
    static std::size_t read_header(char* data, std::size_t size, std::size_t count,
                                   void* userdata) {
        const std::string_view line(data, size * count);
        constexpr std::string_view kKey = "sessionId='";
        const std::size_t at = line.find(kKey);
        if (at != std::string_view::npos) {
            const std::string_view rest = line.substr(at + kKey.size());
            *static_cast<std::string*>(userdata) = rest.substr(0, rest.find('\''));
        }
        return size * count;
    }

    void prepare(const std::string& session_header) {
        body_ += R"("}}})";
        HeaderList headers;
        const auto add = [&headers](const char* line) {
            headers.reset(curl_slist_append(headers.release(), line));
        };
        add("Content-Type: application/json");
        add("Accept: application/json");
        add("Expect:");
        if (!session_header.empty()) {
            add(session_header.c_str());
        }
        curl_easy_setopt(handle(), CURLOPT_HTTPHEADER, headers.get());
        curl_easy_setopt(handle(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body_.size()));
        curl_easy_setopt(handle(), CURLOPT_POSTFIELDS, body_.c_str());
        headers_ = std::move(headers);
    }

    CHandle<CURL, curl_easy_cleanup> easy_;
    HeaderList headers_;
    std::string url_;
    std::string body_;
    std::string session_;
};

} // namespace raxauth::bench
