// SPDX-License-Identifier: Apache-2.0
//
// What the design's prototype was: the same calls on the bus and the same requests to Identity as
// raxauthd, and nothing else. It knows no policy, limit, session, account or journal, asks the bus
// once who calls and does not look at it, and reads nothing of a reply but its status and session
// id. What a sign-in costs with it is what it costs on this machine at the least.
//
//   bare_daemon URL CA_FILE GATE_SERVICE    owns org.raxauth.BenchBare; a sign-in to GATE_SERVICE
//                                           is granted at once
#include "common/bus_handles.h"
#include "common/unique_fd.h"
#include "tests/bench/daemon_calls.h"
#include "tests/bench/token_requests.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <iostream>
#include <memory>
#include <string_view>
#include <sys/epoll.h>
#include <vector>

using namespace raxauth;
using bench::require;

namespace {

using Multi = CHandle<CURLM, curl_multi_cleanup>;
using OpenBus = CHandle<sd_bus, sd_bus_flush_close_unref>;

constexpr long kMaxConnections = 128; // as the daemon's
constexpr std::uint64_t kAccuracyUsec = 1;

class Service;

/// One sign-in, with the handle that sends its requests; both are used again for the next.
struct SignIn {
    SignIn(Service& of, const std::string& url, const std::string& ca_file)
        : service(of), requests(url, ca_file, this) {}
    SignIn(const SignIn&) = delete;
    SignIn& operator=(const SignIn&) = delete;
    ~SignIn() = default;

