// SPDX-License-Identifier: Apache-2.0
#include "private_bus.h"

#include "common/unique_fd.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace raxauth::testing {
namespace {

std::string configuration(const std::string& address, const std::string& services) {
    return "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
           " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
           "<busconfig><type>custom</type><listen>" +
           address + "</listen><auth>EXTERNAL</auth><servicedir>" + services +
           "</servicedir><policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
           "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>\n";
}

} // namespace

TemporaryDirectory::TemporaryDirectory() {
    char name[] = "/tmp/raxauth-test.XXXXXX";
    if (::mkdtemp(name) == nullptr) {
        throw std::runtime_error("mkdtemp");
    }
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

void TemporaryDirectory::write(const std::string& name, const std::string& content) const {
    std::ofstream file(path(name));
    file << content;
    if (!file.flush()) {
        throw std::runtime_error("cannot write " + path(name));
    }
}

PrivateBus::PrivateBus(const std::string& activation) {
    address_ = "unix:path=" + directory_.path("bus");
    std::filesystem::create_directory(directory_.path("services"));
    if (!activation.empty()) {
        directory_.write("services/org.raxauth.Auth1.service",
                         "[D-BUS Service]\nName=org.raxauth.Auth1\nExec=" + activation + "\n");
    }
    directory_.write("bus.conf", configuration(address_, directory_.path("services")));

    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) < 0) {
        throw std::runtime_error("pipe2");
    }
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    std::string config = "--config-file=" + directory_.path("bus.conf");
    std::string program = "dbus-daemon";
    std::string nofork = "--nofork";
    std::string nopid = "--nopidfile";
    std::string print = "--print-address=1";
    char* argv[] = {program.data(), config.data(), nofork.data(),
                    nopid.data(),   print.data(),  nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
    const int error = ::posix_spawnp(&pid_, "dbus-daemon", &actions, nullptr, argv, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        throw std::runtime_error("dbus-daemon cannot be started");
    }
    writing.reset();
    char byte = 0; // the address is printed once it listens
    if (::read(reading.get(), &byte, 1) != 1) {
        throw std::runtime_error("dbus-daemon did not start");
    }
}

void PrivateBus::stop() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
}

} // namespace raxauth::testing
