// SPDX-License-Identifier: Apache-2.0
#include "daemon/sessions/session_store.h"

#include "daemon/journal/journal.h"
#include "daemon/sessions/random_handle.h"

#include <algorithm>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/syscall.h>
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

} // namespace

struct SessionStore::Ticket {
    Secret text;
    std::string service;
    MonotonicTime expires;
    SignedIn signed_in;
    Timer timer;
};

struct SessionStore::Entry {
    Session session;
    UniqueFd leader;
    IoWatch leader_watch;
    Timer expiry;
};

SessionStore::SessionStore(Loop& loop, const Clock& clock) : loop_(loop), clock_(clock) {}
SessionStore::~SessionStore() = default;

Grant SessionStore::accept(policy::Admission admission, const conversation::Context& context,
                           const identity::Account& account, uid_t account_uid) {
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
    signed_in.checked = clock_.monotonic();
    const Reason reason = signed_in.second_factor ? Reason::MfaProven
                          : issued.proven.api_key ? Reason::ApiKeyProven
                                                  : Reason::PasswordProven;

    if (context.session.inside_session()) {
        const SessionKey key = SessionKey::of(context.session, context.user);
        const bool own = key.is_set() && context.session.login_uid == account_uid &&
                         context.session.real_uid == account_uid;
        if (own) {
            if (Session* live = find(key)) {
                // The newer sign-in takes the older one's place; the older token is revoked.
                live->signed_in = std::move(signed_in);
                arm_expiry(*by_key_.at(key));
            }
        }
        return Grant(reason, Secret(), account.name); // a token not stored is revoked here
    }

    if (!context.caller.is_root()) {
        return Grant(reason, Secret(), account.name); // nobody could redeem a ticket
    }
    if (tickets_.size() >= kMaxTickets) {
        // A sign-in without a session entry is still a sign-in; only its token is given up.
        journal::warning("Ticket table is full; the session will have no token");
        return Grant(reason, Secret(), account.name);
    }
    Secret text = random_handle();
    const std::string name = table_key(text);
    auto ticket = std::make_unique<Ticket>();
    ticket->text = text.clone();
    ticket->service = context.service;
    ticket->expires = clock_.monotonic() + kTicketLife;
    ticket->signed_in = std::move(signed_in);
    ticket->timer = loop_.after(kTicketLife, [this, name] { tickets_.erase(name); });
    tickets_.emplace(name, std::move(ticket));
    return Grant(reason, std::move(text), account.name);
}

std::optional<SessionStore::Opened>
SessionStore::open(const Secret& ticket_text, const conversation::Context& context, pid_t leader) {
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
    Entry* inserted = insert(std::move(key), std::move(entry));
    if (inserted == nullptr) {
        return std::nullopt;
    }
    watch_leader(*inserted, leader);
    arm_expiry(*inserted);
    return Opened{inserted->session.handle};
}

SessionStore::Entry* SessionStore::insert(SessionKey key, std::unique_ptr<Entry> entry) {
    end(key, "opened anew");
    if (by_key_.size() >= kMaxSessions) {
        journal::warning("Session table is full; the session will have no token");
        return nullptr;
    }
    if (!entry->session.handle.empty()) {
        by_handle_.emplace(entry->session.handle, key);
    }
    return by_key_.emplace(std::move(key), std::move(entry)).first->second.get();
}

void SessionStore::watch_leader(Entry& entry, pid_t leader) {
    if (leader <= 0) {
        return;
    }
    entry.leader = open_pidfd(leader);
    if (!entry.leader) {
        if (errno == ESRCH) { // gone before we looked
            const SessionKey key = entry.session.key;
            loop_.post([this, key] { end(key, "leader gone"); });
        }
        return;
    }
    const SessionKey key = entry.session.key;
    entry.leader_watch = loop_.watch(entry.leader.get(), EPOLLIN,
                                     [this, key](std::uint32_t) { end(key, "leader gone"); });
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
                end(key, "token expired");
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
    end(key, "closed");
    return true;
}

Session* SessionStore::find(const SessionKey& key) {
    if (!key.is_set()) {
        return nullptr;
    }
    const auto found = by_key_.find(key);
    if (found == by_key_.end() ||
        found->second->session.signed_in.token.expires() <= clock_.wall()) {
        return nullptr;
    }
    return &found->second->session;
}

void SessionStore::end(const SessionKey& key, std::string_view why) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) {
        return;
    }
    // Kept alive over this call: it may come from the entry's own timer or watch.
    const std::shared_ptr<Entry> entry(std::move(found->second));
    by_key_.erase(found);
    if (!entry->session.handle.empty()) {
        by_handle_.erase(entry->session.handle);
    }
    journal::session_ended(entry->session.signed_in.user, entry->session.signed_in.service, why);
    entry->session.signed_in.token = OwnedToken(); // revokes in the background
    loop_.post([entry] {});
}

void SessionStore::clear() {
    tickets_.clear();
    while (!by_key_.empty()) {
        const SessionKey key = by_key_.begin()->first;
        end(key, "the daemon stops");
    }
}

} // namespace raxauth::sessions
