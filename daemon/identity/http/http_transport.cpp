// SPDX-License-Identifier: Apache-2.0
// libcurl's multi interface on sd-event: one machine, whose parts share all its state, and so one
// file. What its users learnt the hard way, and is kept here:
//  - Inside curl's callbacks nothing of ours runs that could come back to curl: finished transfers
//    are read after curl_multi_socket_action() returned, and delivered in the next turn of the
//    loop.
//  - A socket is known by the pointer curl keeps for us, never by its number: numbers are reused.
//    A watch is dropped before its descriptor is closed, or its removal could hit a successor.
//  - Requests wait for a connection here and not inside curl, where waiting would count as
//    connecting.
//  - curl repeats a request, a POST too, when a kept connection dies before the first byte of a
//    reply. The pre-request callback allows one sending per transfer where more would send another
//    SMS or count another attempt.
//  - curl's check before it uses a kept connection again sees only a bare end of stream; a server
//    that closes with a TLS alert looks alive. So idle connections are looked at here as well.
//  - curl goes on to a host's next address when connecting fails, but not when TLS fails or nothing
//    is said: that is done here, by refusing the addresses that failed. It earns its place where a
//    load balancer has one bad node of several, which otherwise stops every third sign-in, or makes
//    each new connection wait for its time-out.
//  - curl counts the name lookup as connecting. A first name server that is dead takes 5 s of that,
//    so curl gets more time, and what connecting may take is counted here from the first socket on.
//  - curl keeps a CA file parsed for a day: see CaBundle.
//  - A new easy handle per transfer costs 2 us and leaves no secret behind when it is freed; the CA
//    bundle stays parsed in the multi handle, TLS sessions in the share.
#include "daemon/identity/http/http_transport.h"

#include "common/handle.h"
#include "common/text.h"
#include "common/unique_fd.h"
#include "daemon/identity/http/ca_bundle.h"
#include "daemon/identity/http/failed_addresses.h"
#include "daemon/identity/http/header_list.h"
#include "daemon/identity/http/request_options.h"
#include "daemon/identity/http/server_clock.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <curl/curl.h>
#include <deque>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <linux/tcp.h>
#include <list>
#include <netinet/in.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_map>
#include <utility>

namespace raxauth::identity {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

using CurlMulti = CHandle<CURLM, curl_multi_cleanup>;
using CurlEasy = CHandle<CURL, curl_easy_cleanup>;
using CurlShare = CHandle<CURLSH, curl_share_cleanup>;

/// Requests sent, or replies handed on, in one turn of the loop: a hundred at once would make
/// a caller on the bus wait for all of them.
constexpr std::size_t kAtATurn = 4;
/// Connections being opened at a time only because somebody may soon need one.
constexpr std::size_t kWarmingAtOnce = 4;
/// An idle connection younger than this will still be good when a person has typed a password.
constexpr std::chrono::seconds kFreshIdle{25};
/// A server that closed an idle connection within this time may as well be about to: its word would
/// still be on the way.
constexpr milliseconds kSweepEvery{5};
constexpr std::size_t kUsualHeaders = 512; ///< bytes
/// Addresses of one host tried by one request.
constexpr unsigned kAddressesTried = 8;
/// A connection that is not up by then, on a path that loses nothing, will not be.
constexpr std::chrono::seconds kSilentAfter{1};

void initialise_curl_once() {
    static const int cleared = ::unsetenv("SSLKEYLOGFILE"); // libcurl would write TLS keys there
    static_cast<void>(cleared);
    // Counted by libcurl: an earlier curl_global_init_mem() with our allocator stays in force.
    static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (result != CURLE_OK) {
        throw std::runtime_error("libcurl does not start");
    }
}

/// Every transfer has its turn, and its sockets are watched. Deprecated as the only way to drive
/// curl; curl_multi_perform() would not tell of the sockets.
void run_all(CURLM* multi, int& running) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    curl_multi_socket_all(multi, &running);
#pragma GCC diagnostic pop
}

/// Curl goes on to the next address at once where a connection is refused, but waits where a socket
/// is denied it or connecting fails before it began (7.88). So it is sent to where nobody can
/// listen.
void refuse_at_once(curl_sockaddr& address) {
    sockaddr_in nowhere{}; // port 0
    nowhere.sin_family = AF_INET;
    nowhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.family = AF_INET;
    address.addrlen = sizeof nowhere;
    std::memcpy(&address.addr, &nowhere, sizeof nowhere);
}

