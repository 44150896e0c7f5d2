// SPDX-License-Identifier: Apache-2.0
//
// The session table as bytes, for the descriptor store of the service manager. Written by this
// program for itself on the same machine in the same boot; still read as if a stranger had
// written it.
#include "daemon/journal/journal.h"
#include "daemon/sessions/record_bytes.h"
#include "daemon/sessions/session_entry.h"

#include <cerrno>
#include <cstdlib>
#include <fmt/core.h>
#include <systemd/sd-login.h>

namespace raxauth::sessions {
namespace {

constexpr std::string_view kMagic = "raxauth sessions 2";
constexpr std::uint64_t kMostRoles = 4096;

std::uint64_t wall_number(WallTime time) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

WallTime wall_time(std::uint64_t number) {
    return WallTime(std::chrono::microseconds(static_cast<std::int64_t>(number)));
}

/// The monotonic clock is the same for a successor: a reboot leaves no records.
std::uint64_t monotonic_number(MonotonicTime time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

MonotonicTime monotonic_time(std::uint64_t number) {
    return MonotonicTime(MonotonicTime::duration(static_cast<std::int64_t>(number)));
}

void write_user(RecordWriter& out, const identity::UserFacts& facts) {
    out.text(facts.id);
    out.text(facts.name);
    out.text(facts.domain_id);
    out.text(facts.default_region);
    out.text(facts.tenant_id);
    out.text(facts.tenant_name);
    out.number(facts.roles.size());
    for (const identity::Role& role : facts.roles) {
        out.text(role.id);
        out.text(role.name);
        out.text(role.tenant_id);
    }
}

identity::UserFacts read_user(RecordReader& in) {
    identity::UserFacts facts;
    facts.id = in.string();
    facts.name = in.string();
    facts.domain_id = in.string();
    facts.default_region = in.string();
    facts.tenant_id = in.string();
    facts.tenant_name = in.string();
    const std::uint64_t roles = in.number();
    for (std::uint64_t i = 0; in.good() && i < roles && i < kMostRoles; ++i) {
        identity::Role role;
        role.id = in.string();
        role.name = in.string();
        role.tenant_id = in.string();
        facts.roles.push_back(std::move(role));
    }
    return facts;
}

/// Gone while nobody listened for SessionRemoved. An entry made inside a session has no leader, and
/// nothing else would ever end it before its token expires.
bool logind_forgot(const std::string& logind_session) {
    char* state = nullptr;
    const int r =
        logind_session.empty() ? 0 : ::sd_session_get_state(logind_session.c_str(), &state);
    std::free(state); // NOLINT(cppcoreguidelines-owning-memory): libsystemd's malloc
    return r == -ENXIO;
}

} // namespace

Secret SessionStore::serialise() const {
    RecordWriter out;
    out.text(kMagic);
    out.text(process_key_.text().view());
    out.number(by_key_.size());
    for (const auto& [key, entry] : by_key_) {
        const Session& session = entry->session;
        const SignedIn& proof = session.signed_in;
        out.text(session.handle);
        out.text(key.user);
        out.number(session.facts.audit_session);
        out.text(session.facts.logind_session);
        out.number(session.facts.login_uid);
        out.number(session.facts.real_uid);
        out.number(proof.uid);
        out.text(proof.account.name);
        out.text(proof.account.tenant_id);
        out.text(proof.account.tenant_name);
        write_user(out, proof.facts);
        out.number(proof.second_factor ? 1 : 0);
        out.text(proof.token.text().view());
        out.number(wall_number(proof.token.expires()));
        out.text(proof.service);
        out.text(proof.remote_host);
        out.number(wall_number(proof.at));
        out.number(monotonic_number(proof.at_monotonic));
        out.number(monotonic_number(proof.checked));
        const Secret verifier = proof.verifier ? proof.verifier->serialise() : Secret();
        out.text(verifier.view());
        out.number(proof.wrong_passwords);
        out.number(static_cast<std::uint64_t>(entry->leader_pid));
        out.text(entry->leader_started);
    }
    // Sign-ins whose session has not been opened yet: a successor only revokes their tokens.
    out.number(tickets_.size());
    for (const auto& [name, ticket] : tickets_) {
        out.text(ticket->signed_in.token.text().view());
        out.number(wall_number(ticket->signed_in.token.expires()));
    }
    return out.take();
}

void SessionStore::restore(const Secret& bytes, identity::TokenRevoker& revoker) {
    RecordReader in(bytes.view());
    if (in.text() != kMagic) {
        journal::warning("the kept sessions are of another version; people sign in anew");
        return;
    }
    Secret key(in.text());
    const std::uint64_t count = in.number();
    if (!in.good() || count > bounds_.sessions) {
        journal::warning("the kept sessions cannot be read; people sign in anew");
        return;
    }
    process_key_ = PreHashKey(std::move(key));
    std::size_t kept = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        auto entry = std::make_unique<Entry>();
        Session& session = entry->session;
        SignedIn& proof = session.signed_in;
        session.handle = in.string();
        proof.user = in.string();
        session.facts.audit_session = static_cast<std::uint32_t>(in.number());
        session.facts.logind_session = in.string();
        session.facts.login_uid = static_cast<uid_t>(in.number());
        session.facts.real_uid = static_cast<uid_t>(in.number());
        proof.uid = static_cast<uid_t>(in.number());
        proof.account.name = in.string();
        proof.account.tenant_id = in.string();
        proof.account.tenant_name = in.string();
        proof.facts = read_user(in);
        proof.second_factor = in.number() == 1;
        Secret token(in.text());
        const WallTime expires = wall_time(in.number());
        proof.service = in.string();
        proof.remote_host = in.string();
        proof.at = wall_time(in.number());
        proof.at_monotonic = monotonic_time(in.number());
        proof.checked = monotonic_time(in.number());
        proof.verifier = PasswordVerifier::restore(in.text());
        proof.wrong_passwords = static_cast<unsigned>(in.number());
        const auto leader = static_cast<pid_t>(in.number());
        const std::string started = in.string();
        if (!in.good()) {
            journal::warning("the kept sessions are cut short; some people sign in anew");
            break;
        }
        proof.token = identity::OwnedToken(std::move(token), expires, revoker);
        session.key = SessionKey::of(session.facts, proof.user);
        kept += adopt(std::move(entry), leader, started) ? 1 : 0;
    }

