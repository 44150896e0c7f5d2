// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scripted_server.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace raxauth::testing {
namespace {

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    throw std::runtime_error(what);
}

std::shared_ptr<X509> self_signed(EVP_PKEY* key, const std::string& names, int valid_for) {
    std::shared_ptr<X509> certificate(X509_new(), X509_free);
    X509* x = certificate.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), valid_for);
    X509_set_pubkey(x, key);
    X509_NAME* name = X509_get_subject_name(x);
    const auto* common = reinterpret_cast<const unsigned char*>("scripted server");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0);
    X509_set_issuer_name(x, name);
    for (const auto& [nid, value] : {std::pair{NID_subject_alt_name, names.c_str()},
                                     std::pair{NID_basic_constraints, "critical,CA:TRUE"}}) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
        X509_add_ext(x, extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_sign(x, key, EVP_sha256());
    return certificate;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

} // namespace

class ScriptedServer::TlsPeer final : public Peer {
  public:
    TlsPeer(ScriptedServer& server, int fd, int number) : server_(server), fd_(fd) {
        connection = number;
        if (server.tls_) {
            ssl_.reset(SSL_new(static_cast<SSL_CTX*>(server.tls_.get())), SSL_free);
            SSL_set_fd(ssl_.get(), fd);
        }
    }
    TlsPeer(const TlsPeer&) = delete;
    TlsPeer& operator=(const TlsPeer&) = delete;
    ~TlsPeer() override {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    bool shake_hands() {
        while (ssl_) {
            const int done = SSL_accept(ssl_.get());
            if (done == 1) {
                break;
            }
            if (!wait_for(SSL_get_error(ssl_.get(), done))) {
                return false;
            }
        }
        return true;
    }

    std::optional<WireRequest> read_request() override {
        std::size_t end = 0;
        while ((end = buffered_.find("\r\n\r\n")) == std::string::npos) {
            if (!read_more()) {
                return std::nullopt;
            }
        }
        WireRequest request = parse_head(buffered_.substr(0, end + 2));
        buffered_.erase(0, end + 4);
        const std::string length = request.header("content-length");
        const std::size_t wanted = length.empty() ? 0 : std::stoul(length);
        while (buffered_.size() < wanted) {
            if (!read_more()) {
                return std::nullopt;
            }
        }
        request.body = buffered_.substr(0, wanted);
        buffered_.erase(0, wanted);
        server_.remember(request);
        return request;
    }

    void write(std::string_view bytes) override {
        while (!bytes.empty() && fd_ >= 0) {
            const int piece = static_cast<int>(std::min<std::size_t>(bytes.size(), 16'384));
            const int sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), piece)
                                  : static_cast<int>(::send(fd_, bytes.data(),
                                                            static_cast<std::size_t>(piece), 0));
            if (sent <= 0) {
                const int why = ssl_ ? SSL_get_error(ssl_.get(), sent)
                                     : (errno == EAGAIN ? SSL_ERROR_WANT_WRITE : SSL_ERROR_SYSCALL);
                if (!wait_for(why)) {
                    return; // the client has gone
                }
                continue;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    void reset() override {
        const linger at_once{1, 0};
        setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        ::close(fd_);
        fd_ = -1;
    }

    void farewell() override {
        if (ssl_) {
            SSL_shutdown(ssl_.get());
        }
        ::shutdown(fd_, SHUT_WR);
    }

    void wait_until_closed() override {
        char rest[4096];
        while (wait_until(POLLIN) && ::recv(fd_, rest, sizeof rest, 0) > 0) {
        }
    }

  private:
    /// False when the server is to end.
    bool wait_until(short events) {
        pollfd both[2] = {{fd_, events, 0}, {server_.stop_[0], POLLIN, 0}};
        return ::poll(both, 2, 20'000) > 0 && both[1].revents == 0;
    }
    bool wait_for(int ssl_error) {
        return (ssl_error == SSL_ERROR_WANT_READ && wait_until(POLLIN)) ||
               (ssl_error == SSL_ERROR_WANT_WRITE && wait_until(POLLOUT));
    }

    bool read_more() {
        char bytes[8192];
        for (;;) {
            if ((!ssl_ || SSL_pending(ssl_.get()) == 0) && !wait_until(POLLIN)) {
                return false;
            }
            const int got = ssl_ ? SSL_read(ssl_.get(), bytes, sizeof bytes)
                                 : static_cast<int>(::recv(fd_, bytes, sizeof bytes, 0));
            if (got > 0) {
                buffered_.append(bytes, static_cast<std::size_t>(got));
                return true;
            }
            if (!ssl_ || SSL_get_error(ssl_.get(), got) != SSL_ERROR_WANT_READ) {
                return false;
            }
        }
    }

    WireRequest parse_head(std::string head) const {
        WireRequest request;
        request.connection = connection;
        const std::size_t first = head.find("\r\n");
        const std::string line = head.substr(0, first);
        request.method = line.substr(0, line.find(' '));
        request.target =
            line.substr(request.method.size() + 1, line.rfind(' ') - request.method.size() - 1);
        head.erase(0, first + 2);
        while (!head.empty()) {
            const std::size_t end = head.find("\r\n");
            const std::string header = head.substr(0, end);
            const std::size_t colon = header.find(':');
            const std::size_t value = header.find_first_not_of(' ', colon + 1);
            request.headers.emplace(lower(header.substr(0, colon)),
                                    value == std::string::npos ? "" : header.substr(value));
            head.erase(0, end + 2);
        }
        return request;
    }

    ScriptedServer& server_;
    int fd_;
    std::shared_ptr<SSL> ssl_;
    std::string buffered_;
};

ScriptedServer::ScriptedServer(Script script) : ScriptedServer(std::move(script), Options{}) {}

ScriptedServer::ScriptedServer(Script script, Options options)
    : script_(std::move(script)), options_(std::move(options)) {
    if (options_.tls) {
        const std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
        const auto certificate = self_signed(key.get(), options_.names, options_.valid_for);
        SSL_CTX* context = SSL_CTX_new(TLS_server_method());
        tls_.reset(context, [](void* c) { SSL_CTX_free(static_cast<SSL_CTX*>(c)); });
        if (options_.newest_tls != 0) {
            SSL_CTX_set_security_level(context, 0);
            SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
            SSL_CTX_set_max_proto_version(context, options_.newest_tls);
        }
        SSL_CTX_use_certificate(context, certificate.get());
        SSL_CTX_use_PrivateKey(context, key.get());
        char path[] = "/tmp/raxauth-test-ca-XXXXXX";
        const int fd = mkstemp(path);
        FILE* file = fdopen(fd, "w");
        PEM_write_X509(file, certificate.get());
        std::fclose(file);
        ca_file_ = path;
    }
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    inet_pton(AF_INET, options_.address.c_str(), &address.sin_addr);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, generic, size) != 0 || listen(listener_, 256) != 0 ||
        getsockname(listener_, generic, &size) != 0 || pipe(stop_) != 0) {
        fail("scripted server");
    }
    port_ = ntohs(address.sin_port);
    // A write to a client that has gone: our threads' own business, and not to hide the client's.
    sigset_t pipe_signal;
    sigset_t before;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    acceptor_ = std::thread([this] { accept_connections(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ScriptedServer::~ScriptedServer() {
    ::close(stop_[1]);
    acceptor_.join();
    for (std::thread& thread : threads_) {
        thread.join();
    }
    ::close(listener_);
    ::close(stop_[0]);
    if (!ca_file_.empty()) {
        ::unlink(ca_file_.c_str());
    }
}

void ScriptedServer::accept_connections() {
    for (;;) {
        pollfd both[2] = {{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
        if (::poll(both, 2, -1) < 0 || both[1].revents != 0) {
            return;
        }
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            const int number = ++accepted_;
            threads_.emplace_back([this, fd, number] { serve(fd, number); });
        }
    }
}

void ScriptedServer::serve(int fd, int number) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    TlsPeer peer(*this, fd, number);
    if (options_.mute) {
        peer.wait_until_closed();
    } else if (peer.shake_hands()) {
        script_(peer);
    }
}

void ScriptedServer::remember(const WireRequest& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
}

std::vector<WireRequest> ScriptedServer::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

std::string ScriptedServer::url(const std::string& host) const {
    return (options_.tls ? "https://" : "http://") + host + ":" + std::to_string(port_) + "/v2.0";
}

std::string ScriptedServer::pin() const {
    const X509* certificate = SSL_CTX_get0_certificate(static_cast<SSL_CTX*>(tls_.get()));
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(X509_get0_pubkey(certificate), &der);
    unsigned char digest[32];
    EVP_Digest(der, static_cast<std::size_t>(size), digest, nullptr, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    unsigned char text[64] = {};
    EVP_EncodeBlock(text, digest, sizeof digest);
    return std::string("sha256//") + reinterpret_cast<const char*>(text);
}

ScriptedServer::Script
ScriptedServer::answering(std::function<std::string(const WireRequest&)> answer) {
    return [answer = std::move(answer)](Peer& peer) {
        while (const auto request = peer.read_request()) {
            peer.write(answer(*request));
        }
    };
}

std::string ScriptedServer::reply(int status, std::string_view body,
                                  std::string_view more_headers) {
    std::string text = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
    text += "Content-Type: application/json\r\n";
    text += more_headers;
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    return text.append(body);
}

} // namespace raxauth::testing