/// Was TCP up, and something sent? Asked of the kernel, since curl's own figures do not tell when
/// the connection has failed.
bool carried_data(curl_socket_t fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_data_segs_out > 0;
}

} // namespace

struct HttpTransfer::State {
    enum class Phase { Waiting, Active, Finished, Over };

    HttpTransport::Core* core = nullptr; ///< null once the transport is gone
    Phase phase = Phase::Waiting;
    HttpRequest request;
    std::function<void(HttpResult)> done;
    steady_clock::time_point deadline;
    CurlEasy easy;
    HeaderList header_list;
    HttpReply reply;
    std::size_t header_count = 0;
    bool header_complete = false;  ///< curl takes a reply that ends among its headers for whole
    const char* refusal = nullptr; ///< why we stopped reading the reply
    unsigned sendings = 0;         ///< times the request was put on the wire, or was about to be
    bool repeat_refused = false;
    std::optional<HttpResult> result;

    // Of this attempt; a request makes several where addresses fail.
    std::vector<std::string> closed; ///< addresses that were silent, or failed in TLS
    bool opened_any = false;
    bool avoided_any = false; ///< an address that failed before was passed over
    bool connecting_expired = false;
    Timer connecting; ///< from the first socket on: the name is known then
    // Of all attempts.
    steady_clock::time_point started;
    unsigned attempts = 0;
    bool last_resort = false; ///< every address failed before: try them all
    std::string first_failure;
    char error_text[CURL_ERROR_SIZE] = {};

    /// Nothing secret is kept for longer than the transfer takes.
    void release_request() noexcept {
        connecting = Timer();
        easy.reset();
        header_list.clear();
        request.body.clear();
        request.url.clear();
        request.headers.clear();
    }
};

struct HttpTransport::Core {
    using StatePtr = std::shared_ptr<HttpTransfer::State>;
    using Phase = HttpTransfer::State::Phase;

    /// What curl wants to hear of; curl keeps the pointer (socketp).
    struct Watched {
        int fd = -1;
        IoWatch watch;
        std::list<Watched>::iterator self;
    };
    /// A connection's socket, from opening to closing.
    struct Connection {
        std::weak_ptr<HttpTransfer::State> opened_for;
        std::string address;
        steady_clock::time_point opened;
        bool in_use = true;
        steady_clock::time_point idle_since;
    };

    Core(Loop& on_loop, const settings::IdentitySettings& identity, const Clock& by,
         TransportLimits bounds);
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;
    ~Core();

    StatePtr start(HttpRequest request, std::function<void(HttpResult)> done);
    void cancel(const StatePtr& state) noexcept;
    void warm(std::string_view url);

    void pump();
    void launch(const StatePtr& state);
    void set_options(HttpTransfer::State& state);
    void expire_waiting();
    void sweep_idle_connections();
    void watch_ca_bundle();
    void act(curl_socket_t fd, int events);
    void read_finished();
    void on_finished(const StatePtr& state, CURLcode code);
    void expire_connecting(const StatePtr& state);
    bool try_next_address(const StatePtr& state, const std::string& failure);
    HttpReply take_reply(HttpTransfer::State& state, CURL* easy);
    HttpFailure describe_failure(const HttpTransfer::State& state, CURLcode code) const;
    std::string words_of(const HttpTransfer::State& state, CURLcode code) const;
    void finish(const StatePtr& state, HttpResult result);
    void deliver();
    void fail_all_active();
    void note_reached(std::chrono::microseconds round_trip);
    void note_unreachable(const std::string& detail);

    static int on_socket(CURL* easy, curl_socket_t fd, int what, void* userdata,
                         void* socket_data) noexcept;
    static int on_timer(CURLM* multi, long timeout_ms, void* userdata) noexcept;
    static curl_socket_t on_open(void* userdata, curlsocktype purpose,
                                 curl_sockaddr* address) noexcept;
    static int on_close(void* userdata, curl_socket_t fd) noexcept;
    static int on_before_request(void* userdata, char*, char*, int, int) noexcept;
    static std::size_t on_header(char* data, std::size_t size, std::size_t count,
                                 void* userdata) noexcept;
    static std::size_t on_body(char* data, std::size_t size, std::size_t count,
                               void* userdata) noexcept;

    Loop& loop;
    const Clock& clock;
    ServerClock server_clock;
    const settings::IdentitySettings settings;
    const TransportLimits limits;
    CaBundle ca_bundle;
    FailedAddresses failed_addresses;

