// SPDX-License-Identifier: Apache-2.0
//
// The gate as the daemon sees it: BeginSignIn from an open bus connection, for a session whose
// person has signed in, granted at once.
//
//   bus_gate DAEMON USER UID AUDIT_SESSION SERVICE    reads commands:
//     sign-in SERVICE PASSWORD CODE    a whole sign-in inside the session, which makes its entry
//     gate N                           N calls -> list of microseconds
#include "tests/bench/daemon_calls.h"
#include "tests/bench/samples.h"

#include <iostream>

using namespace raxauth;
using namespace raxauth::bench;

namespace {

void expect_granted(const Step& step) {
    if (step.state != "granted") {
        throw std::runtime_error("not granted: " + step.state + " " + step.reason + " " +
                                 step.prompt);
    }
}

void serve(const Who& gate, const char* daemon) {
    const Bus bus = connect_to_bus();
    std::string what;
    while (std::cin >> what) {
        if (what == "sign-in") {
            Who who = gate;
            std::string password;
            std::string code;
            std::cin >> who.service >> password >> code;
            Step step = call(bus.get(), begin_call(bus.get(), who, daemon));
            while (step.state == "ask") {
                step =
                    call(bus.get(), answer_call(bus.get(), step.id, step.serial,
                                                asks_for_passcode(step) ? code : password, daemon));
            }
            expect_granted(step);
            std::cout << "true" << std::endl;
        } else {
            unsigned count = 0;
            std::cin >> count;
            std::vector<double> samples;
            for (unsigned i = 0; i < count; ++i) {
                samples.push_back(timed(
                    [&] { expect_granted(call(bus.get(), begin_call(bus.get(), gate, daemon))); }));
            }
            print_samples(samples);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        std::cerr << "usage: bus_gate DAEMON USER UID AUDIT_SESSION SERVICE\n";
        return 2;
    }
    try {
        Who gate;
        gate.user = argv[2];
        gate.uid = static_cast<uid_t>(std::stoul(argv[3]));
        gate.account_uid = gate.uid;
        gate.audit_session = static_cast<std::uint32_t>(std::stoul(argv[4]));
        gate.service = argv[5];
        serve(gate, argv[1]);
        return EXIT_SUCCESS;
    } catch (const std::exception& fault) {
        std::cerr << "bus_gate: " << fault.what() << '\n';
        return EXIT_FAILURE;
    }
}
