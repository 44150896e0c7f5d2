// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/secret.h"
#include "daemon/identity/http/http_reply.h"
#include "daemon/identity/identity.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/task.h"
#include "daemon/settings/settings.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace raxauth::identity {

enum class HttpMethod { Get, Post, Put, Delete };

struct HttpHeader {
    std::string name;
    Secret value; ///< visible ASCII and blanks: it goes on the wire as it is
};

struct HttpRequest {
    HttpMethod method = HttpMethod::Get;
    Secret url; ///< a secret since it may hold a token
    std::vector<HttpHeader> headers;
    Secret body; ///< for Post and Put
    /// Goes on the wire at most once, whatever happens: the request sends an SMS, consumes a
    /// passcode or counts as an attempt. Without it a request that was lost on a kept connection
    /// the server had just closed is sent again on a new one.
    bool at_most_once = false;
};

class HttpTransport;

/// A request under way. Dropping it cancels: its callback will not be called any more.
class HttpTransfer {
  public:
    HttpTransfer() = default;
    HttpTransfer(HttpTransfer&&) noexcept = default;
    HttpTransfer& operator=(HttpTransfer&& other) noexcept;
    HttpTransfer(const HttpTransfer&) = delete;
    HttpTransfer& operator=(const HttpTransfer&) = delete;
    ~HttpTransfer();

    /// May the server have seen the request? Once true it stays true.
    bool maybe_sent() const noexcept;

  private:
    friend class HttpTransport;
    struct State;
    explicit HttpTransfer(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

struct TransportLimits {
    /// Connections, and so requests, at a time. 100 logins in flight at 40 ms need 100; beyond a
    /// few hundred, connections cost more than they bring. See docs/performance.md.
    unsigned connections = 128;
    /// Requests that wait for a connection; beyond that a new one fails at once.
    std::size_t waiting = 4096;
    std::size_t body_bytes = 1024 * 1024; ///< a reply with its catalogue takes some 50 KiB
    std::size_t header_bytes = 64 * 1024;
    std::size_t header_lines = 128;
    /// A kept connection idle for longer is not used again. Below the usual 60 to 75 s after which
    /// servers close.
    std::chrono::seconds idle_connection{55};
    /// For finding a host's addresses, before connect_timeout begins: two dead name servers and one
    /// that answers.
    std::chrono::milliseconds name_lookup{12'000};
    /// For tests: curl's "HOST:PORT:ADDRESS,ADDRESS" in place of DNS.
    std::vector<std::string> resolve;
};

/// HTTPS for one identity service: libcurl's multi interface on the daemon's loop, a bounded pool
/// of kept HTTP/1.1 connections, TLS verified, nothing taken from the environment, no redirects, no
/// cookies. Every request ends within `request_timeout`, the wait for a free connection included.
class HttpTransport {
  public:
    /// `loop` and `clock` outlive it. Errors: std::runtime_error when libcurl refuses.
    HttpTransport(Loop& loop, const settings::IdentitySettings& settings, const Clock& clock,
                  TransportLimits limits = {});
    HttpTransport(const HttpTransport&) = delete;
    HttpTransport& operator=(const HttpTransport&) = delete;
    /// Cancels everything under way.
    ~HttpTransport();

    /// `done` is called exactly once, on the loop and never from inside start(), unless the
    /// transfer is dropped first. The request's secrets are wiped when the transfer ends.
    [[nodiscard]] HttpTransfer start(HttpRequest request, std::function<void(HttpResult)> done);
    /// The same for a coroutine; dropping the Task cancels.
    Task<HttpResult> send(HttpRequest request);
    /// Opens a connection with a GET of `url` whose answer is ignored, unless a fresh idle
    /// connection is there already or enough are being opened.
    void warm(std::string_view url);

    const Reachability& reachability() const noexcept;
    /// Is a request under way, or its result still to be delivered?
    bool busy() const noexcept;

  private:
    friend class HttpTransfer;
    struct Core;
    std::unique_ptr<Core> core_;
};

} // namespace raxauth::identity