    // Destroyed last to first: easy handles, then the multi handle (which still calls back into
    // what stands above it), then its share.
    std::list<Watched> watched;
    std::unordered_map<curl_socket_t, Connection> connections;
    Timer curl_timer;
    Deferred kick;
    std::size_t launched = 0; ///< since curl had its last turn, which is when it sends
    Deferred delivery;
    Timer waiting_timer;
    std::shared_ptr<int> alive = std::make_shared<int>();
    steady_clock::time_point swept;
    /// Curl (7.88) closes the socket of an address that refuses and goes on to the next one only
    /// when it is called again, which nothing else brings about before a time-out.
    bool socket_closed = false;
    bool broken = false; ///< the loop refused a watch: curl waits for what will never come
    Reachability reachability;
    CurlShare share;
    CurlMulti multi;

    std::deque<StatePtr> waiting;
    std::unordered_map<CURL*, StatePtr> active;
    std::deque<StatePtr> finished;
    std::list<HttpTransfer> warming;
    HeaderList resolve;
};

HttpTransport::Core::Core(Loop& on_loop, const settings::IdentitySettings& identity,
                          const Clock& by, TransportLimits bounds)
    : loop(on_loop), clock(by), settings(identity), limits(std::move(bounds)),
      ca_bundle(identity.ca_file.empty() ? system_ca_bundle() : identity.ca_file) {
    initialise_curl_once();
    share.reset(curl_share_init());
    multi.reset(curl_multi_init());
    if (!share || !multi) {
        throw std::runtime_error("libcurl does not start");
    }
    curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    CURLM* m = multi.get();
    const long count = static_cast<long>(limits.connections);
    curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, &Core::on_socket);
    curl_multi_setopt(m, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, &Core::on_timer);
    curl_multi_setopt(m, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(m, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
    curl_multi_setopt(m, CURLMOPT_MAX_TOTAL_CONNECTIONS, count);
    curl_multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS, count);
    // Without it curl keeps four times as many as there are transfers: none, after a burst.
    curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, count);
    for (const std::string& line : limits.resolve) {
        resolve.add_line(line.c_str());
    }
    curl_timer = loop.after(std::chrono::hours(1), [this] { act(CURL_SOCKET_TIMEOUT, 0); });
    curl_timer.pause();
    kick = loop.deferred([this] { act(CURL_SOCKET_TIMEOUT, 0); });
    delivery = loop.deferred([this] { deliver(); });
    waiting_timer = loop.after(std::chrono::hours(1), [this] { expire_waiting(); });
    waiting_timer.pause();
}

HttpTransport::Core::~Core() {
    warming.clear();
    const auto detach = [](const StatePtr& state) {
        state->core = nullptr;
        state->phase = Phase::Over;
        state->release_request();
    };
    for (auto& [easy, state] : active) {
        curl_multi_remove_handle(multi.get(), easy);
        detach(state);
    }
    std::for_each(waiting.begin(), waiting.end(), detach);
    std::for_each(finished.begin(), finished.end(), detach);
    active.clear();
    multi.reset(); // closes the kept connections: calls on_socket() and on_close()
}

HttpTransport::Core::StatePtr HttpTransport::Core::start(HttpRequest request,
                                                         std::function<void(HttpResult)> done) {
    auto state = std::make_shared<HttpTransfer::State>();
    state->core = this;
    state->request = std::move(request);
    state->done = std::move(done);
    state->started = steady_clock::now();
    state->deadline = state->started + settings.request_timeout;
    if (waiting.size() >= limits.waiting) {
        finish(state, HttpFailure{"too many requests are waiting for a connection", false, false});
        return state;
    }
    waiting.push_back(state);
    pump();
    return state;
}

void HttpTransport::Core::cancel(const StatePtr& state) noexcept {
    switch (state->phase) {
    case Phase::Waiting:
        waiting.erase(std::remove(waiting.begin(), waiting.end(), state), waiting.end());
        break;
    case Phase::Active:
        curl_multi_remove_handle(multi.get(), state->easy.get());
        active.erase(state->easy.get());
        break;
    case Phase::Finished: // deliver() passes over what is Over
    case Phase::Over:
        break;
    }
    state->phase = Phase::Over;
    state->release_request();
    state->reply = HttpReply{};
    state->result.reset();
    state->done = nullptr;
    kick.arm(); // a place is free, or curl wants to see to its timers
}

