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

void expect_granted(const client::Step& step) {
    if (step.state != State::Granted) {
        throw std::runtime_error("not granted: " + step.reason + " " + prompt_of(step));
    }
}

void serve(const Who& gate, const char* daemon) {
    client::Connection bus;
    connect_to_bus(bus);
    std::string what;
    while (std::cin >> what) {
        if (what == "sign-in") {
            Who who = gate;
            std::string password;
            std::string code;
            std::cin >> who.service >> password >> code;
            client::Channel channel;
            client::Step step = begin(bus, who, channel, daemon);
            while (step.state == State::Ask) {
                step = answer(channel, step, asks_for_passcode(step) ? code : password);
            }
            expect_granted(step);
            std::cout << "true" << std::endl;
        } else {
            unsigned count = 0;
            std::cin >> count;
            std::vector<double> samples;
            for (unsigned i = 0; i < count; ++i) {
                samples.push_back(timed([&] {
                    client::Channel channel;
                    expect_granted(begin(bus, gate, channel, daemon));
                }));
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
