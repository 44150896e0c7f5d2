// SPDX-License-Identifier: Apache-2.0
//
// The floor of every row that asks Identity: bare libcurl sending the same two requests as the
// daemon does, over kept connections, and reading nothing of the replies but status and session.
//
//   https_floor URL CA_FILE USER PASSWORD    reads commands:
//     code TEXT           the passcode from now on
//     pairs N             N times both requests on one connection -> list of microseconds
//     rate K SECONDS      K requests at a time, alternating -> requests per second
#include "common/handle.h"
#include "tests/bench/samples.h"
#include "tests/bench/token_requests.h"

#include <curl/curl.h>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace raxauth;

namespace {

using Multi = CHandle<CURLM, curl_multi_cleanup>;

struct Target {
    std::string url;
    std::string ca_file;
    std::string user;
    std::string password;
    std::string code;
};

/// Sends the first request and the second in turn.
class Requester {
  public:
    explicit Requester(const Target& target)
        : target_(target), requests_(target.url, target.ca_file, this) {}
    Requester(const Requester&) = delete;
    Requester& operator=(const Requester&) = delete;

    CURL* handle() const { return requests_.handle(); }

    void prepare() {
        if (second_) {
            requests_.prepare_second(target_.code);
        } else {
            requests_.prepare_first(target_.user, target_.password);
        }
    }

    void check(CURLcode result) {
        long status = 0;
        curl_easy_getinfo(handle(), CURLINFO_RESPONSE_CODE, &status);
        if (result != CURLE_OK || status != (second_ ? 200 : 401)) {
            throw std::runtime_error(std::string(curl_easy_strerror(result)) + ", HTTP " +
                                     std::to_string(status));
        }
        second_ = !second_;
    }

  private:
    const Target& target_;
    bench::TokenRequests requests_;
    bool second_ = false;
};

void pairs(Requester& requester, unsigned count) {
    std::vector<double> samples;
    for (unsigned i = 0; i < count; ++i) {
        samples.push_back(bench::timed([&] {
            for (int step = 0; step < 2; ++step) {
                requester.prepare();
                requester.check(curl_easy_perform(requester.handle()));
            }
        }));
    }
    bench::print_samples(samples);
}

/// Requests per second with `requesters.size()` in flight, each on a connection of its own.
double rate(CURLM* multi, std::vector<std::unique_ptr<Requester>>& requesters, double seconds) {
    using Clock = std::chrono::steady_clock;
    const auto begin = [multi](Requester& requester) {
        requester.prepare();
        curl_multi_add_handle(multi, requester.handle());
    };
    for (const auto& requester : requesters) {
        begin(*requester);
    }
    const auto begun = Clock::now();
    const auto until = begun + std::chrono::duration<double>(seconds);
    unsigned done = 0;
    int running = 1;
    while (running > 0) {
        curl_multi_perform(multi, &running);
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
            Requester* requester = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &requester);
            const CURLcode result = message->data.result;
            curl_multi_remove_handle(multi, requester->handle());
            requester->check(result);
            ++done;
            if (Clock::now() < until) {
                begin(*requester);
                running = 1;
            }
        }
        if (running > 0) {
            curl_multi_poll(multi, nullptr, 0, 100, nullptr);
        }
    }
    return done / std::chrono::duration<double>(Clock::now() - begun).count();
}

void serve(Target& target) {
    Requester serial(target);
    std::vector<std::unique_ptr<Requester>> requesters;
    // cleaned up before the handles that were in it
    const Multi multi(curl_multi_init());
    std::string what;
    while (std::cin >> what) {
        if (what == "code") {
            std::cin >> target.code;
        } else if (what == "pairs") {
            unsigned count = 0;
            std::cin >> count;
            pairs(serial, count);
        } else if (what == "rate") {
            std::size_t in_flight = 0;
            double seconds = 0;
            std::cin >> in_flight >> seconds;
            while (requesters.size() < in_flight) {
                requesters.push_back(std::make_unique<Requester>(target));
            }
            requesters.resize(in_flight);
            curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(in_flight));
            std::cout << rate(multi.get(), requesters, seconds) << std::endl;
        } else {
            throw std::runtime_error("unknown command " + what);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: https_floor URL CA_FILE USER PASSWORD\n";
        return 2;
    }
    try {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        Target target{argv[1], argv[2], argv[3], argv[4], ""};
        serve(target);
        return EXIT_SUCCESS;
    } catch (const std::exception& fault) {
        std::cerr << "https_floor: " << fault.what() << '\n';
        return EXIT_FAILURE;
    }
}
