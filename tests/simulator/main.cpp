// SPDX-License-Identifier: Apache-2.0
// raxauth-identity-sim: Rackspace Cloud Identity v2.0 on loopback, for tests, bench and demo.
#include "tests/simulator/certificates.h"
#include "tests/simulator/control.h"
#include "tests/simulator/http_server.h"
#include "tests/simulator/identity.h"
#include "tests/simulator/request_log.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace {

using namespace raxauth::simulator;

struct Options {
    std::string users;
    std::string listen = "127.0.0.1:0";
    std::string control;
    std::string cert;
    std::string key;
    std::string make_certs;
    std::string serve = "server";
    bool certs_only = false;
    bool plain_http = false;
    std::string log;
    std::string outbox;
    std::string ready_file;
    std::string control_ready_file;
    std::string switches;
    std::string tls_priorities = "NORMAL";
    double latency_ms = 0;
    unsigned int threads = 2;
};

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error("cannot read " + path);
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Whoever waits for the file must never see it half written.
void write_port(const std::string& path, std::uint16_t port) {
    if (path.empty()) {
        return;
    }
    const std::string aside = path + ".part";
    {
        std::ofstream file(aside);
        file << port << '\n';
        if (!file.flush()) {
            throw std::runtime_error("cannot write " + aside);
        }
    }
    std::filesystem::rename(aside, path);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
    }
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("--users", options.users, "Users file (JSON)");
    app.add_option("--listen", options.listen, "HOST:PORT of the service; port 0 chooses one")
        ->capture_default_str();
    app.add_option("--control", options.control, "HOST:PORT of the control interface (plain HTTP)");
    app.add_option("--cert", options.cert, "Server certificate (PEM)");
    app.add_option("--key", options.key, "Its key (PEM)");
    app.add_option("--make-certs", options.make_certs,
                   "Make a CA and server certificates in this directory and serve with one");
    app.add_option("--serve", options.serve, "Which certificate of --make-certs to serve with")
        ->check(CLI::IsMember({"server", "foreign", "wrong-host", "expired"}))
        ->capture_default_str();
    app.add_flag("--certs-only", options.certs_only, "Make the certificates and end");
    app.add_flag("--plain-http", options.plain_http, "No TLS");
    app.add_option("--log", options.log, "Request log (JSON lines, appended)");
    app.add_option("--outbox", options.outbox, "Text messages sent (JSON lines, appended)");
    app.add_option("--ready-file", options.ready_file, "Write the port here when accepting");
    app.add_option("--control-ready-file", options.control_ready_file,
                   "Write the control port here when accepting");
    app.add_option("--switches", options.switches, "Switches to start with (JSON object)");
    app.add_option("--tls-priorities", options.tls_priorities, "GnuTLS priority string")
        ->capture_default_str();
    app.add_option("--latency-ms", options.latency_ms, "Hold every reply back for so long")
        ->capture_default_str();
    app.add_option("--threads", options.threads, "Server threads")->capture_default_str();
}

ServerOptions server_options(const Options& options) {
    ServerOptions server;
    server.listen = options.listen;
    server.threads = options.threads;
    server.tls_priorities = options.tls_priorities;
    server.peer_details = !options.log.empty();
    if (options.plain_http) {
        return server;
    }
    const std::string base = options.make_certs + "/" + options.serve;
    server.certificate = read_file(options.cert.empty() ? base + ".pem" : options.cert);
    server.key = read_file(options.key.empty() ? base + ".key" : options.key);
    return server;
}

void run(const Options& options) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    // Before any thread starts, so that all of them leave the signals to the wait below.
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    std::signal(SIGPIPE, SIG_IGN);

    ShiftedClock clock;
    Identity identity(clock, Directory::from_file(options.users));
    if (!options.switches.empty()) {
        identity.with_state(
            [&](State& state) { state.switches.merge(nlohmann::json::parse(options.switches)); });
    }
    if (!options.outbox.empty()) {
        identity.write_outbox_to(options.outbox);
    }
    std::optional<RequestLog> log;
    if (!options.log.empty()) {
        log.emplace(options.log);
    }
    HttpServer server(server_options(options), [&](const Request& request, const Peer& peer) {
        Identity::Answer answer = identity.answer(request, peer.address);
        if (log) {
            log->write(clock.now(), request, peer, answer.trace, answer.reply.status);
        }
        return std::move(answer.reply);
    });
    server.set_latency(
        std::chrono::microseconds{static_cast<std::int64_t>(options.latency_ms * 1000)});

    Control control(identity, clock, options.users);
    control.attach(server);
    std::optional<HttpServer> control_server;
    if (!options.control.empty()) {
        ServerOptions own;
        own.listen = options.control;
        own.max_body = 16 << 20;
        control_server.emplace(
            own, [&](const Request& request, const Peer&) { return control.answer(request); });
        fmt::print("control on {}:{}\n", options.control.substr(0, options.control.rfind(':')),
                   control_server->port());
        write_port(options.control_ready_file, control_server->port());
    }
    fmt::print("listening on {}:{}\n", options.listen.substr(0, options.listen.rfind(':')),
               server.port());
    std::fflush(stdout);
    write_port(options.ready_file, server.port());

    int signal = 0;
    sigwait(&ends, &signal);
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Rackspace Cloud Identity v2.0, simulated, for tests and the demo"};
    Options options;
    add_options(app, options);
    CLI11_PARSE(app, argc, argv);
    try {
        if (!options.make_certs.empty()) {
            make_certificates(options.make_certs);
        }
        if (options.certs_only) {
            return 0;
        }
        if (options.users.empty()) {
            fmt::print(stderr, "raxauth-identity-sim: --users FILE is wanted\n");
            return 2;
        }
        if (!options.plain_http && options.make_certs.empty() &&
            (options.cert.empty() || options.key.empty())) {
            fmt::print(stderr, "raxauth-identity-sim: --cert and --key, --make-certs DIR or "
                               "--plain-http is wanted\n");
            return 2;
        }
        raise_descriptor_limit();
        run(options);
        return 0;
    } catch (const std::exception& fault) {
        fmt::print(stderr, "raxauth-identity-sim: {}\n", fault.what());
        return 1;
    }
}