void HttpTransport::Core::pump() {
    bool looked = false;
    while (!waiting.empty() && active.size() < limits.connections) {
        if (launched == kAtATurn) {
            kick.arm();
            break;
        }
        if (!looked) {
            sweep_idle_connections();
            watch_ca_bundle();
            looked = true;
        }
        const StatePtr state = waiting.front();
        waiting.pop_front();
        ++launched;
        launch(state);
    }
    if (waiting.empty()) {
        waiting_timer.pause();
    } else {
        waiting_timer.restart(std::chrono::ceil<std::chrono::microseconds>(
            waiting.front()->deadline - steady_clock::now()));
    }
}

void HttpTransport::Core::expire_waiting() {
    // All wait equally long: the first to come is the first to go.
    while (!waiting.empty() && waiting.front()->deadline <= steady_clock::now()) {
        const StatePtr state = waiting.front();
        waiting.pop_front();
        finish(state, HttpFailure{"no connection became free in time", false, false});
    }
    pump();
}

void HttpTransport::Core::launch(const StatePtr& state) {
    state->opened_any = false;
    state->avoided_any = false;
    state->closed.clear();
    ++state->attempts;
    try {
        state->easy.reset(curl_easy_init());
        if (!state->easy) {
            throw std::bad_alloc();
        }
        set_options(*state);
        active.emplace(state->easy.get(), state);
        const CURLMcode added = curl_multi_add_handle(multi.get(), state->easy.get());
        if (added != CURLM_OK) {
            active.erase(state->easy.get());
            throw std::runtime_error(curl_multi_strerror(added));
        }
        state->phase = Phase::Active;
    } catch (const std::exception& fault) {
        finish(state, HttpFailure{fault.what(), false, false});
    }
}

