// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <stdexcept>

namespace raxauth::simulator {

namespace {

// Wiped by libmicrohttpd for each request, so no larger than it need be.
constexpr std::size_t kConnectionMemory = 64 << 10;
constexpr std::size_t kLargeHeaders = 16 << 10;
constexpr unsigned int kConnectionLimit = 20'000;
constexpr std::size_t kBlock = 32 << 10;
constexpr int kRawWriteMs = 2000;

/// Ends a TCP connection by a reset at once: what connecting to AF_UNSPEC does on Linux (tcp(7)).
/// An SO_LINGER of zero would do it only at close, after TLS has said goodbye politely.
void reset_socket(int socket) {
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    static_cast<void>(connect(socket, &nobody, sizeof nobody));
}

int socket_of(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == nullptr ? -1 : info->connect_fd;
}

gnutls_session_t tls_of(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info == nullptr ? nullptr : static_cast<gnutls_session_t>(info->tls_session);
}

/// Writes bytes past libmicrohttpd, for replies that are no HTTP. Waits a little for a slow reader,
/// then gives up.
void write_raw(MHD_Connection* connection, std::string_view bytes) {
    const int socket = socket_of(connection);
    gnutls_session_t tls = tls_of(connection);
    while (!bytes.empty()) {
        const ssize_t written = tls != nullptr
                                    ? gnutls_record_send(tls, bytes.data(), bytes.size())
                                    : send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (written > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(written));
            continue;
        }
        const bool later = tls != nullptr
                               ? written == GNUTLS_E_AGAIN || written == GNUTLS_E_INTERRUPTED
                               : errno == EAGAIN || errno == EINTR;
        pollfd wait{socket, POLLOUT, 0};
        if (!later || poll(&wait, 1, kRawWriteMs) <= 0) {
            return;
        }
    }
}

MHD_Result collect(void* to, MHD_ValueKind kind, const char* name, const char* value) {
    std::string key = name == nullptr ? "" : name;
    if (kind == MHD_HEADER_KIND) {
        std::transform(key.begin(), key.end(), key.begin(), [](unsigned char letter) {
            return static_cast<char>(std::tolower(letter));
        });
    }
    static_cast<std::vector<std::pair<std::string, std::string>>*>(to)->emplace_back(
        std::move(key), value == nullptr ? "" : value);
    return MHD_YES;
}

struct Address {
    sockaddr_storage storage{};
    bool is_v6 = false;
};

Address parse_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) {
        throw std::runtime_error("an address is HOST:PORT, not " + text);
    }
    std::string host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), text.c_str() + colon + 1, &hints, &found) != 0) {
        throw std::runtime_error("no numeric address: " + text);
    }
    Address address;
    std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    address.is_v6 = found->ai_family == AF_INET6;
    freeaddrinfo(found);
    return address;
}

std::string address_text(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    std::array<char, NI_MAXHOST> host{};
    if (info == nullptr || info->client_addr == nullptr) {
        return {};
    }
    const socklen_t size =
        info->client_addr->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    return getnameinfo(info->client_addr, size, host.data(), host.size(), nullptr, 0,
                       NI_NUMERICHOST) == 0
               ? host.data()
               : "";
}

} // namespace

struct HttpServer::Connection {
    std::uint64_t id = 0;
    std::uint64_t requests = 0;
    int socket = -1;
};

/// One request and its reply, from the first header to the last byte.
struct HttpServer::Exchange {
    HttpServer* server = nullptr;
    MHD_Connection* connection = nullptr;
    Request request;
    Reply reply;
    bool too_large = false;
    bool answered = false;
    bool held = false;        ///< has been on the delay line
    bool is_gone = false;     ///< the client left, or the server stops
    std::size_t trickled = 0; ///< bytes already allowed out by `trickle`
};

struct HttpServer::Callbacks {
    static MHD_Result handle(void* cls, MHD_Connection* connection, const char* url,
                             const char* method, const char*, const char* upload, std::size_t* size,
                             void** context) noexcept {
        auto* server = static_cast<HttpServer*>(cls);
        try {
            if (*context == nullptr) {
                *context = begin(*server, connection, url, method).release();
                return MHD_YES;
            }
            auto& exchange = *static_cast<Exchange*>(*context);
            if (*size != 0) {
                take_body(exchange, {upload, *size});
                *size = 0;
                return MHD_YES;
            }
            return finish(exchange);
        } catch (const std::exception&) {
            return MHD_NO;
        }
    }

