// SPDX-License-Identifier: Apache-2.0
// raxauth in surroundings that the environment names: for tests alone, the installed program takes
// nothing from there.
#include "cli/program.h"

#include <cstdlib>
#include <string>

namespace {

void take(std::string& into, const char* name) {
    if (const char* value = std::getenv(name)) { // NOLINT(concurrency-mt-unsafe): one thread
        into = value;
    }
}

} // namespace

int main(int argc, char** argv) {
    raxauth::cli::Surroundings around;
    std::string bus = around.bus_address;
    take(bus, "ELSEWHERE_BUS");
    around.bus_address = bus.c_str();
    take(around.settings.file, "ELSEWHERE_SETTINGS");
    take(around.settings.directory, "ELSEWHERE_DROP_INS");
    take(around.sshd.source, "ELSEWHERE_SSHD_SOURCE");
    take(around.sshd.directory, "ELSEWHERE_SSHD");
    around.sshd.configuration = around.sshd.directory + "/sshd_config";
    around.sshd.drop_ins = around.sshd.directory + "/sshd_config.d";
    take(around.sshd.systemctl, "ELSEWHERE_SYSTEMCTL");
    take(around.daemon_user, "ELSEWHERE_DAEMON_USER");
    take(around.pam.services.front(), "ELSEWHERE_PAM");
    around.pam.services.resize(1);
    take(around.pam.modules.emplace_back(), "ELSEWHERE_MODULES");
    take(around.pam.update, "ELSEWHERE_PAM_AUTH_UPDATE");
    return raxauth::cli::run(argc, argv, around);
}
