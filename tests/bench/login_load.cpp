// SPDX-License-Identifier: Apache-2.0
//
// Many sign-ins at once, each answering its prompts without delay, each on a bus connection of its
// own that serves one sign-in after the other.
//
//   login_load DAEMON SERVICE PASSWORD_PREFIX PASSWORD_SUFFIX USER...    reads commands:
//     code TEXT                  the passcode of everybody from now on
//     logins IN_FLIGHT COUNT     COUNT sign-ins -> {"seconds", "granted", "failed", "why"}
//     flood IN_FLIGHT SECONDS    as many as can be in that time -> the same
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
    explicit Slot(Batch& batch) : batch_(batch), bus_(connect_to_bus()) {
        const char* name = nullptr;
        require(sd_bus_get_unique_name(bus_.get(), &name), "Hello"); // waits for it
    }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    int fd() const { return sd_bus_get_fd(bus_.get()); }

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
        send(begin_call(bus_.get(), who, batch_.daemon.c_str()));
    }

    /// Something has come.
    void process() {
        int r = 0;
        do {
            r = sd_bus_process(bus_.get(), nullptr);
            require(r, "process");
        } while (r > 0);
    }

  private:
    void send(const BusMessage& request) {
        require(
            sd_bus_call_async(bus_.get(), nullptr, request.get(), on_reply, this, kCallTimeoutUsec),
            "call");
    }

    static int on_reply(sd_bus_message* reply, void* self, sd_bus_error* /*error*/) {
        static_cast<Slot*>(self)->handle(reply);
        return 1;
    }

    void handle(sd_bus_message* reply) {
        try {
            const Step step = read_step(reply);
            if (step.state == "ask") {
                send(answer_call(bus_.get(), step.id, step.serial,
                                 asks_for_passcode(step) ? batch_.code : person_->password,
                                 batch_.daemon.c_str()));
                return;
            }
            if (step.state != "granted") {
                throw std::runtime_error(step.state + " " + step.reason + " " + step.prompt);
            }
            ++batch_.granted;
        } catch (const std::exception& fault) {
            ++batch_.failed;
            if (batch_.why.empty()) {
                batch_.why = fault.what();
            }
        }
        begin();
    }

    Batch& batch_;
    Bus bus_;
    const Person* person_ = nullptr;
};

/// Not sd-event: it looks at every one of a thousand connections at every turn.
void run(Batch& batch, unsigned in_flight) {
    const UniqueFd events(::epoll_create1(EPOLL_CLOEXEC));
    batch.granted = batch.failed = 0;
    batch.why.clear();
    std::list<Slot> slots; // connected before the clock starts
    for (unsigned i = 0; i < in_flight; ++i) {
        Slot& slot = slots.emplace_back(batch);
        epoll_event wanted{};
        wanted.events = EPOLLIN;
        wanted.data.ptr = &slot;
        require(::epoll_ctl(events.get(), EPOLL_CTL_ADD, slot.fd(), &wanted), "epoll_ctl");
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
