// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"
#include "common/verdict.h"
#include "daemon/caller/context.h"
#include "daemon/identity/identity.h"
#include "daemon/identity/owned_token.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/worker.h"
#include "daemon/policy/access_rules.h"
#include "daemon/sessions/grant.h"
#include "daemon/sessions/logind_watch.h"
#include "daemon/sessions/password_verifier.h"
#include "daemon/sessions/session_key.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace raxauth::sessions {

/// What a session knows from its sign-in.
struct SignedIn {
    std::string user; ///< local
    uid_t uid = contract::kUnsetId;
    identity::Account account;
    identity::UserFacts facts;
    bool second_factor = false;
    identity::OwnedToken token;
    std::string service;
    std::string remote_host;
    WallTime at{};
    MonotonicTime at_monotonic{}; ///< the same moment
    /// When Identity last said that the token lives.
    MonotonicTime checked{};
    /// For reuse with the password alone; null where none was typed, or no service wants one.
    std::shared_ptr<PasswordVerifier> verifier;
    unsigned wrong_passwords = 0; ///< at later PAM calls of this session
};

/// A login session whose person signed in.
struct Session {
    std::uint64_t generation = 0; ///< tells an entry from a later one under the same key
    std::string handle; ///< 256 random bits; close_session presents it. Empty: made inside
    SessionKey key;
    caller::SessionFacts facts; ///< both ids as they were
    SignedIn signed_in;
};

/// The table as bytes, for a daemon that is started anew. The tokens stand apart from what only
/// this version can read: whoever cannot adopt a session can still revoke its token.
struct KeptSessions {
    Secret records;
    Secret tokens; ///< RecordWriter texts: one for each record, in its order, then those of tickets
};

/// How much a SessionStore holds, and how long a ticket lives.
struct StoreBounds {
    std::size_t tickets = 4096;
    std::size_t sessions = 131072;
    std::chrono::microseconds ticket_life = std::chrono::seconds{120};
};

/// Holds every token between the verdict and the logout: under a one-time ticket until the session
/// opens, in the session's entry after that. All on the loop's thread. Tables are bounded; a full
/// one refuses the new entry (whose token is then revoked).
class SessionStore {
  public:
    static constexpr unsigned kMaxWrongPasswords = 3;

    /// With a worker, typed passwords are kept as verifiers for later PAM calls; without, never.
    SessionStore(Loop& loop, const Clock& clock, Worker* worker = nullptr, StoreBounds bounds = {});
    SessionStore(const SessionStore&) = delete;
    SessionStore& operator=(const SessionStore&) = delete;
    ~SessionStore();

    /// Takes what Identity proved. Outside a login session a ticket is made for the process that
    /// opens the session; inside one the session's entry is made or refreshed when it is the
    /// person's own (login uid and real uid are the account's), otherwise the token is let go.
    /// `password`, where given, will count at later PAM calls of the session.
    Grant accept(policy::Admission admission, const caller::Context& context,
                 const identity::Account& account, uid_t account_uid,
                 const Secret* password = nullptr);

    enum class PasswordCheck {
        Right,
        Wrong,
        WrongAndOver, ///< one too many: the entry has been ended
        NoVerifier,
        NotDone, ///< too much work is queued, or no memory: neither right nor wrong, not counted
    };
    /// Is `typed` the password this session signed in with? Wrong ones are counted.
    Task<PasswordCheck> check_password(SessionKey key, std::uint64_t generation, Secret typed);
    /// A Grant from `key`'s live entry, if its `generation` is unchanged. The caller has checked
    /// rule, age, token and, where required, the password.
    std::optional<Grant> reuse(const SessionKey& key, std::uint64_t generation);
    /// Identity said that the token is still valid, or that it is not: then the entry ends.
    void token_alive(const SessionKey& key, std::uint64_t generation);
    void token_dead(const SessionKey& key, std::uint64_t generation);

    struct Opened {
        std::string handle;
    };
    /// Redeems a ticket: good once, for the user and service it was made for, within its life.
    /// `leader` is the process that opened: its end is the session's. Nothing when the ticket is
    /// not good, or there is no session to bind to; the token is then revoked.
    std::optional<Opened> open(const Secret& ticket, const caller::Context& context, pid_t leader);
    /// Ends the session that `handle` opened. False: no such handle.
    bool close(std::string_view handle);
    /// The person signs out: ends the session's entry. False: there is none.
    bool sign_out(const SessionKey& key);
    /// Ends every entry and ticket of `user`; how many.
    std::size_t flush(std::string_view user);
    /// logind: this session is gone.
    void logind_session_removed(std::string_view logind_session);
    /// logind: something is new about this session; empty: about any. One that is closing has no
    /// entry any more, so that processes left behind keep no token.
    void logind_session_changed(std::string_view logind_session);

    /// The entry of this session, or null. An expired token, or a session whose leader has gone
    /// (logind's state "closing"), has no entry.
    Session* find(const SessionKey& key);
    /// All live entries, for listing: `visit` must not change the store.
    void each(const std::function<void(const Session&)>& visit) const;

    /// The whole table, for a daemon that is started anew; restore() takes back each session that
    /// lives still, with its token from `tokens`. What it leaves there has no owner: it is the
    /// caller's to revoke. See raxauthd(8), TOKENS AND RESTARTS.
    KeptSessions serialise() const;
    void restore(const Secret& records, std::vector<Secret>& tokens,
                 identity::TokenRevoker& revoker);
    /// sessions.revoke_on_logout: without it, tokens of sessions that end by themselves live on
    /// until they expire. What is signed out, flushed or stopped is revoked in any case.
    void revoke_on_logout(bool on) noexcept { revoke_on_logout_ = on; }

    /// Called after every change of the table, from the loop.
    void on_change(std::function<void()> callback) { changed_ = std::move(callback); }
    /// Forgets everything without revoking: the bytes went to a successor.
    void hand_over();

    std::size_t size() const noexcept { return by_key_.size(); }
    std::size_t tickets() const noexcept { return tickets_.size(); }
    /// Ends all: an orderly stop.
    void clear();

  private:
    struct Ticket;
    struct Entry;
    void watch_leader(Entry& entry, pid_t leader);
    void arm_expiry(Entry& entry);
    Entry* insert(SessionKey key, std::unique_ptr<Entry> entry);
    /// What an end means for the token: a logout may leave it to expire by itself.
    enum class End { Logout, Revocation };
    void end(const SessionKey& key, End how, std::string_view why);
    std::shared_ptr<PasswordVerifier> verifier_of(PreHash password);
    void accept_inside(SignedIn signed_in, const caller::Context& context, const Secret* password);
    struct Kept;
    static Secret record_of(const Entry& entry);
    static std::optional<Kept> read_record(std::string_view record);
    bool adopt(Kept kept, Secret& token, identity::TokenRevoker& revoker);
    Session* current(const SessionKey& key, std::uint64_t generation);
    void changed() const;

    Loop& loop_;
    const Clock& clock_;
    Worker* worker_;
    const StoreBounds bounds_;
    PreHashKey process_key_;
    std::uint64_t last_generation_ = 0;
    std::function<void()> changed_;
    bool revoke_on_logout_ = true;
    std::unordered_map<std::string, std::unique_ptr<Ticket>> tickets_;
    std::unordered_map<SessionKey, std::unique_ptr<Entry>, SessionKeyHash> by_key_;
    std::unordered_map<std::string, SessionKey> by_handle_;
    std::unordered_multimap<std::string, SessionKey> by_logind_;
    LogindWatch logind_;
};

} // namespace raxauth::sessions
