// SPDX-License-Identifier: Apache-2.0
// Signs in over HTTPS, twice, with the connection kept, and then looks through all of its own
// memory for what was secret. The server is a process of its own: it may keep what it likes.
#include "daemon/identity/rackspace/client.h"
#include "daemon/identity/revocation.h"
#include "daemon/scrub/scrub.h"
#include "tests/support/event_pump.h"
#include "tests/support/scripted_server.h"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::testing;
using namespace std::chrono_literals;

namespace {

constexpr char kMask = 0x15;

/// A secret that this program holds only veiled; the server process knows it plain.
struct Veiled {
    const char* name;
    std::string veiled;

    Secret plain() const {
        Secret text;
        text.reserve(veiled.size());
        for (const char c : veiled) {
            text.append(static_cast<char>(c ^ kMask));
        }
        return text;
    }
};

/// Random, so that no copy of it can be in the program's own image.
Veiled invent(const char* name) {
    Veiled secret{name, {}};
    unsigned char bytes[24];
    if (getentropy(bytes, sizeof bytes) != 0) {
        std::abort();
    }
    for (const unsigned char byte : bytes) {
        secret.veiled.push_back(static_cast<char>(static_cast<char>('a' + byte % 26) ^ kMask));
    }
    return secret;
}

/// Looked for through /proc/self/mem, piece by piece, and unveiled letter by letter only.
int count_in_memory(const Veiled& secret) {
    std::FILE* maps = std::fopen("/proc/self/maps", "re");
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    int found = 0;
    char line[512];
    while (std::fgets(line, sizeof line, maps) != nullptr) {
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        char rights[8] = {};
        if (std::sscanf(line, "%lx-%lx %7s", &begin, &end, rights) != 3 || rights[1] != 'w') {
            continue;
        }
        std::vector<char> piece(end - begin);
        const ssize_t got = pread(memory, piece.data(), piece.size(), static_cast<off_t>(begin));
        const std::size_t size = secret.veiled.size();
        for (std::size_t i = 0; got > 0 && i + size <= static_cast<std::size_t>(got); ++i) {
            std::size_t same = 0;
            while (same < size &&
                   piece[i + same] == static_cast<char>(secret.veiled[same] ^ kMask)) {
                ++same;
            }
            found += same == size ? 1 : 0;
        }
        wipe(piece.data(), piece.size());
    }
    std::fclose(maps);
    ::close(memory);
    return found;
}

[[noreturn]] void serve(int ready, const Veiled& session, const Veiled& token) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const std::string session_id(session.plain().view());
    const std::string token_id(token.plain().view());
    const ScriptedServer server(ScriptedServer::answering([&](const WireRequest& request) {
        if (request.method == "DELETE") {
            return ScriptedServer::reply(204, "");
        }
        if (request.header("x-sessionid").empty()) {
            return ScriptedServer::reply(401, "{}",
                                         "WWW-Authenticate: OS-MF sessionId='" + session_id +
                                             "', factor='PASSCODE'\r\n");
        }
        return ScriptedServer::reply(
            200, R"({"access":{"token":{"id":")" + token_id +
                     R"(","expires":"2100-01-01T00:00:00Z","RAX-AUTH:authenticatedBy":)"
                     R"(["PASSWORD","PASSCODE"]},"user":{"id":"1","name":"alice"}}})");
    }));
    dprintf(ready, "%u %s\n", static_cast<unsigned>(server.port()), server.ca_file().c_str());
    ::close(ready);
    for (;;) {
        pause();
    }
}

Task<void> sign_in(rackspace::Client& identity, const Veiled& password, const Veiled& passcode,
                   int& granted) {
    const Account alice{"alice", "", ""};
    const Secret first = password.plain();
    const Answer challenged =
        co_await identity.authenticate(alice, CredentialKind::Password, first);
    const auto* challenge = std::get_if<PasscodeRequired>(&challenged);
    if (challenge == nullptr) {
        co_return;
    }
    const Secret second = passcode.plain();
    const Answer issued = co_await identity.submit_passcode(alice, challenge->challenge, second);
    granted += std::holds_alternative<TokenIssued>(issued) ? 1 : 0;
}

} // namespace

int main() {
    const Veiled password = invent("password");
    const Veiled passcode = invent("passcode");
    const Veiled session = invent("session id");
    const Veiled token = invent("token");
    int ready[2];
    if (pipe(ready) != 0) {
        return 1;
    }
    const pid_t child = fork();
    if (child == 0) {
        serve(ready[1], session, token);
    }
    scrub::install();
    unsigned port = 0;
    char ca_file[128] = {};
    std::FILE* from_server = fdopen(ready[0], "r");
    if (std::fscanf(from_server, "%u %127s", &port, ca_file) != 2) {
        return 1;
    }
    std::fclose(from_server);
    ::close(ready[1]);

    int failures = 0;
    {
        Loop loop;
        const SystemClock clock;
        settings::IdentitySettings settings;
        settings.url = "https://127.0.0.1:" + std::to_string(port) + "/v2.0";
        settings.ca_file = ca_file;
        Revocations revocations(loop);
        HttpTransport transport(loop, settings, clock);
        rackspace::Client identity(transport, settings, revocations, clock);
        revocations.use(&identity);
        int granted = 0;
        for (int round = 1; round <= 2; ++round) {
            const Job job = Job::start(sign_in(identity, password, passcode, granted));
            run_until(loop, [&] { return job.finished() && granted == round; });
        }
        const Veiled control = invent("control");
        const Secret held = control.plain();
        const bool sees = count_in_memory(control) >= 1;
        std::printf("%s: two sign-ins\n", granted == 2 ? "ok" : "FAILED");
        std::printf("%s: the look finds a secret that is held\n", sees ? "ok" : "FAILED");
        failures += granted == 2 ? 0 : 1;
        failures += sees ? 0 : 1;
        run_until(loop, [&] { return revocations.counts().revoked == 2; });
        for (const Veiled* secret : {&password, &passcode, &session, &token}) {
            const int left = count_in_memory(*secret);
            std::printf("%s: %s left in memory %d times\n", left == 0 ? "ok" : "FAILED",
                        secret->name, left);
            failures += left == 0 ? 0 : 1;
        }
    }
    kill(child, SIGTERM);
    waitpid(child, nullptr, 0);
    unlink(ca_file);
    return failures == 0 ? 0 : 1;
}
