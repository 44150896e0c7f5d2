// SPDX-License-Identifier: Apache-2.0
//
// Many sign-ins at once, each answering its prompts without delay. Each begins on a bus connection
// of its own that serves one sign-in after the other, and goes on over a channel of its own.
//
//   login_load DAEMON SERVICE PASSWORD_PREFIX PASSWORD_SUFFIX USER...    reads commands:
//     code TEXT                  the passcode of everybody from now on
//     logins IN_FLIGHT COUNT     COUNT sign-ins -> {"seconds", "granted", "failed", "why"}
//     flood IN_FLIGHT SECONDS    as many as can be in that time -> the same
//     prompts COUNT              COUNT sign-ins at their first prompt -> {"open", "failed", "why"}
//     leave                      they hang up
#include "common/unique_fd.h"
#include "tests/bench/daemon_calls.h"

#include <chrono>
#include <iostream>
#include <iterator>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

using namespace raxauth;
using namespace raxauth::bench;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kCallTimeoutUsec = 120'000'000;

struct Person {
    std::string name;
    std::string password;
    uid_t uid;
};

/// One batch of sign-ins: how many are still to begin, and what came of those that ended.
struct Batch {
    std::string daemon; ///< its bus name
    std::string service;
    std::string code;
    std::vector<Person> people;
    std::size_t next_person = 0;
    unsigned left = 0;
    Clock::time_point until = Clock::time_point::max();
    unsigned running = 0; ///< slots
    unsigned granted = 0;
    unsigned failed = 0;
    std::string why; ///< of the first failure

    bool take() {
        if (left == 0 || Clock::now() >= until) {
            return false;
        }
        --left;
        return true;
    }
};

class Slot {
  public:
    Slot(Batch& batch, int events) : batch_(batch), events_(events) {
        connect_to_bus(bus_);
        const char* name = nullptr;
        require(sd_bus_get_unique_name(bus_.bus(), &name), "Hello"); // waits for it
        watch(sd_bus_get_fd(bus_.bus()));
    }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    void begin() {
        if (!batch_.take()) {
            --batch_.running;
            return;
        }
        person_ = &batch_.people[batch_.next_person++ % batch_.people.size()];
        Who who;
        who.user = person_->name;
        who.service = batch_.service;
        who.account_uid = person_->uid;
        int ends[2];
        require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                "socketpair");
        own_end_ = UniqueFd(ends[0]);
        const UniqueFd other_end(ends[1]);
        const BusMessage call =
            value_of(bus_.new_call(batch_.daemon.c_str(), contract::kObject, contract::kInterface,
                                   contract::method::kBeginSignIn));
        require(client::append_context(call.get(), context_of(who), other_end.get()), "context");
        send(bus_, call);
    }

    /// Something has come.
    void process() {
        process(bus_);
        if (channel_) {
            process(channel_);
        }
        if (std::exchange(over_, false)) {
            channel_.close(); // epoll forgets it
            begin();
        }
    }

  private:
    void watch(int fd) {
        epoll_event wanted{};
        wanted.events = EPOLLIN;
        wanted.data.ptr = this;
        require(::epoll_ctl(events_, EPOLL_CTL_ADD, fd, &wanted), "epoll_ctl");
    }

    void process(client::Connection& connection) {
        int r = 0;
        do {
            r = sd_bus_process(connection.bus(), nullptr);
        } while (r > 0 && !over_);
        if (r < 0 && !over_) {
            fail(std::strerror(-r));
        }
    }

    void send(client::Connection& connection, const BusMessage& request) {
        require(sd_bus_call_async(connection.bus(), nullptr, request.get(), on_reply, this,
                                  kCallTimeoutUsec),
                "call");
    }

    static int on_reply(sd_bus_message* reply, void* self, sd_bus_error* /*error*/) {
        static_cast<Slot*>(self)->handle(reply);
        return 1;
    }

    void handle(sd_bus_message* reply) {
        try {
            if (const sd_bus_error* error = sd_bus_message_get_error(reply)) {
                throw std::runtime_error(error->name);
            }
            const client::Step step = value_of(client::read_step(reply));
            if (step.state == State::Ask) {
                answer(step);
                return;
            }
            if (step.state != State::Granted) {
                throw std::runtime_error(step.reason + " " + prompt_of(step));
            }
            ++batch_.granted;
            over_ = true;
        } catch (const std::exception& fault) {
            fail(fault.what());
        }
    }

    void answer(const client::Step& step) {
        if (!channel_) {
            if (const auto error = channel_.adopt(std::move(own_end_))) {
                bench::fail(*error);
            }
            watch(sd_bus_get_fd(channel_.bus()));
        }
        std::vector<Secret> answers;
        answers.emplace_back(asks_for_passcode(step) ? batch_.code : person_->password);
        send(channel_, value_of(client::new_answer(channel_, step.serial, answers)));
    }

    void fail(const char* why) {
        ++batch_.failed;
        if (batch_.why.empty()) {
            batch_.why = why;
        }
        over_ = true;
    }

    Batch& batch_;
    int events_;
    client::Connection bus_;
    UniqueFd own_end_; ///< of the channel, until it is asked
    client::Connection channel_;
    bool over_ = false;
    const Person* person_ = nullptr;
};