    const std::uint64_t tickets = in.number();
    for (std::uint64_t i = 0; in.good() && i < tickets && i < bounds_.tickets; ++i) {
        Secret token(in.text());
        const WallTime expires = wall_time(in.number());
        if (in.good()) {
            const identity::OwnedToken orphan(std::move(token), expires, revoker);
        }
    }
    journal::info(fmt::format("sessions kept over the restart: {} of {}", kept, count));
}

/// Takes back an entry if its session lives still; otherwise its token is revoked.
bool SessionStore::adopt(std::unique_ptr<Entry> entry, pid_t leader, const std::string& started) {
    const SessionKey key = entry->session.key;
    const bool gone = leader > 0 ? process_start(leader) != started
                                 : logind_forgot(entry->session.facts.logind_session);
    if (!key.is_set() || gone || is_closing(entry->session.facts.logind_session) ||
        entry->session.signed_in.token.expires() <= clock_.wall()) {
        return false;
    }
    Entry* inserted = insert(key, std::move(entry));
    if (inserted == nullptr) {
        return false;
    }
    watch_leader(*inserted, leader);
    arm_expiry(*inserted);
    return true;
}

void SessionStore::hand_over() {
    for (auto& [key, entry] : by_key_) {
        entry->session.signed_in.token.hand_over();
    }
    by_handle_.clear();
    by_logind_.clear();
    by_key_.clear();
}

} // namespace raxauth::sessions
