// SPDX-License-Identifier: Apache-2.0
//
// The new table is handed over before the old one is dropped, under the other of two names, so that
// a crash between the two leaves both; the higher generation counts.
#include "daemon/sessions/descriptor_store.h"

#include "daemon/journal/journal.h"
#include "daemon/sessions/record_bytes.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <systemd/sd-daemon.h>
#include <unistd.h>

namespace raxauth::sessions {
namespace {

/// The outer table never changes, whatever becomes of the records of sessions: every version reads
/// the tokens, and revokes those whose sessions it cannot take back.
constexpr std::string_view kMagic = "raxauth kept 2";
constexpr const char* kNames[] = {"sessions-a", "sessions-b"};
/// A burst of changes is saved once; a table that takes long to save is saved less often, so that
/// saving never takes more than a small part of the time.
constexpr std::chrono::microseconds kSoon{20'000};
constexpr int kCostShare = 20;
constexpr off_t kMostBytes = off_t{1} << 30;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd sealed_copy(std::string_view bytes) {
    UniqueFd fd(::memfd_create("raxauth-sessions", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) {
        fail("memfd_create");
    }
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            fail("write the session table");
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
        0) {
        fail("seal the session table");
    }
    return fd;
}

/// The section of tokens; a part that was cut off gives no token.
std::vector<Secret> tokens_in(const Secret& section) {
    std::vector<Secret> tokens;
    RecordReader in(section.view());
    while (!in.at_end()) {
        const std::string_view token = in.text();
        if (!in.good()) {
            break;
        }
        tokens.emplace_back(token);
    }
    return tokens;
}

Secret content_of(int fd) {
    struct stat status{};
    Secret bytes;
    if (::fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        status.st_size > kMostBytes) {
        return bytes;
    }
    bytes.reserve(static_cast<std::size_t>(status.st_size));
    char buffer[16384];
    off_t at = 0;
    for (ssize_t got = 0; (got = ::pread(fd, buffer, sizeof buffer, at)) > 0; at += got) {
        bytes.append(std::string_view(buffer, static_cast<std::size_t>(got)));
    }
    wipe(buffer, sizeof buffer);
    return bytes;
}

} // namespace

std::vector<ServiceManager::Kept> Systemd::take() {
    std::vector<Kept> kept;
    char** names = nullptr;
    const int count = ::sd_listen_fds_with_names(/* unset_environment= */ 1, &names);
    for (int i = 0; i < count; ++i) {
        kept.push_back({names[i], UniqueFd(SD_LISTEN_FDS_START + i)});
        std::free(names[i]); // NOLINT(cppcoreguidelines-owning-memory): libsystemd's malloc
    }
    std::free(names); // NOLINT(cppcoreguidelines-owning-memory)
    return kept;
}

bool Systemd::keep(const std::string& name, int fd) {
    const std::string text = "FDSTORE=1\nFDNAME=" + name;
    const int r = ::sd_pid_notify_with_fds(0, 0, text.c_str(), &fd, 1);
    errno = r < 0 ? -r : 0;
    return r > 0;
}

void Systemd::drop(const std::string& name) {
    static_cast<void>(::sd_notify(0, ("FDSTOREREMOVE=1\nFDNAME=" + name).c_str()));
}

bool Systemd::present() const {
    return ::getenv("NOTIFY_SOCKET") != nullptr; // NOLINT(concurrency-mt-unsafe): start-up
}

DescriptorStore::DescriptorStore(Loop& loop, SessionStore& sessions, ServiceManager& manager)
    : loop_(loop), sessions_(sessions), manager_(manager) {
    if (manager_.present()) {
        sessions_.on_change([this] { schedule(); });
    }
}

struct DescriptorStore::Table {
    std::string issuer;
    Secret sessions;
    Secret tokens; ///< of the sessions, of tickets, and those that were still to be revoked
};

std::optional<DescriptorStore::Table> DescriptorStore::newest_kept() {
    std::optional<Table> newest;
    for (const ServiceManager::Kept& kept : manager_.take()) {
        if (std::find(std::begin(kNames), std::end(kNames), kept.name) == std::end(kNames)) {
            continue;
        }
        const Secret bytes = content_of(kept.fd.get());
        RecordReader in(bytes.view());
        if (in.text() != kMagic) {
            journal::warning("what was kept is of another version; people sign in anew");
            manager_.drop(kept.name);
            continue;
        }
        const std::uint64_t generation = in.number();
        const std::string_view issuer = in.text();
        const std::string_view sessions = in.text();
        const std::string_view tokens = in.text();
        if (in.good() && generation > generation_) {
            generation_ = generation;
            newest = Table{std::string(issuer), Secret(sessions), Secret(tokens)};
        }
    }
    return newest;
}

void DescriptorStore::take_back(const Table& table, std::vector<Secret> tokens,
                                identity::TokenRevoker& revoker) {
    sessions_.restore(table.sessions, tokens, revoker);
    for (Secret& token : tokens) {
        if (!token.empty()) {
            const identity::OwnedToken let_go(std::move(token), WallTime{}, revoker);
        }
    }
}

void DescriptorStore::restore(identity::TokenRevoker& revoker) {
    const std::optional<Table> kept = newest_kept();
    if (!kept) {
        return;
    }
    if (issuer_.empty()) {
        issuer_ = kept->issuer;
    }
    std::vector<Secret> tokens = tokens_in(kept->tokens);
    if (kept->issuer == issuer_) {
        take_back(*kept, std::move(tokens), revoker);
    } else {
        journal::warning(fmt::format(
            "the identity provider or its address is another than before the restart; people "
            "sign in anew; tokens of the former one that live until they expire: {}",
            tokens.size()));
    }
    schedule(); // what was not taken back is to be found by nobody later
}

void DescriptorStore::schedule() {
    if (scheduled_ || !manager_.present()) {
        return;
    }
    scheduled_ = true;
    saving_ = loop_.after(std::max(kSoon, last_cost_ * kCostShare), [this] {
        scheduled_ = false;
        try {
            save();
        } catch (const std::exception& fault) {
            journal::warning(std::string("sessions would not survive a restart: ") + fault.what());
        }
    });
}

void DescriptorStore::save() {
    const auto begun = std::chrono::steady_clock::now();
    RecordWriter out;
    out.text(kMagic);
    out.number(generation_ + 1);
    out.text(issuer_);
    KeptSessions kept = sessions_.serialise();
    out.text(kept.records.view());
    RecordWriter tokens(std::move(kept.tokens));
    if (pending_) {
        pending_([&](const Secret& token) { tokens.text(token.view()); });
    }
    out.text(tokens.take().view());
    const Secret bytes = out.take();
    const UniqueFd fd = sealed_copy(bytes.view());
    if (!manager_.keep(kNames[(generation_ + 1) % 2], fd.get())) {
        fail("hand the session table to the service manager");
    }
    ++generation_;
    manager_.drop(kNames[(generation_ + 1) % 2]);
    last_cost_ = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - begun);
}

/// A save that a change had scheduled before would find a table that has been given away, and put
/// the empty one in its place.
void DescriptorStore::hand_over() {
    save();
    save_no_more();
}

void DescriptorStore::save_no_more() {
    saving_ = Timer();
    scheduled_ = true; // and stays so
}

void DescriptorStore::forget() {
    save_no_more();
    for (const char* name : kNames) {
        manager_.drop(name);
    }
}

} // namespace raxauth::sessions
