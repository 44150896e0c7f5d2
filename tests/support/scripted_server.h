// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace raxauth::testing {

/// A request as it came over the wire. Header names in lower case.
struct WireRequest {
    std::string method;
    std::string target;
    std::multimap<std::string, std::string> headers;
    std::string body;
    int connection = 0; ///< which one, from 1

    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found != headers.end() ? found->second : "";
    }
};

/// An HTTPS server on loopback that does exactly what its script says, also what no HTTP library
/// would: stall, reset, cut off, lie. One thread per connection; certificate made on the spot.
class ScriptedServer {
  public:
    /// One connection, as the script sees it. TLS is established when the script starts.
    class Peer {
      public:
        virtual ~Peer() = default;
        /// The next request; nullopt when the client has closed.
        virtual std::optional<WireRequest> read_request() = 0;
        virtual void write(std::string_view bytes) = 0;
        /// Ends the TCP connection with a reset.
        virtual void reset() = 0;
        /// Says goodbye in TLS, then ends the connection.
        virtual void farewell() = 0;
        /// Returns when the client has closed its side, or the server is being destroyed.
        virtual void wait_until_closed() = 0;
        int connection = 0; ///< which one, from 1
    };
    using Script = std::function<void(Peer&)>;

    struct Options {
        bool tls = true;
        std::string address = "127.0.0.1";
        std::uint16_t port = 0; ///< 0: any
        bool mute = false;      ///< accept, and say nothing at all
        int valid_for = 3600;   ///< seconds, of the certificate; negative: it has expired
        int newest_tls = 0;     ///< TLS1_1_VERSION …; 0: the newest there is
        std::string names = "DNS:localhost,DNS:identity.test,IP:127.0.0.1";
    };

    explicit ScriptedServer(Script script);
    ScriptedServer(Script script, Options options);
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;
    ~ScriptedServer();

    std::uint16_t port() const noexcept { return port_; }
    std::string url(const std::string& host = "127.0.0.1") const;
    /// PEM file with the certificate to trust.
    const std::string& ca_file() const noexcept { return ca_file_; }
    /// "sha256//…" of the server's key.
    std::string pin() const;
    std::vector<WireRequest> requests() const;
    int connections() const noexcept { return accepted_; }

    /// A script that answers each request through `answer`, keeping the connection.
    static Script answering(std::function<std::string(const WireRequest&)> answer);
    static std::string reply(int status, std::string_view body, std::string_view more_headers = {});

  private:
    class TlsPeer;
    void accept_connections();
    void serve(int fd, int number);
    void remember(const WireRequest& request);

    Script script_;
    Options options_;
    std::string ca_file_;
    int listener_ = -1;
    int stop_[2] = {-1, -1}; ///< readable once the server is to end
    std::uint16_t port_ = 0;
    std::shared_ptr<void> tls_; ///< SSL_CTX
    std::atomic<int> accepted_{0};
    mutable std::mutex mutex_;
    std::vector<WireRequest> requests_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

} // namespace raxauth::testing
