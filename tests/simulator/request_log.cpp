// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/request_log.h"

#include "tests/simulator/random_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace raxauth::simulator {

namespace {

using nlohmann::ordered_json;

/// The path with a token in it replaced by the token's fingerprint.
std::string public_path(const std::string& path) {
    constexpr std::string_view kTokens = "/tokens/";
    const std::size_t at = path.find(kTokens);
    if (at == std::string::npos) {
        return path;
    }
    const std::size_t start = at + kTokens.size();
    const std::size_t end = std::min(path.find('/', start), path.size());
    return path.substr(0, start) + "#" + fingerprint(path.substr(start, end - start)) +
           path.substr(end);
}

ordered_json or_null(const std::string& text) {
    return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

} // namespace

RequestLog::RequestLog(const std::string& path) : file_(path, std::ios::app) {
    if (!file_) {
        throw std::runtime_error("cannot write " + path);
    }
}

void RequestLog::write(Time now, const Request& request, const Peer& peer, const Trace& trace,
                       int status) {
    std::set<std::string> names;
    for (const auto& [name, value] : request.headers) {
        names.insert(name);
    }
    ordered_json query = ordered_json::object();
    for (const auto& [name, value] : request.query) {
        query[name] = value;
    }
    ordered_json line{{"time", iso8601(now)},
                      {"seq", 0},
                      {"connection", peer.connection},
                      {"request_of_connection", peer.request_of_connection},
                      {"address", or_null(peer.address)},
                      {"tls", or_null(peer.tls_version)},
                      {"tls_resumed", peer.tls_resumed},
                      {"sni", or_null(peer.server_name)},
                      {"method", request.method},
                      {"path", public_path(request.path)},
                      {"query", std::move(query)},
                      {"headers", names},
                      {"expect", request.header("expect").has_value()},
                      {"accept", or_null(request.header("accept").value_or(""))},
                      {"content_type", or_null(request.header("content-type").value_or(""))},
                      {"user_agent", or_null(request.header("user-agent").value_or(""))},
                      {"body_bytes", request.body.size()},
                      {"step", trace.step},
                      {"user", or_null(trace.user)},
                      {"tenant", or_null(trace.tenant)},
                      {"domain", or_null(trace.domain)},
                      {"session", or_null(trace.session)},
                      {"token", or_null(trace.token)},
                      {"issued", or_null(trace.issued)},
                      {"status", status},
                      {"outcome", trace.outcome},
                      {"fault", or_null(trace.fault)},
                      {"sms", trace.sms_sent}};
    const std::scoped_lock lock(mutex_);
    line["seq"] = ++sequence_;
    file_ << line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n" << std::flush;
}

} // namespace raxauth::simulator