    std::string user;
    bool second = false;
    bool granted_at_once = false;
    BusMessage call; ///< to be answered
    BusSlot credentials;
    UniqueFd end;    ///< of the channel, until it asks
    OpenBus channel; ///< from then on
    Service& service;
    bench::TokenRequests requests;
};

class Service {
  public:
    Service(std::string url, std::string ca_file, std::string gate)
        : url_(std::move(url)), ca_file_(std::move(ca_file)), gate_(std::move(gate)) {
        require(sd_event_new(out(event_)), "sd_event_new");
        require(sd_bus_new(out(bus_)), "sd_bus_new");
        require(sd_bus_set_address(bus_.get(), contract::kBusAddress), "bus address");
        require(sd_bus_set_bus_client(bus_.get(), 1), "bus client");
        require(sd_bus_negotiate_fds(bus_.get(), 1), "descriptors");
        require(sd_bus_start(bus_.get()), "connect to the bus");
        require(sd_bus_attach_event(bus_.get(), event_.get(), 0), "attach");
        static const sd_bus_vtable table[] = {
            SD_BUS_VTABLE_START(0),
            SD_BUS_METHOD("BeginSignIn", "a{sv}", contract::kStepSignature, on_begin,
                          SD_BUS_VTABLE_UNPRIVILEGED),
            SD_BUS_VTABLE_END,
        };
        require(sd_bus_add_object_vtable(bus_.get(), nullptr, contract::kObject,
                                         contract::kInterface, table, this),
                "vtable");
        curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
        curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, kMaxConnections);
        curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, kMaxConnections);
        require(sd_event_add_time_relative(event_.get(), out(timer_), CLOCK_MONOTONIC, 0,
                                           kAccuracyUsec, on_time, this),
                "timer");
        require(sd_event_source_set_enabled(timer_.get(), SD_EVENT_OFF), "timer");
        require(sd_bus_request_name(bus_.get(), bench::kBareName, 0), "name");
    }

    void run() { require(sd_event_loop(event_.get()), "loop"); }

  private:
    // -- the bus

    static int on_begin(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) {
        auto& self = *static_cast<Service*>(userdata);
        SignIn& sign_in = self.next();
        sign_in.call.reset(sd_bus_message_ref(message));
        require(sd_bus_message_enter_container(message, 'a', "{sv}"), "context");
        const char* key = nullptr;
        while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
            require(sd_bus_message_read(message, "s", &key), "key");
            const std::string_view name = key;
            const char* value = nullptr;
            if (name == contract::context::kUser || name == contract::context::kService) {
                require(sd_bus_message_read(message, "v", "s", &value), "value");
                if (name == contract::context::kUser) {
                    sign_in.user = value;
                } else {
                    sign_in.granted_at_once = self.gate_ == value;
                }
            } else if (name == contract::context::kChannel) {
                int fd = -1;
                require(sd_bus_message_read(message, "v", "h", &fd), "channel");
                sign_in.end = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
            } else {
                require(sd_bus_message_skip(message, "v"), "value");
            }
            require(sd_bus_message_exit_container(message), "entry");
        }
        require(sd_bus_call_method_async(
                    self.bus_.get(), out(sign_in.credentials), "org.freedesktop.DBus",
                    "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionCredentials",
                    on_credentials, &sign_in, "s", sd_bus_message_get_sender(message)),
                "credentials");
        return 1;
    }

    static int on_credentials(sd_bus_message* /*reply*/, void* userdata, sd_bus_error* /*error*/) {
        auto& sign_in = *static_cast<SignIn*>(userdata);
        if (sign_in.granted_at_once) {
            sign_in.service.reply(sign_in, "granted", "reuse", nullptr);
            sign_in.service.end(sign_in);
        } else {
            sign_in.service.serve_channel(sign_in);
            sign_in.service.reply(sign_in, "ask", "", "Password: ");
        }
        return 1;
    }

    void serve_channel(SignIn& sign_in) {
        static const sd_bus_vtable table[] = {
            SD_BUS_VTABLE_START(0),
            SD_BUS_METHOD("Answer", contract::channel::kAnswerSignature, contract::kStepSignature,
                          on_answer, SD_BUS_VTABLE_UNPRIVILEGED),
            SD_BUS_VTABLE_END,
        };
        sd_bus* channel = nullptr;
        require(sd_bus_new(&channel), "channel");
        sign_in.channel.reset(channel);
        const int fd = sign_in.end.release();
        require(sd_bus_set_fd(channel, fd, fd), "channel");
        require(sd_bus_set_server(channel, 1, sd_id128_t{}), "channel");
        require(sd_bus_set_anonymous(channel, 1), "channel");
        require(sd_bus_add_object_vtable(channel, nullptr, contract::kConversationObject,
                                         contract::kConversationInterface, table, &sign_in),
                "channel");
        require(sd_bus_start(channel), "channel");
        require(sd_bus_attach_event(channel, event_.get(), 0), "channel");
    }

    static int on_answer(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) {
        auto& sign_in = *static_cast<SignIn*>(userdata);
        std::uint64_t serial = 0;
        const void* text = nullptr;
        std::size_t length = 0;
        require(sd_bus_message_read(message, "t", &serial), "answer");
        require(sd_bus_message_enter_container(message, 'a', "ay"), "answer");
        require(sd_bus_message_read_array(message, 'y', &text, &length), "answer");
        sign_in.call.reset(sd_bus_message_ref(message));
        sign_in.service.post(sign_in, {static_cast<const char*>(text), length});
        return 1;
    }

    void reply(SignIn& sign_in, const char* state, const char* reason, const char* prompt) {
        const std::uint64_t serial = sign_in.second ? 2 : 1;
        int r = 0;
        if (prompt != nullptr) {
            r = sd_bus_reply_method_return(sign_in.call.get(), contract::kStepSignature, serial,
                                           state, reason, 1, "secret", prompt, 0);
        } else {
            r = sd_bus_reply_method_return(sign_in.call.get(), contract::kStepSignature, serial,
                                           state, reason, 0, 0);
        }
        require(r, "reply");
        sign_in.call.reset();
    }

    SignIn& next() {
        if (free_.empty()) {
            all_.push_back(std::make_unique<SignIn>(*this, url_, ca_file_));
            free_.push_back(all_.back().get());
        }
        SignIn& sign_in = *free_.back();
        free_.pop_back();
        sign_in.second = false;
        return sign_in;
    }

    void end(SignIn& sign_in) {
        sign_in.credentials.reset();
        sign_in.end.reset();
        sign_in.channel.reset();
        free_.push_back(&sign_in);
    }

    // -- the requests

    void post(SignIn& sign_in, std::string_view answer) {
        if (sign_in.second) {
            sign_in.requests.prepare_second(answer);
        } else {
            sign_in.requests.prepare_first(sign_in.user, answer);
        }
        curl_multi_add_handle(multi_.get(), sign_in.requests.handle());
    }

    void collect() {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
            SignIn* sign_in = nullptr;
            long status = 0;
            CURL* const easy = message->easy_handle;
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, &sign_in);
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            curl_multi_remove_handle(multi_.get(), easy);
            if (!sign_in->second && status == 401) {
                sign_in->second = true;
                reply(*sign_in, "ask", "", "Passcode: ");
            } else {
                reply(*sign_in, status == 200 ? "granted" : "denied", "identity", nullptr);
                end(*sign_in);
            }
        }
    }

    static int on_socket(CURL* /*easy*/, curl_socket_t fd, int what, void* userdata,
                         void* socket_data) {
        auto& self = *static_cast<Service*>(userdata);
        auto* source = static_cast<sd_event_source*>(socket_data);
        if (what == CURL_POLL_REMOVE) {
            sd_event_source_disable_unref(source);
            return 0;
        }
        const std::uint32_t events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) |
                                     ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
        if (source != nullptr) {
            require(sd_event_source_set_io_events(source, events), "events");
            return 0;
        }
        require(sd_event_add_io(self.event_.get(), &source, fd, events, on_ready, &self), "io");
        curl_multi_assign(self.multi_.get(), fd, source);
        return 0;
    }

    static int on_ready(sd_event_source* /*source*/, int fd, std::uint32_t events, void* userdata) {
        auto& self = *static_cast<Service*>(userdata);
        const int what = ((events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                         ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0);
        int running = 0;
        curl_multi_socket_action(self.multi_.get(), fd, what, &running);
        self.collect();
        return 0;
    }

    static int on_timer(CURLM* /*multi*/, long wait_ms, void* userdata) {
        auto& self = *static_cast<Service*>(userdata);
        if (wait_ms >= 0) {
            require(sd_event_source_set_time_relative(self.timer_.get(),
                                                      static_cast<std::uint64_t>(wait_ms) * 1000),
                    "timer");
        }
        require(sd_event_source_set_enabled(self.timer_.get(),
                                            wait_ms >= 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF),
                "timer");
        return 0;
    }

    static int on_time(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* userdata) {
        auto& self = *static_cast<Service*>(userdata);
        int running = 0;
        curl_multi_socket_action(self.multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
        self.collect();
        return 0;
    }

    std::string url_;
    std::string ca_file_;
    std::string gate_;
    EventHandle event_;
    OpenBus bus_;
    EventSource timer_;
    std::vector<std::unique_ptr<SignIn>> all_;
    std::vector<SignIn*> free_;
    Multi multi_{curl_multi_init()}; // cleaned up before the handles that are in it
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: bare_daemon URL CA_FILE GATE_SERVICE\n";
        return 2;
    }
    try {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        Service service(argv[1], argv[2], argv[3]);
        std::cout << "ready" << std::endl;
        service.run();
        return EXIT_SUCCESS;
    } catch (const std::exception& fault) {
        std::cerr << "bare_daemon: " << fault.what() << '\n';
        return EXIT_FAILURE;
    }
}
