// SPDX-License-Identifier: Apache-2.0
//
// The floor of every row that crosses the bus: sd-bus and a service that does nothing.
//
//   bus_floor serve    owns org.raxauth.BenchEcho, whose one method returns its argument
//   bus_floor          reads commands, answers each with a list of microseconds:
//     fresh N          connect, Hello, one call, close; N times
//     open N           one call on a connection kept open; N times
#include "common/bus_contract.h"
#include "common/handle.h"
#include "tests/bench/samples.h"

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>
#include <systemd/sd-bus.h>

using namespace raxauth;

namespace {

constexpr const char* kName = "org.raxauth.BenchEcho";
constexpr const char* kPath = "/org/raxauth/BenchEcho";

using Bus = CHandle<sd_bus, sd_bus_flush_close_unref>;
using Message = CHandle<sd_bus_message, sd_bus_message_unref>;

void require(int r, const char* what) {
    if (r < 0) {
        throw std::runtime_error(std::string(what) + ": " + std::strerror(-r));
    }
}

Bus connect() {
    Bus bus;
    require(sd_bus_new(out(bus)), "sd_bus_new");
    require(sd_bus_set_address(bus.get(), contract::kBusAddress), "address");
    require(sd_bus_set_bus_client(bus.get(), 1), "bus client");
    require(sd_bus_start(bus.get()), "connect");
    return bus;
}

void call(sd_bus* bus) {
    Message reply;
    require(sd_bus_call_method(bus, kName, kPath, kName, "Echo", nullptr, out(reply), "s", "gate"),
            "Echo");
}

int echo(sd_bus_message* message, void* /*userdata*/, sd_bus_error* /*error*/) {
    const char* text = nullptr;
    const int r = sd_bus_message_read(message, "s", &text);
    return r < 0 ? r : sd_bus_reply_method_return(message, "s", text);
}

void serve() {
    const Bus bus = connect();
    static const sd_bus_vtable table[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Echo", "s", "s", echo, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
    };
    require(sd_bus_add_object_vtable(bus.get(), nullptr, kPath, kName, table, nullptr), "vtable");
    require(sd_bus_request_name(bus.get(), kName, 0), "name");
    std::cout << "ready" << std::endl;
    for (;;) {
        const int r = sd_bus_process(bus.get(), nullptr);
        require(r, "process");
        if (r == 0) {
            require(sd_bus_wait(bus.get(), UINT64_MAX), "wait");
        }
    }
}

void measure() {
    const Bus open = connect();
    std::string what;
    unsigned count = 0;
    while (std::cin >> what >> count) {
        std::vector<double> samples;
        for (unsigned i = 0; i < count; ++i) {
            samples.push_back(bench::timed([&] {
                if (what == "open") {
                    call(open.get());
                } else {
                    const Bus fresh = connect();
                    call(fresh.get());
                }
            }));
        }
        bench::print_samples(samples);
    }
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 1 && std::strcmp(argv[1], "serve") == 0) {
            serve();
        } else {
            measure();
        }
        return EXIT_SUCCESS;
    } catch (const std::exception& fault) {
        std::cerr << "bus_floor: " << fault.what() << '\n';
        return EXIT_FAILURE;
    }
}