void HttpTransport::Core::set_options(HttpTransfer::State& state) {
    CURL* e = state.easy.get();
    HttpRequest& request = state.request;

    const auto left = std::chrono::ceil<milliseconds>(state.deadline - steady_clock::now());
    const milliseconds all = std::max(left, milliseconds(1));
    set_option(e, CURLOPT_TIMEOUT_MS, static_cast<long>(all.count()));
    set_option(
        e, CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(std::min(all, limits.name_lookup + settings.connect_timeout).count()));

    set_option(e, CURLOPT_URL, request.url.c_str());
    set_common_options(e, settings, ca_bundle.path());
    set_option(e, CURLOPT_SHARE, share.get());
    set_option(e, CURLOPT_MAXAGE_CONN, static_cast<long>(limits.idle_connection.count()));
    set_option(e, CURLOPT_OPENSOCKETFUNCTION, &Core::on_open);
    set_option(e, CURLOPT_OPENSOCKETDATA, &state);
    set_option(e, CURLOPT_CLOSESOCKETFUNCTION, &Core::on_close);
    set_option(e, CURLOPT_CLOSESOCKETDATA, this); // the connection may outlive the transfer
    set_option(e, CURLOPT_PREREQFUNCTION, &Core::on_before_request);
    set_option(e, CURLOPT_PREREQDATA, &state);
    if (resolve.get() != nullptr) {
        set_option(e, CURLOPT_RESOLVE, resolve.get());
    }

    state.header_list.clear();
    for (const HttpHeader& header : request.headers) {
        state.header_list.add(header.name, header.value.view());
    }
    state.header_list.add_line("Expect:");
    set_option(e, CURLOPT_HTTPHEADER, state.header_list.get());
    if (request.method == HttpMethod::Post || request.method == HttpMethod::Put) {
        set_option(e, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
        set_option(e, CURLOPT_POSTFIELDS, request.body.c_str()); // not copied
    }
    if (request.method == HttpMethod::Put || request.method == HttpMethod::Delete) {
        set_option(e, CURLOPT_CUSTOMREQUEST, request.method == HttpMethod::Put ? "PUT" : "DELETE");
    }
    set_option(e, CURLOPT_HEADERFUNCTION, &Core::on_header);
    set_option(e, CURLOPT_HEADERDATA, &state);
    set_option(e, CURLOPT_WRITEFUNCTION, &Core::on_body);
    set_option(e, CURLOPT_WRITEDATA, &state);
    set_option(e, CURLOPT_ERRORBUFFER, state.error_text);
}

/// Kept connections that the server has closed: curl is to see it. Its own look before use takes
/// one unread byte, such as a TLS farewell, for a sign of life.
void HttpTransport::Core::sweep_idle_connections() {
    const auto now = steady_clock::now();
    if (now - swept < kSweepEvery) {
        return;
    }
    swept = now;
    std::vector<pollfd> idle;
    idle.reserve(connections.size());
    for (const auto& [fd, connection] : connections) {
        if (!connection.in_use) {
            idle.push_back({fd, POLLRDHUP, 0});
        }
    }
    if (idle.empty() || ::poll(idle.data(), idle.size(), 0) <= 0) {
        return;
    }
    for (const pollfd& socket : idle) {
        if ((socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0) {
            continue;
        }
        char rest[4096];
        while (::recv(socket.fd, rest, sizeof rest, MSG_DONTWAIT) > 0) {
        }
        connections[socket.fd].idle_since = {}; // not fresh, whatever curl does with it
    }
}

/// Connections that were verified with another bundle are not used again; warm() is to see that.
void HttpTransport::Core::watch_ca_bundle() {
    if (ca_bundle.changed()) {
        for (auto& [fd, connection] : connections) {
            connection.idle_since = {};
        }
    }
}

void HttpTransport::Core::warm(std::string_view url) {
    sweep_idle_connections();
    watch_ca_bundle();
    const auto now = steady_clock::now();
    const bool fresh = std::any_of(connections.begin(), connections.end(), [&](const auto& entry) {
        return !entry.second.in_use && now - entry.second.idle_since < kFreshIdle;
    });
    if (fresh || !waiting.empty() || warming.size() >= kWarmingAtOnce) {
        return;
    }
    HttpRequest request;
    request.method = HttpMethod::Get;
    request.url = Secret(url);
    warming.emplace_back();
    const auto place = std::prev(warming.end());
    *place = HttpTransfer(start(std::move(request), [this, place](HttpResult) {
        warming.erase(place); // whatever came: the real request will tell
    }));
}

void HttpTransport::Core::act(curl_socket_t fd, int events) {
    int running = 0;
    if (std::exchange(socket_closed, false)) {
        run_all(multi.get(), running);
    }
    curl_multi_socket_action(multi.get(), fd, events, &running);
    if (fd == CURL_SOCKET_TIMEOUT) {
        launched = 0;
    }
    read_finished();
    pump();
}

int HttpTransport::Core::on_socket(CURL* /*easy*/, curl_socket_t fd, int what, void* userdata,
                                   void* socket_data) noexcept {
    Core& core = *static_cast<Core*>(userdata);
    auto* watched = static_cast<Watched*>(socket_data);
    if (const auto known = core.connections.find(fd); known != core.connections.end()) {
        known->second.in_use = what != CURL_POLL_REMOVE;
        known->second.idle_since = steady_clock::now();
    }
    if (what == CURL_POLL_REMOVE) {
        if (watched != nullptr) {
            curl_multi_assign(core.multi.get(), fd, nullptr);
            core.watched.erase(watched->self);
        }
        return 0;
    }
    const std::uint32_t events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    try {
        if (watched != nullptr && watched->fd == fd) {
            watched->watch.change(events);
            return 0;
        }
        if (watched == nullptr) {
            core.watched.emplace_back();
            watched = &core.watched.back();
            watched->self = std::prev(core.watched.end());
        }
        watched->fd = fd;
        watched->watch = core.loop.watch(fd, events, [&core, fd](std::uint32_t seen) {
            int mask = 0;
            mask |= (seen & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0;
            mask |= (seen & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
            mask |= (seen & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0;
            core.act(fd, mask);
        });
        curl_multi_assign(core.multi.get(), fd, watched);
    } catch (...) {
        // Answering -1 leaves curl's transfers in limbo: they are failed in the next turn instead.
        core.broken = true;
        core.delivery.arm();
    }
    return 0;
}

int HttpTransport::Core::on_timer(CURLM* /*multi*/, long timeout_ms, void* userdata) noexcept {
    Core& core = *static_cast<Core*>(userdata);
    try {
        if (timeout_ms < 0) {
            core.curl_timer.pause();
        } else if (timeout_ms == 0) {
            core.curl_timer.pause();
            core.kick.arm();
        } else {
            core.curl_timer.restart(milliseconds(timeout_ms) + std::chrono::microseconds(999));
        }
    } catch (...) {
        core.broken = true;
        core.delivery.arm();
    }
    return 0;
}

curl_socket_t HttpTransport::Core::on_open(void* userdata, curlsocktype purpose,
                                           curl_sockaddr* address) noexcept {
    auto& state = *static_cast<HttpTransfer::State*>(userdata);
    if (purpose != CURLSOCKTYPE_IPCXN || state.core == nullptr) {
        return CURL_SOCKET_BAD;
    }
    try {
        const std::string_view raw(static_cast<const char*>(static_cast<void*>(&address->addr)),
                                   address->addrlen);
        std::string key(raw);
        Core& core = *state.core;
        const auto now = steady_clock::now();
        if (core.failed_addresses.contains(
                key, now, state.last_resort ? state.started : steady_clock::time_point::min())) {
            state.avoided_any = true;
            refuse_at_once(*address);
            return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        }
        UniqueFd fd(::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol));
        if (!fd) {
            return CURL_SOCKET_BAD;
        }
        Connection connection;
        const auto owner = core.active.find(state.easy.get());
        if (owner != core.active.end()) {
            connection.opened_for = owner->second;
            if (!std::exchange(state.opened_any, true)) {
                state.connecting = core.loop.after(core.settings.connect_timeout,
                                                   [&core, weak = std::weak_ptr(owner->second)] {
                                                       if (const StatePtr expired = weak.lock()) {
                                                           core.expire_connecting(expired);
                                                       }
                                                   });
            }
        }
        connection.address = std::move(key);
        connection.opened = now;
        core.connections.insert_or_assign(fd.get(), std::move(connection));
        return fd.release();
    } catch (...) {
        return CURL_SOCKET_BAD;
    }
}

int HttpTransport::Core::on_close(void* userdata, curl_socket_t fd) noexcept {
    Core& core = *static_cast<Core*>(userdata);
    for (Watched& watched : core.watched) {
        if (watched.fd == fd) {
            watched.fd = -1;
            watched.watch = IoWatch();
        }
    }
    if (const auto known = core.connections.find(fd); known != core.connections.end()) {
        const auto opener = known->second.opened_for.lock();
        const bool silent = steady_clock::now() - known->second.opened >= kSilentAfter;
        if (opener && opener->sendings == 0 &&
            (silent || opener->connecting_expired || carried_data(fd))) {
            try {
                opener->closed.push_back(std::move(known->second.address));
            } catch (const std::bad_alloc&) {
                opener->closed.clear(); // not remembered, and no next address
            }
        }
        core.connections.erase(known);
    }
    core.socket_closed = true;
    core.kick.arm();
    return ::close(fd);
}

int HttpTransport::Core::on_before_request(void* userdata, char* /*remote*/, char* /*local*/,
                                           int /*remote_port*/, int /*local_port*/) noexcept {
    auto& state = *static_cast<HttpTransfer::State*>(userdata);
    if (state.request.at_most_once && state.sendings > 0) {
        state.repeat_refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    ++state.sendings;
    state.connecting.pause();
    return CURL_PREREQFUNC_OK;
}

std::size_t HttpTransport::Core::on_header(char* data, std::size_t size, std::size_t count,
                                           void* userdata) noexcept {
    auto& state = *static_cast<HttpTransfer::State*>(userdata);
    const std::size_t bytes = size * count;
    const std::string_view line = trim({data, bytes});
    try {
        if (line.starts_with("HTTP/")) { // a new reply begins: what came before was a 1xx
            state.reply.header_lines.clear();
            state.header_count = 0;
            state.header_complete = false;
            return bytes;
        }
        const TransportLimits& limits = state.core->limits;
        if (++state.header_count > limits.header_lines ||
            state.reply.header_lines.size() + line.size() >= limits.header_bytes) {
            state.refusal = "reply has too many headers";
            return 0;
        }
        const bool continued = bytes > 0 && (data[0] == ' ' || data[0] == '\t');
        if (line.empty()) {
            state.header_complete = true;
        } else {
            if (continued && !state.reply.header_lines.empty()) { // obsolete line folding
                state.reply.header_lines.truncate(state.reply.header_lines.size() - 1);
                state.reply.header_lines.append(' ');
            }
            state.reply.header_lines.reserve(
                std::max(state.reply.header_lines.size() + line.size() + 1, kUsualHeaders));
            state.reply.header_lines.append(line);
            state.reply.header_lines.append('\n');
        }
        return bytes;
    } catch (...) {
        state.refusal = "out of memory";
        return 0;
    }
}

std::size_t HttpTransport::Core::on_body(char* data, std::size_t size, std::size_t count,
                                         void* userdata) noexcept {
    auto& state = *static_cast<HttpTransfer::State*>(userdata);
    const std::size_t bytes = size * count;
    try {
        if (state.reply.body.size() + bytes > state.core->limits.body_bytes) {
            state.refusal = "reply is too large";
            return 0;
        }
        state.reply.body.append({data, bytes});
        return bytes;
    } catch (...) {
        state.refusal = "out of memory";
        return 0;
    }
}

void HttpTransport::Core::read_finished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURL* const easy = message->easy_handle; // the message dies with the handle's removal
        const CURLcode code = message->data.result;
        const auto found = active.find(easy);
        if (found == active.end()) {
            continue;
        }
        const StatePtr state = found->second;
        on_finished(state, code);
    }
}

void HttpTransport::Core::on_finished(const StatePtr& state, CURLcode code) {
    HttpResult result;
    if (code == CURLE_OK && state->header_complete) {
        result = take_reply(*state, state->easy.get());
    } else {
        result = describe_failure(*state, code);
    }
    curl_multi_remove_handle(multi.get(), state->easy.get());
    active.erase(state->easy.get());
    state->easy.reset();
    state->connecting.pause();
    for (const std::string& address : state->closed) {
        failed_addresses.add(address, steady_clock::now());
    }
    if (const auto* reply = std::get_if<HttpReply>(&result)) {
        note_reached(reply->round_trip);
        if (const auto date = reply->header("date")) {
            server_clock.heard(*date, clock.monotonic());
        }
    } else if (try_next_address(state, std::get<HttpFailure>(result).detail)) {
        return;
    } else if (const auto& failure = std::get<HttpFailure>(result); !failure.nonsense) {
        note_unreachable(failure.detail);
    }
    finish(state, std::move(result));
}

HttpReply HttpTransport::Core::take_reply(HttpTransfer::State& state, CURL* easy) {
    HttpReply reply = std::move(state.reply);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    reply.status = static_cast<int>(status);
    curl_off_t sent = 0;
    curl_off_t answered = 0;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &answered);
    reply.round_trip = std::chrono::microseconds(std::max<curl_off_t>(answered - sent, 1));
    if (state.last_resort) {
        for (const auto& [fd, connection] : connections) {
            if (connection.opened_for.lock().get() == &state) {
                failed_addresses.forget(connection.address);
            }
        }
    }
    return reply;
}

HttpFailure HttpTransport::Core::describe_failure(const HttpTransfer::State& state,
                                                  CURLcode code) const {
    HttpFailure failure;
    failure.maybe_sent = state.sendings > 0;
    if (state.refusal != nullptr) {
        failure.detail = state.refusal;
        failure.nonsense = true;
    } else if (state.repeat_refused || code == CURLE_OK) {
        failure.detail = "the connection was closed before a whole answer came";
    } else if (!state.first_failure.empty() && !state.opened_any) {
        failure.detail = state.first_failure; // no address is left to try
    } else {
        failure.detail = words_of(state, code);
        failure.nonsense = code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
                           code == CURLE_BAD_CONTENT_ENCODING || code == CURLE_HTTP2;
    }
    return failure;
}

/// libcurl's own words, and what to look at where they do not say it.
std::string HttpTransport::Core::words_of(const HttpTransfer::State& state, CURLcode code) const {
    if (state.connecting_expired) {
        return fmt::format("no connection within {} ms: an address accepts and says nothing, or a "
                           "firewall drops what is sent there",
                           settings.connect_timeout.count());
    }
    const std::string words =
        sanitise(state.error_text[0] != '\0' ? state.error_text : curl_easy_strerror(code), 200);
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY) {
        return "no name server gave an address: " + words;
    }
    if (code == CURLE_OPERATION_TIMEDOUT && !state.opened_any && !state.avoided_any) {
        return "the name server did not answer in time (see /etc/resolv.conf): " + words;
    }
    long verified = X509_V_OK;
    curl_easy_getinfo(state.easy.get(), CURLINFO_SSL_VERIFYRESULT, &verified);
    if (code == CURLE_PEER_FAILED_VERIFICATION &&
        (verified == X509_V_ERR_CERT_NOT_YET_VALID || verified == X509_V_ERR_CERT_HAS_EXPIRED)) {
        const WallTime now = clock.wall();
        const auto difference = server_clock.compare(now, clock.monotonic());
        return fmt::format("{}; this host's clock says {:%Y-%m-%d %H:%M} UTC, {}", words,
                           fmt::gmtime(WallTime::clock::to_time_t(now)),
                           difference ? *difference : "is that right?");
    }
    return words;
}

void HttpTransport::Core::expire_connecting(const StatePtr& state) {
    if (state->phase != Phase::Active || state->sendings > 0) {
        return;
    }
    state->connecting_expired = true;
    on_finished(state, CURLE_OPERATION_TIMEDOUT);
    state->connecting_expired = false; // another attempt may be under way
    kick.arm();
}

/// One address of several failed: the others get their chance while there is time. Where all of
/// them failed before, they are tried once more.
bool HttpTransport::Core::try_next_address(const StatePtr& state, const std::string& failure) {
    const bool all_avoided = state->avoided_any && !state->opened_any;
    const bool worth_it = all_avoided ? state->first_failure.empty() : !state->closed.empty();
    if (state->sendings > 0 || !worth_it || state->attempts >= kAddressesTried ||
        state->deadline <= steady_clock::now()) {
        return false;
    }
    if (all_avoided) {
        state->last_resort = true;
    } else if (state->first_failure.empty()) {
        state->first_failure = failure;
    }
    state->reply = HttpReply{};
    state->header_complete = false;
    state->error_text[0] = '\0';
    state->phase = Phase::Waiting;
    launch(state);
    return true;
}

void HttpTransport::Core::finish(const StatePtr& state, HttpResult result) {
    state->release_request();
    state->phase = Phase::Finished;
    state->result = std::move(result);
    finished.push_back(state);
    delivery.arm();
}

void HttpTransport::Core::deliver() {
    if (std::exchange(broken, false)) {
        fail_all_active();
    }
    // What finishes meanwhile has its turn later. A callback may destroy the transport.
    const std::weak_ptr<int> still_here = alive;
    for (std::size_t left = 1; left > 0 && !finished.empty(); --left) {
        const StatePtr state = finished.front();
        finished.pop_front();
        if (state->phase != Phase::Finished) {
            continue; // cancelled meanwhile
        }
        state->phase = Phase::Over;
        const auto done = std::exchange(state->done, nullptr);
        HttpResult result = std::move(*state->result);
        state->result.reset();
        done(std::move(result));
        if (still_here.expired()) {
            return;
        }
    }
    if (!finished.empty()) {
        delivery.arm();
    }
}

void HttpTransport::Core::fail_all_active() {
    const auto stranded = std::exchange(active, {});
    for (const auto& [easy, state] : stranded) {
        curl_multi_remove_handle(multi.get(), easy);
        finish(state, HttpFailure{"the event loop refused to watch a connection",
                                  state->sendings > 0, false});
    }
}

void HttpTransport::Core::note_reached(std::chrono::microseconds round_trip) {
    if (!reachability.reachable || reachability.since == WallTime{}) {
        reachability.reachable = true;
        reachability.since = clock.wall();
        reachability.detail.clear();
    }
    reachability.round_trip = round_trip;
}

void HttpTransport::Core::note_unreachable(const std::string& detail) {
    if (reachability.reachable) {
        reachability.reachable = false;
        reachability.since = clock.wall();
    }
    reachability.detail = detail;
}

HttpTransfer::~HttpTransfer() {
    if (state_ && state_->core != nullptr && state_->phase != State::Phase::Over) {
        state_->core->cancel(state_);
    }
}

HttpTransfer& HttpTransfer::operator=(HttpTransfer&& other) noexcept {
    if (this != &other) {
        const HttpTransfer dropped(std::move(*this));
        state_ = std::move(other.state_);
    }
    return *this;
}

bool HttpTransfer::maybe_sent() const noexcept {
    return state_ && state_->sendings > 0;
}

HttpTransport::HttpTransport(Loop& loop, const settings::IdentitySettings& settings,
                             const Clock& clock, TransportLimits limits)
    : core_(std::make_unique<Core>(loop, settings, clock, std::move(limits))) {}

HttpTransport::~HttpTransport() = default;

HttpTransfer HttpTransport::start(HttpRequest request, std::function<void(HttpResult)> done) {
    return HttpTransfer(core_->start(std::move(request), std::move(done)));
}

Task<HttpResult> HttpTransport::send(HttpRequest request) {
    OneShot<HttpResult> answer;
    const HttpTransfer transfer =
        start(std::move(request), [&answer](HttpResult result) { answer.set(std::move(result)); });
    HttpResult result = co_await answer;
    co_return result;
}

void HttpTransport::warm(std::string_view url) {
    core_->warm(url);
}

const Reachability& HttpTransport::reachability() const noexcept {
    return core_->reachability;
}

bool HttpTransport::busy() const noexcept {
    return !core_->waiting.empty() || !core_->active.empty() || !core_->finished.empty();
}

} // namespace raxauth::identity