    static std::unique_ptr<Exchange> begin(HttpServer& server, MHD_Connection* connection,
                                           const char* url, const char* method) {
        auto exchange = std::make_unique<Exchange>();
        exchange->server = &server;
        exchange->connection = connection;
        exchange->request.method = method;
        exchange->request.path = url;
        MHD_get_connection_values(connection, MHD_HEADER_KIND, collect, &exchange->request.headers);
        MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, collect,
                                  &exchange->request.query);
        return exchange;
    }

    static void take_body(Exchange& exchange, std::string_view piece) {
        if (exchange.request.body.size() + piece.size() > exchange.server->options_.max_body) {
            exchange.too_large = true;
        } else {
            exchange.request.body += piece;
        }
    }

    static MHD_Result finish(Exchange& exchange) {
        if (exchange.is_gone) {
            return MHD_NO;
        }
        if (!exchange.answered) {
            exchange.answered = true;
            answer(exchange);
        }
        if (!exchange.held && hold(exchange)) {
            exchange.held = true;
            return MHD_YES;
        }
        return deliver(exchange);
    }

    static void answer(Exchange& exchange) {
        if (exchange.too_large) {
            exchange.reply = fault_reply(413, "badRequest", "Request body too large");
            render(exchange.reply, {});
            return;
        }
        try {
            exchange.reply = exchange.server->handler_(exchange.request, peer_of(exchange));
        } catch (const std::exception& fault) {
            exchange.reply = fault_reply(500, "identityFault", fault.what());
            render(exchange.reply, {});
        }
    }

    static Peer peer_of(Exchange& exchange) {
        Peer peer;
        const auto* info =
            MHD_get_connection_info(exchange.connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        if (auto* connection = static_cast<Connection*>(info->socket_context)) {
            peer.connection = connection->id;
            peer.request_of_connection = ++connection->requests;
        }
        if (!exchange.server->options_.peer_details) {
            return peer;
        }
        peer.address = address_text(exchange.connection);
        if (gnutls_session_t tls = tls_of(exchange.connection)) {
            const char* name = gnutls_protocol_get_name(gnutls_protocol_get_version(tls));
            peer.tls_version = name == nullptr ? "" : name;
            peer.tls_resumed = gnutls_session_is_resumed(tls) != 0;
            std::array<char, 256> host{};
            std::size_t size = host.size();
            unsigned int type = 0;
            if (gnutls_server_name_get(tls, host.data(), &size, &type, 0) == GNUTLS_E_SUCCESS) {
                peer.server_name = host.data();
            }
        }
        return peer;
    }

    /// Puts the connection on the delay line if its reply has to wait.
    static bool hold(Exchange& exchange) {
        DelayLine& delays = exchange.server->delays_;
        if (exchange.reply.delivery == Delivery::stall) {
            return delays.hold_until_gone(exchange.connection, socket_of(exchange.connection),
                                          &exchange.is_gone);
        }
        std::chrono::microseconds wait = exchange.server->latency_;
        if (exchange.reply.delivery != Delivery::trickle) {
            wait += exchange.reply.delay;
        }
        return wait.count() > 0 &&
               delays.hold_until(exchange.connection, std::chrono::steady_clock::now() + wait);
    }

    static MHD_Result deliver(Exchange& exchange) {
        switch (exchange.reply.delivery) {
        case Delivery::stall:
        case Delivery::close:
            return MHD_NO;
        case Delivery::reset:
            reset_socket(socket_of(exchange.connection));
            return MHD_NO;
        case Delivery::raw:
            write_raw(exchange.connection, exchange.reply.body);
            return MHD_NO;
        case Delivery::ordinary:
        case Delivery::trickle:
        case Delivery::stall_body:
        case Delivery::reset_body:
        case Delivery::truncate:
        case Delivery::endless:
        case Delivery::huge:
            return queue(exchange);
        }
        return MHD_NO;
    }

    static MHD_Response* respond(Exchange& exchange) {
        Reply& reply = exchange.reply;
        switch (reply.delivery) {
        case Delivery::truncate:
            return MHD_create_response_from_callback(reply.body.size() + 1000, kBlock, read_body,
                                                     &exchange, nullptr);
        case Delivery::endless:
            return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kBlock, read_body, &exchange,
                                                     nullptr);
        case Delivery::huge:
            return MHD_create_response_from_callback(static_cast<std::uint64_t>(reply.bytes) + 13,
                                                     kBlock, read_body, &exchange, nullptr);
        case Delivery::trickle:
        case Delivery::stall_body:
        case Delivery::reset_body:
            return MHD_create_response_from_callback(reply.body.size(), kBlock, read_body,
                                                     &exchange, nullptr);
        case Delivery::ordinary:
        case Delivery::stall:
        case Delivery::reset:
        case Delivery::close:
        case Delivery::raw:
            break;
        }
        return MHD_create_response_from_buffer(reply.body.size(), reply.body.data(),
                                               MHD_RESPMEM_MUST_COPY);
    }

    /// The reply as bytes, for headers that do not fit into a connection's memory.
    static std::string whole(const Reply& reply) {
        std::string bytes =
            fmt::format("HTTP/1.1 {} Large\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
                        "Connection: close\r\n",
                        reply.status, reply.content_type, reply.body.size());
        for (const auto& [name, value] : reply.headers) {
            bytes += name + ": " + value + "\r\n";
        }
        return bytes + "\r\n" + reply.body;
    }

    static bool has_large_headers(const Reply& reply) {
        return std::any_of(reply.headers.begin(), reply.headers.end(),
                           [](const auto& each) { return each.second.size() > kLargeHeaders; });
    }

    static MHD_Result queue(Exchange& exchange) {
        const Reply& reply = exchange.reply;
        if (has_large_headers(reply)) {
            write_raw(exchange.connection, whole(reply));
            return MHD_NO;
        }
        MHD_Response* response = respond(exchange);
        if (response == nullptr) {
            return MHD_NO;
        }
        bool good = true;
        if (!reply.content_type.empty()) {
            good = MHD_add_response_header(response, "Content-Type", reply.content_type.c_str()) ==
                   MHD_YES;
        }
        for (const auto& [name, value] : reply.headers) {
            good =
                MHD_add_response_header(response, name.c_str(), value.c_str()) == MHD_YES && good;
        }
        const MHD_Result result =
            good ? MHD_queue_response(exchange.connection, static_cast<unsigned int>(reply.status),
                                      response)
                 : MHD_NO;
        MHD_destroy_response(response);
        return result;
    }

    static ssize_t read_body(void* cls, std::uint64_t position, char* buffer,
                             std::size_t room) noexcept {
        auto& exchange = *static_cast<Exchange*>(cls);
        switch (exchange.reply.delivery) {
        case Delivery::huge:
            return read_huge(exchange, position, buffer, room);
        case Delivery::endless:
            std::memset(buffer, ' ', room);
            return static_cast<ssize_t>(room);
        case Delivery::trickle:
            return read_trickle(exchange, position, buffer);
        case Delivery::truncate:
        case Delivery::stall_body:
        case Delivery::reset_body:
        case Delivery::ordinary:
        case Delivery::stall:
        case Delivery::reset:
        case Delivery::close:
        case Delivery::raw:
            break;
        }
        return read_half(exchange, position, buffer, room);
    }

    static ssize_t read_huge(const Exchange& exchange, std::uint64_t position, char* buffer,
                             std::size_t room) {
        constexpr std::string_view kStart = "{\"access\":\"";
        constexpr std::string_view kEnd = "\"}";
        if (position == 0) {
            std::memcpy(buffer, kStart.data(), kStart.size());
            return kStart.size();
        }
        const std::uint64_t end = kStart.size() + static_cast<std::uint64_t>(exchange.reply.bytes);
        if (position < end) {
            const std::size_t size = std::min<std::uint64_t>(room, end - position);
            std::memset(buffer, 'a', size);
            return static_cast<ssize_t>(size);
        }
        *buffer = kEnd[position - end];
        return 1;
    }

    static ssize_t read_trickle(Exchange& exchange, std::uint64_t position, char* buffer) {
        if (position >= exchange.trickled) {
            ++exchange.trickled;
            if (exchange.server->delays_.hold_until(
                    exchange.connection, std::chrono::steady_clock::now() + exchange.reply.delay)) {
                return 0;
            }
        }
        *buffer = exchange.reply.body[position];
        return 1;
    }

    static ssize_t read_half(Exchange& exchange, std::uint64_t position, char* buffer,
                             std::size_t room) {
        const std::string& body = exchange.reply.body;
        const bool whole = exchange.reply.delivery == Delivery::truncate;
        const std::size_t part = whole ? body.size() : body.size() / 2;
        if (position < part) {
            const std::size_t size = std::min<std::size_t>(room, part - position);
            std::memcpy(buffer, body.data() + position, size);
            return static_cast<ssize_t>(size);
        }
        if (exchange.reply.delivery == Delivery::stall_body && !exchange.is_gone &&
            exchange.server->delays_.hold_until_gone(
                exchange.connection, socket_of(exchange.connection), &exchange.is_gone)) {
            return 0;
        }
        if (exchange.reply.delivery == Delivery::reset_body) {
            reset_socket(socket_of(exchange.connection));
        }
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }

    static void completed(void*, MHD_Connection*, void** context,
                          MHD_RequestTerminationCode) noexcept {
        delete static_cast<Exchange*>(*context);
        *context = nullptr;
    }

    static void connection_changed(void* cls, MHD_Connection* connection, void** context,
                                   MHD_ConnectionNotificationCode what) noexcept {
        auto* server = static_cast<HttpServer*>(cls);
        if (what == MHD_CONNECTION_NOTIFY_STARTED) {
            auto* fresh = new Connection{++server->accepted_, 0, socket_of(connection)};
            const std::scoped_lock lock(server->sockets_mutex_);
            server->sockets_.insert(fresh->socket);
            *context = fresh;
        } else if (auto* old = static_cast<Connection*>(*context)) {
            {
                const std::scoped_lock lock(server->sockets_mutex_);
                server->sockets_.erase(old->socket);
            }
            delete old;
            *context = nullptr;
        }
    }
};

