// SPDX-License-Identifier: Apache-2.0
#include "daemon/sessions/session_store.h"

#include "daemon/journal/journal.h"
#include "daemon/sessions/random_handle.h"
#include "daemon/sessions/session_entry.h"
#include "daemon/settings/settings.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <systemd/sd-login.h>
#include <unistd.h>

namespace raxauth::sessions {
namespace {

UniqueFd open_pidfd(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

/// Tickets are found by their first half and proven by the whole, compared in constant time.
std::string table_key(const Secret& ticket) {
    return std::string(ticket.view().substr(0, 32));
}

/// Timers count CLOCK_BOOTTIME; a token that expires in the far future needs none that long.
constexpr std::chrono::hours kLongestTimer{48};

std::chrono::microseconds until(WallTime then, WallTime now) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(then - now);
    return std::clamp<std::chrono::microseconds>(left, std::chrono::microseconds{0}, kLongestTimer);
}

/// The session of logind that a process belongs to. What a user's own manager runs (a tmux in a
/// scope of its own) is in none by its cgroup; but logind names sessions after the audit session.
std::string logind_session_of(const caller::SessionFacts& facts) {
    if (!facts.logind_session.empty() || facts.audit_session == contract::kUnsetId) {
        return facts.logind_session;
    }
    std::string named = std::to_string(facts.audit_session);
    uid_t uid = contract::kUnsetId;
    const bool own = ::sd_session_get_uid(named.c_str(), &uid) >= 0 && uid == facts.login_uid;
    return own ? named : std::string();
}

} // namespace

std::string process_start(pid_t pid) {
    const UniqueFd file(
        ::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
    char buffer[2048];
    const ssize_t got = file ? ::read(file.get(), buffer, sizeof buffer) : -1;
    if (got <= 0) {
        return {};
    }
    const std::string_view stat(buffer, static_cast<std::size_t>(got));
    std::size_t at = stat.rfind(')'); // the name in field 2 may hold blanks and brackets
    for (int field = 2; at != std::string_view::npos && field < 22; ++field) {
        at = stat.find(' ', at + 1);
    }
    return at == std::string_view::npos
               ? std::string()
               : std::string(stat.substr(at + 1, stat.find(' ', at + 1) - at - 1));
}

bool is_closing(const std::string& logind_session) {
    char* state = nullptr;
    if (logind_session.empty() || ::sd_session_get_state(logind_session.c_str(), &state) < 0) {
        return false;
    }
    const bool closing = std::string_view(state) == "closing";
    std::free(state); // NOLINT(cppcoreguidelines-owning-memory): libsystemd's malloc
    return closing;
}

bool is_forgotten(const std::string& logind_session) {
    char* state = nullptr;
    const int r =
        logind_session.empty() ? 0 : ::sd_session_get_state(logind_session.c_str(), &state);
    std::free(state); // NOLINT(cppcoreguidelines-owning-memory): libsystemd's malloc
    return r == -ENXIO;
}

SessionStore::SessionStore(Loop& loop, const Clock& clock, Worker* worker, StoreBounds bounds)
    : loop_(loop), clock_(clock), worker_(worker), bounds_(bounds), process_key_(random_handle()),
      logind_(loop, kLogindSessions,
              [this](std::string_view session) { logind_session_changed(session); }) {
    logind_.begin();
}
SessionStore::~SessionStore() = default;

Grant SessionStore::accept(policy::Admission admission, const caller::Context& context,
                           const identity::Account& account, uid_t account_uid,
                           const Secret* password) {
    identity::TokenIssued issued = std::move(admission).release();
    SignedIn signed_in;
    signed_in.user = context.user;
    signed_in.uid = account_uid;
    signed_in.account = account;
    signed_in.facts = std::move(issued.user);
    signed_in.second_factor = issued.proven.second_factor;
    signed_in.token = std::move(issued.token);
    signed_in.service = context.service;
    signed_in.remote_host = context.remote_host;
    signed_in.at = clock_.wall();
    signed_in.at_monotonic = clock_.monotonic();
    signed_in.checked = clock_.monotonic();
    const Reason reason = signed_in.second_factor ? Reason::MfaProven
                          : issued.proven.api_key ? Reason::ApiKeyProven
                                                  : Reason::PasswordProven;

    // What lets people in opens a session of its own, whatever it was itself started from.
    const bool opens_session = context.caller.is_root() && settings::is_way_in(context.service);
    if (context.session.inside_session() && opens_session) {
        journal::warning(fmt::format(
            "{} runs inside a login session (login uid {}): it was started from somebody's shell. "
            "Start it by systemd, so that sessions are told apart",
            context.service, context.session.login_uid));
    }
    if (context.session.inside_session() && !opens_session) {
        accept_inside(std::move(signed_in), context, password);
        return Grant(reason, Secret(), account.name);
    }
    if (!context.caller.is_root()) {
        return Grant(reason, Secret(), account.name); // nobody could redeem a ticket
    }
    if (tickets_.size() >= bounds_.tickets) {
        // A sign-in without a session entry is still a sign-in; only its token is given up.
        journal::warning("Ticket table is full; the session will have no token");
        return Grant(reason, Secret(), account.name);
    }
    Secret text = random_handle();
    const std::string name = table_key(text);
    auto ticket = std::make_unique<Ticket>();
    ticket->text = text.clone();
    if (password != nullptr && worker_ != nullptr) {
        ticket->password = PreHash::of(*password, process_key_);
    }
    ticket->service = context.service;
    ticket->expires = clock_.monotonic() + bounds_.ticket_life;
    ticket->signed_in = std::move(signed_in);
    ticket->timer = loop_.after(bounds_.ticket_life, [this, name] { tickets_.erase(name); });
    tickets_.emplace(name, std::move(ticket));
    changed();
    return Grant(reason, std::move(text), account.name);
}

/// A sign-in made inside a login session: it makes or renews the session's entry if it is the
/// person's own session; otherwise the token is let go, which revokes it.
void SessionStore::accept_inside(SignedIn signed_in, const caller::Context& context,
                                 const Secret* password) {
    const SessionKey key = SessionKey::of(context.session, context.user);
    const bool own = key.is_set() && context.session.login_uid == signed_in.uid &&
                     context.session.real_uid == signed_in.uid;
    caller::SessionFacts facts = context.session;
    facts.logind_session = logind_session_of(facts);
    logind_.begin(); // before it is asked: what changes from now on is heard
    if (!own || is_closing(facts.logind_session)) {
        return;
    }
    if (password != nullptr && worker_ != nullptr) {
        signed_in.verifier = verifier_of(PreHash::of(*password, process_key_));
    }
    if (find(key) != nullptr) {
        // The newer sign-in takes the older one's place; the older token is revoked.
        Entry& entry = *by_key_.at(key);
        entry.session.generation = ++last_generation_;
        entry.session.signed_in = std::move(signed_in);
        arm_expiry(entry);
        changed();
        return;
    }
    auto entry = std::make_unique<Entry>();
    entry->session.key = key;
    entry->session.facts = std::move(facts);
    entry->session.signed_in = std::move(signed_in);
    if (Entry* inserted = insert(key, std::move(entry))) {
        // Nobody will present a handle. logind says when the session closes; where there is no
        // logind, the end of the terminal session's leader (the shell) has to do.
        if (inserted->session.facts.logind_session.empty() && context.caller.pid > 0) {
            const pid_t leader = ::getsid(context.caller.pid);
            watch_leader(*inserted, leader > 0 ? leader : context.caller.pid);
        }
        arm_expiry(*inserted);
    }
}

/// The table changes once more when the verifier is there: an earlier copy is without it.
std::shared_ptr<PasswordVerifier> SessionStore::verifier_of(PreHash password) {
    return PasswordVerifier::make(std::move(password), *worker_, [this] { changed(); });
}

std::optional<SessionStore::Opened>
SessionStore::open(const Secret& ticket_text, const caller::Context& context, pid_t leader) {
    const auto found = tickets_.find(table_key(ticket_text));
    if (found == tickets_.end() || !found->second->text.equals(ticket_text)) {
        return std::nullopt;
    }
    const std::unique_ptr<Ticket> ticket = std::move(found->second);
    tickets_.erase(found); // good once, whatever comes of it
    if (ticket->expires <= clock_.monotonic() || ticket->service != context.service ||
        ticket->signed_in.user != context.user) {
        return std::nullopt;
    }
    SessionKey key = SessionKey::of(context.session, context.user);
    if (!key.is_set() || key.login_uid != ticket->signed_in.uid) {
        return std::nullopt;
    }
    auto entry = std::make_unique<Entry>();
    entry->session.handle = std::string(random_handle().view());
    entry->session.key = key;
    entry->session.facts = context.session;
    entry->session.signed_in = std::move(ticket->signed_in);
    if (!ticket->password.empty()) {
        entry->session.signed_in.verifier = verifier_of(std::move(ticket->password));
    }
    Entry* inserted = insert(std::move(key), std::move(entry));
    if (inserted == nullptr) {
        return std::nullopt;
    }
    watch_leader(*inserted, leader);
    arm_expiry(*inserted);
    return Opened{inserted->session.handle};
}

SessionStore::Entry* SessionStore::insert(SessionKey key, std::unique_ptr<Entry> entry) {
    end(key, End::Revocation, "opened anew");
    if (by_key_.size() >= bounds_.sessions) {
        journal::warning("Session table is full; the session will have no token");
        return nullptr;
    }
    entry->session.generation = ++last_generation_;
    if (!entry->session.handle.empty()) {
        by_handle_.emplace(entry->session.handle, key);
    }
    if (!entry->session.facts.logind_session.empty()) {
        by_logind_.emplace(entry->session.facts.logind_session, key);
    }
    changed();
    return by_key_.emplace(std::move(key), std::move(entry)).first->second.get();
}

void SessionStore::watch_leader(Entry& entry, pid_t leader) {
    if (leader <= 0) {
        return;
    }
    entry.leader_pid = leader;
    entry.leader_started = process_start(leader);
    entry.leader = open_pidfd(leader);
    if (!entry.leader) {
        if (errno == ESRCH) { // gone before we looked
            const SessionKey key = entry.session.key;
            loop_.post([this, key] { end(key, End::Logout, "leader gone"); });
        }
        return;
    }
    const SessionKey key = entry.session.key;
    entry.leader_watch = loop_.watch(entry.leader.get(), EPOLLIN, [this, key](std::uint32_t) {
        end(key, End::Logout, "leader gone");
    });
}

void SessionStore::arm_expiry(Entry& entry) {
    const SessionKey key = entry.session.key;
    entry.expiry =
        loop_.after(until(entry.session.signed_in.token.expires(), clock_.wall()), [this, key] {
            const auto found = by_key_.find(key);
            if (found == by_key_.end()) {
                return;
            }
            if (found->second->session.signed_in.token.expires() <= clock_.wall()) {
                end(key, End::Revocation, "token expired");
            } else {
                arm_expiry(*found->second);
            }
        });
}

bool SessionStore::close(std::string_view handle) {
    const auto found = by_handle_.find(std::string(handle));
    if (found == by_handle_.end()) {
        return false;
    }
    const SessionKey key = found->second;
    end(key, End::Logout, "closed");
    return true;
}

bool SessionStore::sign_out(const SessionKey& key) {
    if (!key.is_set() || !by_key_.contains(key)) {
        return false;
    }
    end(key, End::Revocation, "signed out");
    return true;
}

std::size_t SessionStore::flush(std::string_view user) {
    std::vector<SessionKey> keys;
    for (const auto& [key, entry] : by_key_) {
        if (key.user == user) {
            keys.push_back(key);
        }
    }
    for (const SessionKey& key : keys) {
        end(key, End::Revocation, "flushed");
    }
    const std::size_t tickets = std::erase_if(
        tickets_, [&](const auto& ticket) { return ticket.second->signed_in.user == user; });
    return keys.size() + tickets;
}

void SessionStore::logind_session_removed(std::string_view logind_session) {
    const auto [first, last] = by_logind_.equal_range(std::string(logind_session));
    std::vector<SessionKey> keys;
    for (auto it = first; it != last; ++it) {
        keys.push_back(it->second);
    }
    for (const SessionKey& key : keys) {
        end(key, End::Logout, "logind removed the session");
    }
}

void SessionStore::logind_session_changed(std::string_view logind_session) {
    const auto [first, last] = logind_session.empty()
                                   ? std::pair(by_logind_.begin(), by_logind_.end())
                                   : by_logind_.equal_range(std::string(logind_session));
    std::vector<SessionKey> keys;
    for (auto it = first; it != last; ++it) {
        if (is_closing(it->first) || is_forgotten(it->first)) {
            keys.push_back(it->second);
        }
    }
    for (const SessionKey& key : keys) {
        end(key, End::Logout, "logind closes the session");
    }
}

Session* SessionStore::find(const SessionKey& key) {
    if (!key.is_set()) {
        return nullptr;
    }
    const auto found = by_key_.find(key);
    if (found == by_key_.end() ||
        found->second->session.signed_in.token.expires() <= clock_.wall() ||
        is_closing(found->second->session.facts.logind_session)) {
        return nullptr;
    }
    return &found->second->session;
}

Session* SessionStore::current(const SessionKey& key, std::uint64_t generation) {
    Session* session = find(key);
    return session != nullptr && session->generation == generation ? session : nullptr;
}

void SessionStore::each(const std::function<void(const Session&)>& visit) const {
    for (const auto& [key, entry] : by_key_) {
        visit(entry->session);
    }
}

Task<SessionStore::PasswordCheck>
SessionStore::check_password(SessionKey key, std::uint64_t generation, Secret typed) {
    Session* session = current(key, generation);
    if (session == nullptr || !session->signed_in.verifier || worker_ == nullptr) {
        co_return PasswordCheck::NoVerifier;
    }
    // Counted first: a caller that leaves in the middle has had its try.
    const unsigned tries = ++session->signed_in.wrong_passwords;
    changed();
    if (tries > kMaxWrongPasswords) {
        end(key, End::Revocation, "too many wrong passwords");
        co_return PasswordCheck::WrongAndOver;
    }
    std::optional<bool> right;
    try {
        PreHash hash = PreHash::of(typed, process_key_);
        typed.clear();
        Task<bool> matching =
            PasswordVerifier::matches(session->signed_in.verifier, std::move(hash), *worker_);
        const bool same = co_await std::move(matching);
        right = same;
    } catch (const std::exception& fault) {
        journal::warning(std::string("a password was not compared: ") + fault.what());
    }
    session = current(key, generation); // the world has moved on meanwhile
    if (session == nullptr) {
        co_return PasswordCheck::NoVerifier;
    }
    if (!right) {
        unsigned& counted = session->signed_in.wrong_passwords;
        counted -= counted > 0 ? 1 : 0;
        changed();
        co_return PasswordCheck::NotDone;
    }
    if (*right) {
        session->signed_in.wrong_passwords = 0;
        changed();
        co_return PasswordCheck::Right;
    }
    if (tries >= kMaxWrongPasswords) {
        end(key, End::Revocation, "too many wrong passwords");
        co_return PasswordCheck::WrongAndOver;
    }
    co_return PasswordCheck::Wrong;
}

std::optional<Grant> SessionStore::reuse(const SessionKey& key, std::uint64_t generation) {
    const Session* session = current(key, generation);
    if (session == nullptr) {
        return std::nullopt;
    }
    return Grant(Reason::SessionReused, Secret(), session->signed_in.account.name);
}

void SessionStore::token_alive(const SessionKey& key, std::uint64_t generation) {
    if (Session* session = current(key, generation)) {
        session->signed_in.checked = clock_.monotonic();
    }
}

void SessionStore::token_dead(const SessionKey& key, std::uint64_t generation) {
    if (current(key, generation) != nullptr) {
        // Revoked all the same: a refusal need not mean that the token has ended everywhere.
        end(key, End::Revocation, "Identity no longer accepts the token");
    }
}

void SessionStore::end(const SessionKey& ending, End how, std::string_view why) {
    const auto found = by_key_.find(ending);
    if (found == by_key_.end()) {
        return;
    }
    const SessionKey key = found->first; // `ending` may live in the entry itself
    // Kept alive over this call: it may come from the entry's own timer or watch.
    const std::shared_ptr<Entry> entry(std::move(found->second));
    by_key_.erase(found);
    // Nothing of it may end a later entry under the same key in the meantime.
    entry->leader_watch = IoWatch();
    entry->expiry = Timer();
    if (!entry->session.handle.empty()) {
        by_handle_.erase(entry->session.handle);
    }
    const auto [first, last] = by_logind_.equal_range(entry->session.facts.logind_session);
    for (auto it = first; it != last; ++it) {
        if (it->second == key) {
            by_logind_.erase(it);
            break;
        }
    }
    journal::session_ended(entry->session.signed_in.user, entry->session.signed_in.service, why);
    if (how == End::Logout && !revoke_on_logout_) {
        entry->session.signed_in.token.leave_to_expire();
    }
    entry->session.signed_in.token = identity::OwnedToken(); // revokes in the background
    loop_.post([entry] {});
    changed();
}

void SessionStore::changed() const {
    if (changed_) {
        changed_();
    }
}

void SessionStore::clear() {
    tickets_.clear();
    while (!by_key_.empty()) {
        const SessionKey key = by_key_.begin()->first;
        end(key, End::Revocation, "the daemon stops");
    }
}

} // namespace raxauth::sessions
