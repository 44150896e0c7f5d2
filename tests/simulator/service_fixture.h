// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/identity.h"
#include "tests/simulator/one_time_code.h"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace raxauth::simulator {

class ManualClock final : public Clock {
  public:
    Time now() const override { return now_; }
    void advance(std::chrono::milliseconds by) { now_ += by; }

  private:
    Time now_{std::chrono::milliseconds{1'700'000'000'000}};
};

/// The service with a few users and no HTTP, and the requests a client makes of it.
struct Service {
    static constexpr const char* kSecret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

    ManualClock clock;
    Identity identity{clock, Directory::from_json(users())};

    static nlohmann::json users() {
        return nlohmann::json::parse(R"({
          "domains": {"10": {}, "20": {"enforcement": "REQUIRED"}, "30": {"enabled": false}},
          "users": [
            {"name": "alice", "id": "a1", "password": "Right1", "api_key": "key", "mfa": "sms",
             "phone": "+1 512-555-0100", "domain_id": "10", "tenant_id": "10",
             "roles": [{"id": "3", "name": "identity:user-admin"},
                       {"id": "8", "name": "rcn", "tenantId": "77", "rcn": true}]},
            {"name": "bob", "id": "b1", "password": "Right1", "mfa": "otp",
             "otp_secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "bypass_codes": ["12345678"],
             "domain_id": "10", "tenant_id": "10"},
            {"name": "erin", "id": "e1", "password": "Right1", "domain_id": "10", "tenant_id": "10"},
            {"name": "heidi", "id": "h1", "password": "Right1", "api_key": "key", "domain_id": "20"},
            {"name": "judy", "id": "j1", "password": "Right1", "domain_id": "30"},
            {"name": "ray", "id": "r1", "password": "Right1", "racker": true},
            {"name": "root", "id": "0", "password": "Right1", "domain_id": "1",
             "roles": ["identity:admin"]}
          ]})");
    }

    struct Got {
        int status;
        nlohmann::json body;
        std::vector<std::pair<std::string, std::string>> headers;
        Trace trace;
        Reply reply;

        std::string header(const std::string& name) const {
            for (const auto& [each, value] : headers) {
                if (each == name) {
                    return value;
                }
            }
            return {};
        }
        std::string fault() const { return body.empty() ? "" : body.begin().key(); }
        std::string message() const {
            return body.empty() ? "" : body.begin().value().value("message", "");
        }
        std::string token() const { return body["access"]["token"]["id"].get<std::string>(); }
        std::vector<std::string> proofs() const {
            auto all =
                body["access"]["token"]["RAX-AUTH:authenticatedBy"].get<std::vector<std::string>>();
            std::sort(all.begin(), all.end());
            return all;
        }
        /// The session id of the challenge; empty without one.
        std::string session() const {
            const std::string value = header("WWW-Authenticate");
            const std::size_t start = value.find("sessionId='");
            return start == std::string::npos
                       ? ""
                       : value.substr(start + 11, value.find('\'', start + 11) - start - 11);
        }
    };

    Got send(const std::string& method, const std::string& path, const std::string& body = {},
             std::vector<std::pair<std::string, std::string>> headers = {},
             std::vector<std::pair<std::string, std::string>> query = {}) {
        if (!body.empty()) {
            headers.emplace_back("content-type", "application/json");
        }
        const Request request{method, path, std::move(query), std::move(headers), body};
        Identity::Answer answer = identity.answer(request);
        return {answer.reply.status, nlohmann::json::parse(answer.reply.body, nullptr, false),
                answer.reply.headers, answer.trace, answer.reply};
    }

    Got password(const std::string& user, const std::string& password,
                 const std::string& beside = {}) {
        return send("POST", "/v2.0/tokens",
                    R"({"auth":{"passwordCredentials":{"username":")" + user + R"(","password":")" +
                        password + "\"}" + beside + "}}");
    }
    Got passcode(const std::string& session, const std::string& code,
                 const std::string& beside = {}) {
        return send("POST", "/v2.0/tokens",
                    R"({"auth":{"RAX-AUTH:passcodeCredentials":{"passcode":")" + code + "\"}" +
                        beside + "}}",
                    {{"x-sessionid", session}});
    }
    Got with_token(const std::string& method, const std::string& path, const std::string& token,
                   const std::string& body = {},
                   std::vector<std::pair<std::string, std::string>> query = {}) {
        return send(method, path, body, {{"x-auth-token", token}}, std::move(query));
    }

    std::string last_sms() {
        return identity.with_state([](State& state) {
            return state.outbox.messages().empty() ? "" : state.outbox.messages().back().text;
        });
    }
    /// The login passcode in the last text message.
    std::string sms_code() {
        const std::string text = last_sms();
        return text.substr(text.rfind(' ') + 1);
    }
    std::string otp_code() { return totp(kSecret, clock.now()); }
    void set(const std::string& switches) {
        identity.with_state(
            [&](State& state) { state.switches.merge(nlohmann::json::parse(switches)); });
    }
    void change(const std::string& user, const std::string& patch) {
        identity.with_state(
            [&](State& state) { state.directory.put(user, nlohmann::json::parse(patch)); });
    }
    std::string token_of_alice() {
        const std::string session = password("alice", "Right1").session();
        return passcode(session, sms_code()).token();
    }
    std::string token_of(const std::string& user) { return password(user, "Right1").token(); }
};

} // namespace raxauth::simulator