HttpServer::HttpServer(ServerOptions options, Handler handler)
    : options_(std::move(options)), handler_(std::move(handler)) {
    Address address = parse_address(options_.listen);
    unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    flags |= address.is_v6 ? static_cast<unsigned int>(MHD_USE_IPv6) : 0U;
    std::vector<MHD_OptionItem> more;
    if (options_.threads > 1) {
        more.push_back(
            {MHD_OPTION_THREAD_POOL_SIZE, static_cast<std::intptr_t>(options_.threads), nullptr});
    }
    if (!options_.certificate.empty()) {
        flags |= MHD_USE_TLS;
        more.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, options_.certificate.data()});
        more.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, options_.key.data()});
        more.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, options_.tls_priorities.data()});
    }
    more.push_back({MHD_OPTION_END, 0, nullptr});
    daemon_.reset(MHD_start_daemon(
        flags, 0, nullptr, nullptr, Callbacks::handle, this, MHD_OPTION_SOCK_ADDR, &address.storage,
        MHD_OPTION_NOTIFY_COMPLETED, Callbacks::completed, this, MHD_OPTION_NOTIFY_CONNECTION,
        Callbacks::connection_changed, this, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory,
        MHD_OPTION_CONNECTION_LIMIT, kConnectionLimit, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024U, MHD_OPTION_ARRAY, more.data(), MHD_OPTION_END));
    if (!daemon_) {
        throw std::runtime_error("cannot listen on " + options_.listen);
    }
    port_ = MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_BIND_PORT)->port;
}

HttpServer::~HttpServer() {
    delays_.close();
    daemon_.reset();
}

void HttpServer::Stop::operator()(MHD_Daemon* daemon) const {
    MHD_stop_daemon(daemon);
}

std::size_t HttpServer::cut_connections() {
    const std::scoped_lock lock(sockets_mutex_);
    for (const int socket : sockets_) {
        static_cast<void>(shutdown(socket, SHUT_RDWR));
    }
    return sockets_.size();
}

std::size_t HttpServer::open_connections() const {
    const std::scoped_lock lock(sockets_mutex_);
    return sockets_.size();
}

} // namespace raxauth::simulator
