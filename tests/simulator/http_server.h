// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/delay_line.h"
#include "tests/simulator/reply.h"
#include "tests/simulator/request.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

struct MHD_Daemon;

namespace raxauth::simulator {

/// What is known of the other end of a request.
struct Peer {
    std::uint64_t connection = 0;            ///< counts the connections of this server from 1
    std::uint64_t request_of_connection = 0; ///< 1 for the first on that connection
    std::string address;
    std::string tls_version; ///< "TLS1.3"; empty without TLS
    std::string server_name; ///< SNI; empty if the client sent none
    bool tls_resumed = false;
};

struct ServerOptions {
    std::string listen = "127.0.0.1:0"; ///< host:port, [::1]:port
    std::string certificate;            ///< PEM text; empty: plain HTTP
    std::string key;                    ///< PEM text
    std::string tls_priorities = "NORMAL";
    unsigned int threads = 1;
    bool peer_details = false; ///< fill in address and the TLS members of Peer
    std::size_t max_body = 64 << 10;
};

/// An HTTP(S) server on libmicrohttpd that can also misbehave: see Delivery. The handler runs on
/// the server's threads, several at a time; what it throws becomes a 500.
class HttpServer {
  public:
    using Handler = std::function<Reply(const Request&, const Peer&)>;

    /// Listens from here on; throws std::runtime_error if it cannot.
    HttpServer(ServerOptions options, Handler handler);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const { return port_; }
    /// Holds every reply back for so long, as a distant server would.
    void set_latency(std::chrono::microseconds latency) { latency_ = latency; }
    /// Cuts every open connection, idle ones too; returns how many.
    std::size_t cut_connections();
    std::size_t open_connections() const;
    std::uint64_t accepted_connections() const { return accepted_; }

  private:
    struct Exchange;
    struct Connection;
    struct Callbacks;
    struct Stop {
        void operator()(MHD_Daemon* daemon) const;
    };

    ServerOptions options_;
    Handler handler_;
    std::atomic<std::chrono::microseconds> latency_{std::chrono::microseconds{0}};
    std::atomic<std::uint64_t> accepted_{0};
    mutable std::mutex sockets_mutex_;
    std::unordered_set<int> sockets_;
    DelayLine delays_;
    std::uint16_t port_ = 0;
    std::unique_ptr<MHD_Daemon, Stop> daemon_;
};

} // namespace raxauth::simulator
