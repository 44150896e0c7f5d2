// SPDX-License-Identifier: Apache-2.0
//
// The session table as bytes, for the descriptor store of the service manager. Written by this
// program for itself on the same machine in the same boot; still read as if a stranger had
// written it.
#include "daemon/journal/journal.h"
#include "daemon/sessions/record_bytes.h"
#include "daemon/sessions/session_entry.h"

#include <fmt/core.h>

namespace raxauth::sessions {
namespace {

constexpr std::string_view kMagic = "raxauth sessions 3";

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

/// Whatever a reply of the provider has room for: its roles have no bound of their own, here or
/// below, since each record ends where its length says.
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
    for (std::uint64_t left = in.number(); in.good() && left > 0; --left) {
        identity::Role role;
        role.id = in.string();
        role.name = in.string();
        role.tenant_id = in.string();
        facts.roles.push_back(std::move(role));
    }
    return facts;
}

} // namespace

struct SessionStore::Kept {
    std::unique_ptr<Entry> entry; ///< without its token
    WallTime expires{};
    pid_t leader = 0;
    std::string leader_started;
};

Secret SessionStore::record_of(const Entry& entry) {
    const Session& session = entry.session;
    const SignedIn& proof = session.signed_in;
    RecordWriter out;
    out.text(session.handle);
    out.text(session.key.user);
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
    out.number(wall_number(proof.token.expires()));
    out.text(proof.service);
    out.text(proof.remote_host);
    out.number(wall_number(proof.at));
    out.number(monotonic_number(proof.at_monotonic));
    out.number(monotonic_number(proof.checked));
    const Secret verifier = proof.verifier ? proof.verifier->serialise() : Secret();
    out.text(verifier.view());
    out.number(proof.wrong_passwords);
    out.number(static_cast<std::uint64_t>(entry.leader_pid));
    out.text(entry.leader_started);
    return out.take();
}

std::optional<SessionStore::Kept> SessionStore::read_record(std::string_view record) {
    RecordReader in(record);
    Kept kept;
    kept.entry = std::make_unique<Entry>();
    Session& session = kept.entry->session;
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
    kept.expires = wall_time(in.number());
    proof.service = in.string();
    proof.remote_host = in.string();
    proof.at = wall_time(in.number());
    proof.at_monotonic = monotonic_time(in.number());
    proof.checked = monotonic_time(in.number());
    proof.verifier = PasswordVerifier::restore(in.text());
    proof.wrong_passwords = static_cast<unsigned>(in.number());
    kept.leader = static_cast<pid_t>(in.number());
    kept.leader_started = in.string();
    if (!in.good() || !in.at_end()) {
        return std::nullopt;
    }
    session.key = SessionKey::of(session.facts, proof.user);
    return kept;
}

KeptSessions SessionStore::serialise() const {
    RecordWriter out;
    RecordWriter tokens;
    out.text(kMagic);
    out.text(process_key_.text().view());
    out.number(by_key_.size());
    for (const auto& [key, entry] : by_key_) {
        out.text(record_of(*entry).view());
        tokens.text(entry->session.signed_in.token.text().view());
    }
    // Sign-ins whose session has not been opened yet: a successor only revokes their tokens.
    for (const auto& [name, ticket] : tickets_) {
        tokens.text(ticket->signed_in.token.text().view());
    }
    return {out.take(), tokens.take()};
}

void SessionStore::restore(const Secret& records, std::vector<Secret>& tokens,
                           identity::TokenRevoker& revoker) {
    RecordReader in(records.view());
    if (in.text() != kMagic) {
        journal::warning("the kept sessions are of another version; their tokens are revoked, and "
                         "people sign in anew");
        return;
    }
    Secret process_key(in.text());
    const std::uint64_t count = in.number();
    if (!in.good()) {
        journal::warning("the kept sessions cannot be read; their tokens are revoked, and people "
                         "sign in anew");
        return;
    }
    process_key_ = PreHashKey(std::move(process_key));
    std::size_t kept = 0;
    std::size_t unreadable = 0;
    for (std::uint64_t i = 0; i < count && i < tokens.size(); ++i) {
        const std::string_view record = in.text();
        if (!in.good()) {
            unreadable += count - i;
            break;
        }
        if (auto read = read_record(record)) {
            kept += adopt(*std::move(read), tokens[i], revoker) ? 1 : 0;
        } else {
            ++unreadable;
        }
    }
    journal::info(fmt::format("sessions kept over the restart: {} of {}", kept, count));
    if (unreadable > 0) {
        journal::warning(fmt::format("kept sessions that cannot be read: {}; their tokens are "
                                     "revoked, and these people sign in anew",
                                     unreadable));
    }
}

/// Takes back an entry if its session lives still, and with it `token`, which is left alone
/// otherwise.
bool SessionStore::adopt(Kept kept, Secret& token, identity::TokenRevoker& revoker) {
    logind_.begin(); // before it is asked: what changes from now on is heard
    const SessionKey key = kept.entry->session.key;
    const std::string& logind_session = kept.entry->session.facts.logind_session;
    const bool gone = kept.leader > 0 ? process_start(kept.leader) != kept.leader_started
                                      : is_forgotten(logind_session);
    if (!key.is_set() || token.empty() || gone || is_closing(logind_session) ||
        kept.expires <= clock_.wall()) {
        return false;
    }
    kept.entry->session.signed_in.token =
        identity::OwnedToken(std::move(token), kept.expires, revoker);
    token.clear();
    Entry* inserted = insert(key, std::move(kept.entry));
    if (inserted == nullptr) {
        return false;
    }
    watch_leader(*inserted, kept.leader);
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