/// Opens `count` dialogues and leaves them at their first prompt, as people at a terminal do.
void open_prompts(Batch& batch, unsigned count, std::list<client::Channel>& prompts) {
    client::Connection bus;
    connect_to_bus(bus);
    std::string why;
    unsigned failed = 0;
    for (unsigned i = 0; i < count; ++i) {
        const Person& person = batch.people[i % batch.people.size()];
        Who who;
        who.user = person.name;
        who.service = batch.service;
        who.account_uid = person.uid;
        try {
            client::Channel& channel = prompts.emplace_back();
            const client::Step step = bench::begin(bus, who, channel, batch.daemon.c_str());
            if (step.state != State::Ask) {
                throw std::runtime_error(step.reason);
            }
            channel.start(); // so that the daemon has all of it that it will ever have
        } catch (const std::exception& fault) {
            ++failed;
            why = fault.what();
        }
    }
    std::cout << nlohmann::json{{"open", count - failed}, {"failed", failed}, {"why", why}}
              << std::endl;
}

/// Not sd-event: it looks at every one of a thousand connections at every turn.
void run(Batch& batch, unsigned in_flight) {
    const UniqueFd events(::epoll_create1(EPOLL_CLOEXEC));
    batch.granted = batch.failed = 0;
    batch.why.clear();
    std::list<Slot> slots; // connected before the clock starts
    for (unsigned i = 0; i < in_flight; ++i) {
        slots.emplace_back(batch, events.get());
    }
    batch.running = in_flight;
    const auto begun = Clock::now();
    for (Slot& slot : slots) {
        slot.begin();
    }
    while (batch.running > 0) {
        epoll_event ready[64];
        const int count = ::epoll_wait(events.get(), ready, std::size(ready), -1);
        for (int i = 0; i < count; ++i) {
            static_cast<Slot*>(ready[i].data.ptr)->process();
        }
    }
    const std::chrono::duration<double> took = Clock::now() - begun;
    std::cout << nlohmann::json{{"seconds", took.count()},
                                {"granted", batch.granted},
                                {"failed", batch.failed},
                                {"why", batch.why}}
              << std::endl;
}

void serve(Batch& batch) {
    std::list<client::Channel> prompts;
    std::string what;
    while (std::cin >> what) {
        unsigned in_flight = 0;
        if (what == "code") {
            std::cin >> batch.code;
        } else if (what == "logins") {
            std::cin >> in_flight >> batch.left;
            batch.until = Clock::time_point::max();
            run(batch, in_flight);
        } else if (what == "flood") {
            double seconds = 0;
            std::cin >> in_flight >> seconds;
            batch.left = UINT32_MAX;
            batch.until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                             std::chrono::duration<double>(seconds));
            run(batch, in_flight);
        } else if (what == "prompts") {
            std::cin >> in_flight;
            open_prompts(batch, in_flight, prompts);
        } else if (what == "leave") {
            prompts.clear();
        } else {
            throw std::runtime_error("unknown command " + what);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 6) {
        std::cerr << "usage: login_load DAEMON SERVICE PASSWORD_PREFIX PASSWORD_SUFFIX USER...\n";
        return 2;
    }
    try {
        const rlimit many{20000, 20000}; // descriptors
        require(::setrlimit(RLIMIT_NOFILE, &many), "setrlimit");
        Batch batch;
        batch.daemon = argv[1];
        batch.service = argv[2];
        for (int i = 5; i < argc; ++i) {
            const passwd* const entry = ::getpwnam(argv[i]); // as the module does
            if (entry == nullptr) {
                throw std::runtime_error(std::string("no such user: ") + argv[i]);
            }
            batch.people.push_back(
                {argv[i], argv[3] + std::string(argv[i]) + argv[4], entry->pw_uid});
        }
        serve(batch);
        return EXIT_SUCCESS;
    } catch (const std::exception& fault) {
        std::cerr << "login_load: " << fault.what() << '\n';
        return EXIT_FAILURE;
    }
}
