// SPDX-License-Identifier: Apache-2.0
// An attempt is counted as failed, in memory and on disk, before it is made, and taken back when
// it turns out well. So the count errs on the safe side whenever the answer is not known, and of
// many attempts made at once no more go out than may fail.
#include "daemon/limits/limiter.h"

#include "common/letter_case.h"
#include "daemon/limits/limiter_log.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <list>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

namespace raxauth::limits {
namespace {

using std::chrono::milliseconds;
using Kind = LimiterRecord::Kind;

constexpr std::size_t kMaxAccounts = 20000;
constexpr std::size_t kMaxStrangerOrigins = 64;
constexpr std::size_t kMaxOrigins = 128; ///< of an account, with known ones and own sessions
constexpr std::size_t kMaxKnownOrigins = 32;
constexpr std::size_t kMaxOriginKeyBytes = 512;
/// A clock may be set back by so much without anything being taken for a time in the future.
constexpr std::chrono::seconds kSkew{5};
constexpr std::chrono::seconds kSweepAtMostEvery{10};

/// Slot of what comes from origins the full table has no room for. Its key matches nothing.
constexpr std::size_t kOverflow = 0;

struct OriginSlot {
    std::string key;
    bool own_session = false;
    std::optional<WallTime> known_since;
    std::optional<WallTime> banned_at;
    std::deque<WallTime> wrong_passwords; ///< oldest first
    /// Events of this origin in the budgets, see Budget.
    struct Share {
        unsigned counted = 0;
        unsigned pending = 0;
    } passcodes, challenges;

    bool stranger() const { return !own_session && !known_since; }
    bool idle() const {
        return !known_since && !banned_at && wrong_passwords.empty() && passcodes.counted == 0 &&
               passcodes.pending == 0 && challenges.counted == 0 && challenges.pending == 0;
    }
};

struct Event {
    WallTime at;
    std::size_t origin = kOverflow; ///< index of its slot
    bool pending = false;           ///< under way: counted, but may be taken back
};

/// What an account may use up in a window: wrong passcodes, or challenges.
struct Budget {
    std::map<std::uint64_t, Event> events; ///< by id, which is also the order of time
    unsigned pending = 0;
    std::size_t counted() const { return events.size() - pending; }
};

struct Account;

/// A coroutine that waits for attempts under way; lives in its frame.
struct Waiter {
    explicit Waiter(std::shared_ptr<Account> of);
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter();

    std::shared_ptr<Account> account;
    std::list<Waiter*>::iterator place;
    bool listed = true;
    std::uint64_t round = 0; ///< the account's when it began to wait
    OneShot<bool> roused;
};

struct Account {
    std::string name; ///< lower case
    Budget passcodes;
    Budget challenges;
    std::vector<OriginSlot> origins{OriginSlot{}};
    std::list<Waiter*> waiters;
    std::uint64_t round = 0;
    bool rouse_posted = false;

    bool has_known_origin() const {
        return std::any_of(origins.begin(), origins.end(),
                           [](const OriginSlot& slot) { return slot.known_since.has_value(); });
    }
    std::size_t wrong_passwords() const {
        std::size_t sum = 0;
        for (const OriginSlot& slot : origins) {
            sum += slot.wrong_passwords.size();
        }
        return sum;
    }
    bool idle() const {
        return passcodes.events.empty() && challenges.events.empty() && waiters.empty() &&
               std::all_of(origins.begin(), origins.end(),
                           [](const OriginSlot& slot) { return slot.idle(); });
    }
};

Waiter::Waiter(std::shared_ptr<Account> of)
    : account(std::move(of)), place(account->waiters.insert(account->waiters.end(), this)),
      round(account->round) {}

Waiter::~Waiter() {
    if (listed) {
        account->waiters.erase(place);
    }
}

enum class What { Passcode, Challenge };

Budget& budget_of(Account& account, What what) {
    return what == What::Passcode ? account.passcodes : account.challenges;
}
const Budget& budget_of(const Account& account, What what) {
    return what == What::Passcode ? account.passcodes : account.challenges;
}
OriginSlot::Share& share_of(OriginSlot& slot, What what) {
    return what == What::Passcode ? slot.passcodes : slot.challenges;
}
const OriginSlot::Share& share_of(const OriginSlot& slot, What what) {
    return what == What::Passcode ? slot.passcodes : slot.challenges;
}
WallTime::duration window_of(What what) {
    return what == What::Passcode ? kWrongPasscodeWindow : kChallengeWindow;
}
Kind record_kind(What what) {
    return what == What::Passcode ? Kind::Passcode : Kind::Challenge;
}

OriginSlot::Share strangers_share(const Account& account, What what) {
    OriginSlot::Share sum;
    for (const OriginSlot& slot : account.origins) {
        if (slot.stranger()) {
            sum.counted += share_of(slot, what).counted;
            sum.pending += share_of(slot, what).pending;
        }
    }
    return sum;
}

std::optional<WallTime> later(std::optional<WallTime> a, std::optional<WallTime> b) {
    return !a || (b && *b > *a) ? b : a;
}

/// The counting, shared with attempts and waiting coroutines, which may outlive the limiter.
class Ledger : public std::enable_shared_from_this<Ledger> {
  public:
    Ledger(const Clock& clock, const settings::LimitSettings& limits, std::string directory,
           Post post)
        : clock_(clock), limits_(limits), log_(clock, std::move(directory)),
          post_(std::move(post)) {
        log_.replay([this](const LimiterRecord& record) { replay(record); });
        log_.rewrite(live());
    }

    std::optional<LimitRefusal> first_step_refusal(std::string_view name, const Origin& origin);
    milliseconds delay(std::string_view name, const Origin& origin);
    static Task<Limiter::Permission> reserve(std::shared_ptr<Ledger> self, What what,
                                             std::string name, Origin origin);
    /// An attempt ended. Only the first call for an id does anything.
    void settle(Account& account, What what, std::uint64_t id, bool counts);
    void password_failed(std::string_view name, const Origin& origin);
    void ban(std::string_view name, const Origin& origin);
    void signed_in(std::string_view name, const Origin& origin);
    Limiter::Counters counters(std::string_view name);
    void change(const settings::LimitSettings& limits);
    std::optional<std::string> trouble() const { return log_.trouble(); }

  private:
    /// What may be done now: go ahead, wait for attempts under way, or come back at a time.
    struct GoAhead {};
    struct Wait {};
    using Decision = std::variant<GoAhead, Wait, WallTime>;

    /// Wall time to the microsecond, as it is on disk.
    WallTime now() const { return std::chrono::floor<std::chrono::microseconds>(clock_.wall()); }
    /// The account, without what has left its window; null when it is not in the table.
    std::shared_ptr<Account> find(std::string_view name);
    /// The same, made when there is room; null when the table is full.
    std::shared_ptr<Account> find_or_make(std::string_view name);
    bool make_room();
    void expire(Account& account);
    void expire(Account& account, What what);

    static const OriginSlot* slot_of(const Account& account, const Origin& origin);
    /// Index of the origin's slot, made when there is room; kOverflow when there is none. One that
    /// has just signed in is let in where strangers are not.
    static std::size_t make_slot(Account& account, const Origin& origin, bool trusted);
    static bool has_room_for(const Account& account, const Origin& origin);

    std::size_t bound(What what) const {
        return what == What::Passcode ? limits_.wrong_passcodes : limits_.challenges;
    }
    std::size_t strangers_bound(const Account& account, What what) const;
    static bool is_stranger(const Account& account, const Origin& origin);
    std::optional<WallTime> spent_until(const Account& account, What what, bool stranger) const;
    std::optional<WallTime> passwords_spent_until(const OriginSlot* slot) const;
    std::optional<WallTime> first_step_refused_until(const Account& account,
                                                     const Origin& origin) const;
    static LimitRefusal refusal_of(const Account& account, What what, const Origin& origin,
                                   WallTime until);
    Decision decide(const Account& account, What what, const Origin& origin) const;
    std::uint64_t count(Account& account, What what, const Origin& origin);

    WallTime add_password(OriginSlot& slot, WallTime at) const;
    void forget_passcodes(Account& account);
    void make_known(Account& account, std::size_t slot, WallTime at);
    void wake(const std::shared_ptr<Account>& account);
    static void rouse(Account& account);
    void write(const std::vector<LimiterRecord>& records);
    std::vector<LimiterRecord> live();
    void replay(const LimiterRecord& record);

    const Clock& clock_;
    settings::LimitSettings limits_;
    LimiterLog log_;
    Post post_;
    std::unordered_map<std::string, std::shared_ptr<Account>> accounts_;
    std::uint64_t next_id_ = 1;
    MonotonicTime swept_at_{};
    bool ever_swept_ = false;
};

class Reservation final : public Limiter::Attempt {
  public:
    Reservation(std::weak_ptr<Ledger> ledger, std::shared_ptr<Account> account, What what,
                std::uint64_t id)
        : ledger_(std::move(ledger)), account_(std::move(account)), what_(what), id_(id) {}
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation() override { settle(/* counts= */ true); }
    void not_judged() override { settle(/* counts= */ false); }

  private:
    void settle(bool counts) {
        if (const auto ledger = ledger_.lock()) {
            ledger_.reset();
            ledger->settle(*account_, what_, id_, counts);
        }
    }

    std::weak_ptr<Ledger> ledger_;
    std::shared_ptr<Account> account_;
    What what_;
    std::uint64_t id_;
};

// ---------------------------------------------------------------------------------------------
// Tables

std::shared_ptr<Account> Ledger::find(std::string_view name) {
    const auto found = accounts_.find(lower_case(name));
    if (found == accounts_.end()) {
        return nullptr;
    }
    expire(*found->second);
    return found->second;
}

std::shared_ptr<Account> Ledger::find_or_make(std::string_view name) {
    if (auto account = find(name)) {
        return account;
    }
    if (!make_room()) {
        return nullptr;
    }
    auto account = std::make_shared<Account>();
    account->name = lower_case(name);
    accounts_.emplace(account->name, account);
    return account;
}

/// Is there room for one more account? Looks for those that carry nothing any more, but not so
/// often that a flood of names could keep the loop busy with it.
bool Ledger::make_room() {
    if (accounts_.size() < kMaxAccounts) {
        return true;
    }
    const MonotonicTime time = clock_.monotonic();
    if (ever_swept_ && time - swept_at_ < kSweepAtMostEvery) {
        return false;
    }
    ever_swept_ = true;
    swept_at_ = time;
    for (auto entry = accounts_.begin(); entry != accounts_.end();) {
        expire(*entry->second);
        entry = entry->second->idle() ? accounts_.erase(entry) : std::next(entry);
    }
    return accounts_.size() < kMaxAccounts;
}

void Ledger::expire(Account& account, What what) {
    Budget& budget = budget_of(account, what);
    const WallTime time = now();
    if (!budget.events.empty() && budget.events.rbegin()->second.at > time + kSkew) {
        // The clock went back. Nobody is to wait longer for that than one window.
        for (auto late = budget.events.rbegin();
             late != budget.events.rend() && late->second.at > time; ++late) {
            late->second.at = time;
        }
    }
    while (!budget.events.empty()) {
        const auto oldest = budget.events.begin();
        if (oldest->second.pending || oldest->second.at + window_of(what) > time) {
            break;
        }
        --share_of(account.origins[oldest->second.origin], what).counted;
        budget.events.erase(oldest);
    }
}

void Ledger::expire(Account& account) {
    expire(account, What::Passcode);
    expire(account, What::Challenge);
    const WallTime time = now();
    const auto clamp = [time](WallTime& at) { at = at > time + kSkew ? time : at; };
    for (OriginSlot& slot : account.origins) {
        if (!slot.wrong_passwords.empty() && slot.wrong_passwords.back() > time + kSkew) {
            std::for_each(slot.wrong_passwords.rbegin(), slot.wrong_passwords.rend(),
                          [time](WallTime& at) { at = std::min(at, time); });
        }
        while (!slot.wrong_passwords.empty() &&
               slot.wrong_passwords.front() + kWrongPasswordWindow <= time) {
            slot.wrong_passwords.pop_front();
        }
        if (slot.banned_at) {
            clamp(*slot.banned_at);
            if (*slot.banned_at + kPasswordOnlyBan <= time) {
                slot.banned_at.reset();
            }
        }
        if (slot.known_since) {
            clamp(*slot.known_since);
            if (*slot.known_since + kOriginKnownFor <= time) {
                slot.known_since.reset();
            }
        }
    }
}

const OriginSlot* Ledger::slot_of(const Account& account, const Origin& origin) {
    const auto found = std::find_if(account.origins.begin() + 1, account.origins.end(),
                                    [&](const OriginSlot& slot) { return slot.key == origin.key; });
    return found != account.origins.end() ? &*found : nullptr;
}

bool Ledger::has_room_for(const Account& account, const Origin& origin) {
    return slot_of(account, origin) != nullptr || origin.own_session ||
           account.origins.size() <= kMaxStrangerOrigins ||
           std::any_of(account.origins.begin() + 1, account.origins.end(),
                       [](const OriginSlot& slot) { return slot.idle(); });
}

std::size_t Ledger::make_slot(Account& account, const Origin& origin, bool trusted) {
    auto& origins = account.origins;
    auto slot = std::find_if(origins.begin() + 1, origins.end(),
                             [&](const OriginSlot& one) { return one.key == origin.key; });
    if (slot == origins.end()) {
        slot = std::find_if(origins.begin() + 1, origins.end(),
                            [](const OriginSlot& one) { return one.idle(); });
        if (slot == origins.end()) {
            const std::size_t room =
                trusted || origin.own_session ? kMaxOrigins : kMaxStrangerOrigins + 1;
            if (origins.size() >= room || origin.key.size() > kMaxOriginKeyBytes) {
                return kOverflow;
            }
            slot = origins.insert(origins.end(), OriginSlot{});
        }
        slot->key = origin.key;
        slot->own_session = false;
    }
    slot->own_session = slot->own_session || origin.own_session;
    return static_cast<std::size_t>(slot - origins.begin());
}

// ---------------------------------------------------------------------------------------------
// Deciding

/// Whoever comes from a session of the very account, or from where it signed in of late, is no
/// stranger; where no such place is known, everybody may be the person.
bool Ledger::is_stranger(const Account& account, const Origin& origin) {
    const OriginSlot* slot = slot_of(account, origin);
    return !origin.own_session && (slot == nullptr || slot->stranger());
}

std::size_t Ledger::strangers_bound(const Account& account, What what) const {
    const std::size_t all = bound(what);
    if (!account.has_known_origin()) {
        return all;
    }
    const std::size_t reserve =
        what == What::Passcode ? 1 : std::max<std::size_t>(1, limits_.challenges / 3);
    // Never nothing at all: the person may come from a new place too.
    return all > reserve ? all - reserve : 1;
}

/// When the `excess`-th oldest settled event (of strangers alone, if asked) leaves the window.
WallTime leaves_at(const Account& account, What what, std::size_t excess, bool strangers_alone) {
    for (const auto& [id, event] : budget_of(account, what).events) {
        if (event.pending || (strangers_alone && !account.origins[event.origin].stranger())) {
            continue;
        }
        if (excess-- == 0) {
            return event.at + window_of(what);
        }
    }
    return WallTime::max(); // not reached: there are more events than `excess`
}

/// Is the budget used up by attempts that have ended, and until when?
std::optional<WallTime> Ledger::spent_until(const Account& account, What what,
                                            bool stranger) const {
    std::optional<WallTime> until;
    const std::size_t counted = budget_of(account, what).counted();
    if (counted >= bound(what)) {
        until = leaves_at(account, what, counted - bound(what), /* strangers_alone= */ false);
    }
    const std::size_t strangers = strangers_share(account, what).counted;
    const std::size_t share = strangers_bound(account, what);
    if (stranger && strangers >= share) {
        until = later(until, leaves_at(account, what, strangers - share,
                                       /* strangers_alone= */ true));
    }
    return until;
}

std::optional<WallTime> Ledger::passwords_spent_until(const OriginSlot* slot) const {
    if (slot == nullptr || slot->wrong_passwords.size() < limits_.wrong_passwords) {
        return std::nullopt;
    }
    return slot->wrong_passwords[slot->wrong_passwords.size() - limits_.wrong_passwords] +
           kWrongPasswordWindow;
}

std::optional<WallTime> Ledger::first_step_refused_until(const Account& account,
                                                         const Origin& origin) const {
    const OriginSlot* slot = slot_of(account, origin);
    const bool stranger = is_stranger(account, origin);
    std::optional<WallTime> until = passwords_spent_until(slot);
    if (slot != nullptr && slot->banned_at) {
        until = later(until, *slot->banned_at + kPasswordOnlyBan);
    }
    until = later(until, spent_until(account, What::Challenge, stranger));
    // Without a passcode to spare, an SMS would be in vain.
    until = later(until, spent_until(account, What::Passcode, stranger));
    if (!until && !has_room_for(account, origin)) {
        until = now() + kTableFullRefusal;
    }
    return until;
}

std::optional<LimitRefusal> Ledger::first_step_refusal(std::string_view name,
                                                       const Origin& origin) {
    if (const auto account = find(name)) {
        const auto until = first_step_refused_until(*account, origin);
        return until ? std::optional(refusal_of(*account, What::Challenge, origin, *until))
                     : std::nullopt;
    }
    return make_room() ? std::nullopt : std::optional(LimitRefusal{now() + kTableFullRefusal});
}

/// A ban is told from all else as long as nothing holds for longer.
LimitRefusal Ledger::refusal_of(const Account& account, What what, const Origin& origin,
                                WallTime until) {
    const OriginSlot* slot = slot_of(account, origin);
    const bool banned = what == What::Challenge && slot != nullptr && slot->banned_at &&
                        *slot->banned_at + kPasswordOnlyBan == until;
    return {until, banned};
}

Ledger::Decision Ledger::decide(const Account& account, What what, const Origin& origin) const {
    const bool stranger = is_stranger(account, origin);
    const auto refused_until = what == What::Challenge ? first_step_refused_until(account, origin)
                                                       : spent_until(account, what, stranger);
    if (refused_until) {
        return *refused_until;
    }
    const OriginSlot::Share strangers = strangers_share(account, what);
    if (budget_of(account, what).events.size() >= bound(what) ||
        (stranger && strangers.counted + strangers.pending >= strangers_bound(account, what))) {
        return Wait{};
    }
    // Each first step under way may turn out to be one more wrong password.
    const OriginSlot* slot = slot_of(account, origin);
    if (what == What::Challenge && slot != nullptr && slot->challenges.pending > 0 &&
        slot->wrong_passwords.size() + slot->challenges.pending >= limits_.wrong_passwords) {
        return Wait{};
    }
    return GoAhead{};
}

milliseconds Ledger::delay(std::string_view name, const Origin& origin) {
    constexpr std::size_t kAccountWideFactor = 10;
    constexpr milliseconds kFirstDelay{200};
    constexpr milliseconds kMoreForEach{100};
    const auto account = find(name);
    if (!account || !is_stranger(*account, origin)) {
        return milliseconds(0);
    }
    const std::size_t wrong = account->wrong_passwords();
    const std::size_t free = kAccountWideFactor * limits_.wrong_passwords;
    if (wrong < free) {
        return milliseconds(0);
    }
    const std::size_t steps = std::min<std::size_t>(wrong - free, kMaxDelay / kMoreForEach);
    return std::min(kMaxDelay, kFirstDelay + static_cast<int>(steps) * kMoreForEach);
}

Limiter::Counters Ledger::counters(std::string_view name) {
    Limiter::Counters result;
    if (const auto account = find(name)) {
        result.wrong_passcodes = static_cast<unsigned>(account->passcodes.events.size());
        result.wrong_passwords = static_cast<unsigned>(account->wrong_passwords());
        result.challenges = static_cast<unsigned>(account->challenges.events.size());
        result.refused_until = later(spent_until(*account, What::Passcode, /* stranger= */ false),
                                     spent_until(*account, What::Challenge, /* stranger= */ false));
    }
    return result;
}

// ---------------------------------------------------------------------------------------------
// Counting

std::uint64_t Ledger::count(Account& account, What what, const Origin& origin) {
    Budget& budget = budget_of(account, what);
    const std::size_t slot = make_slot(account, origin, /* trusted= */ false);
    const std::uint64_t id = next_id_++;
    // Order of ids is order of time, also when the clock has gone back a little.
    const WallTime at =
        budget.events.empty() ? now() : std::max(now(), budget.events.rbegin()->second.at);
    budget.events.emplace_hint(budget.events.end(), id, Event{at, slot, /* pending= */ true});
    ++budget.pending;
    ++share_of(account.origins[slot], what).pending;
    write({{record_kind(what), at, id, account.name, account.origins[slot].key,
            account.origins[slot].own_session}});
    return id;
}

void Ledger::settle(Account& account, What what, std::uint64_t id, bool counts) {
    Budget& budget = budget_of(account, what);
    const auto found = budget.events.find(id);
    if (found == budget.events.end() || !found->second.pending) {
        return;
    }
    OriginSlot::Share& share = share_of(account.origins[found->second.origin], what);
    --share.pending;
    --budget.pending;
    if (counts) {
        found->second.pending = false;
        ++share.counted;
    } else {
        budget.events.erase(found);
        write({{Kind::Refund, now(), id, account.name, {}, false}});
    }
    const auto listed = accounts_.find(account.name);
    if (listed != accounts_.end()) {
        wake(listed->second); // last: whoever is resumed may do anything
    }
}

Task<Limiter::Permission> Ledger::reserve(std::shared_ptr<Ledger> self, What what, std::string name,
                                          Origin origin) {
    for (;;) {
        const std::shared_ptr<Account> account = self->find_or_make(name);
        if (!account) {
            co_return LimitRefusal{self->now() + kTableFullRefusal};
        }
        const Decision decision = self->decide(*account, what, origin);
        if (const auto* until = std::get_if<WallTime>(&decision)) {
            co_return refusal_of(*account, what, origin, *until);
        }
        if (std::holds_alternative<GoAhead>(decision)) {
            const std::uint64_t id = self->count(*account, what, origin);
            co_return std::make_unique<Reservation>(self, account, what, id);
        }
        Waiter waiter(account);
        co_await waiter.roused;
    }
}

void Ledger::wake(const std::shared_ptr<Account>& account) {
    if (account->waiters.empty() || account->rouse_posted) {
        return;
    }
    account->rouse_posted = true;
    post_([account] { rouse(*account); });
}

/// Lets everybody who waits look again, in the order they came. Resuming one may end another.
void Ledger::rouse(Account& account) {
    account.rouse_posted = false;
    const std::uint64_t round = ++account.round;
    while (!account.waiters.empty() && account.waiters.front()->round < round) {
        Waiter& waiter = *account.waiters.front();
        account.waiters.pop_front();
        waiter.listed = false;
        waiter.roused.set(true);
    }
}

/// Returns the time that counts.
WallTime Ledger::add_password(OriginSlot& slot, WallTime at) const {
    // More than this tells nothing new; the overflow slot collects from any number of origins.
    if (slot.wrong_passwords.size() >= 10 * std::size_t{limits_.wrong_passwords}) {
        slot.wrong_passwords.pop_front();
    }
    at = slot.wrong_passwords.empty() ? at : std::max(at, slot.wrong_passwords.back());
    slot.wrong_passwords.push_back(at);
    return at;
}

void Ledger::password_failed(std::string_view name, const Origin& origin) {
    const auto account = find_or_make(name);
    if (!account) {
        return; // nor can such an account begin anything
    }
    OriginSlot& slot = account->origins[make_slot(*account, origin, /* trusted= */ false)];
    const WallTime at = add_password(slot, now());
    write({{Kind::Password, at, 0, account->name, slot.key, slot.own_session}});
}

void Ledger::ban(std::string_view name, const Origin& origin) {
    const auto account = find_or_make(name);
    if (!account) {
        return;
    }
    const std::size_t index = make_slot(*account, origin, /* trusted= */ false);
    if (index == kOverflow) {
        return; // no room to remember whom; such an origin may begin nothing anyway
    }
    OriginSlot& slot = account->origins[index];
    slot.banned_at = now();
    write({{Kind::Ban, *slot.banned_at, 0, account->name, slot.key, slot.own_session}});
}

/// Identity forgets wrong passcodes at a success. Those under way are judged after it, perhaps.
void Ledger::forget_passcodes(Account& account) {
    auto& events = account.passcodes.events;
    for (auto event = events.begin(); event != events.end();) {
        if (event->second.pending) {
            ++event;
            continue;
        }
        --account.origins[event->second.origin].passcodes.counted;
        event = events.erase(event);
    }
}

void Ledger::make_known(Account& account, std::size_t slot, WallTime at) {
    account.origins[slot].known_since = at;
    std::size_t known = 0;
    OriginSlot* oldest = nullptr;
    WallTime oldest_since = WallTime::max();
    for (OriginSlot& one : account.origins) {
        if (one.known_since) {
            ++known;
            if (*one.known_since < oldest_since) {
                oldest_since = *one.known_since;
                oldest = &one;
            }
        }
    }
    if (known > kMaxKnownOrigins && oldest != nullptr) {
        oldest->known_since.reset();
    }
}

void Ledger::signed_in(std::string_view name, const Origin& origin) {
    const auto account = find_or_make(name);
    if (!account) {
        return;
    }
    forget_passcodes(*account);
    const std::size_t index = make_slot(*account, origin, /* trusted= */ true);
    OriginSlot& slot = account->origins[index];
    if (index != kOverflow) {
        slot.wrong_passwords.clear();
        make_known(*account, index, now());
    }
    std::vector<LimiterRecord> records{
        {Kind::SignedIn, now(), 0, account->name, slot.key, slot.own_session}};
    for (const auto& [id, event] : account->passcodes.events) {
        const OriginSlot& other = account->origins[event.origin];
        records.push_back(
            {Kind::Passcode, event.at, id, account->name, other.key, other.own_session});
    }
    write(records);
    wake(account);
}

void Ledger::change(const settings::LimitSettings& limits) {
    limits_ = limits;
    std::vector<std::shared_ptr<Account>> all; // resuming may change the table
    for (const auto& [name, account] : accounts_) {
        if (!account->waiters.empty()) {
            all.push_back(account);
        }
    }
    for (const auto& account : all) {
        wake(account);
    }
}

// ---------------------------------------------------------------------------------------------
// Disk

void Ledger::write(const std::vector<LimiterRecord>& records) {
    log_.append(records);
    if (log_.wants_rewrite()) {
        log_.rewrite(live());
    }
}

std::vector<LimiterRecord> Ledger::live() {
    std::vector<LimiterRecord> records;
    for (const auto& [name, account] : accounts_) {
        expire(*account);
        const auto add = [&, &holder = *account](Kind kind, WallTime at, std::uint64_t id,
                                                 const OriginSlot& slot) {
            records.push_back({kind, at, id, holder.name, slot.key, slot.own_session});
        };
        for (const OriginSlot& slot : account->origins) {
            if (slot.known_since) {
                add(Kind::Known, *slot.known_since, 0, slot);
            }
            if (slot.banned_at) {
                add(Kind::Ban, *slot.banned_at, 0, slot);
            }
            for (const WallTime at : slot.wrong_passwords) {
                add(Kind::Password, at, 0, slot);
            }
        }
        for (const What what : {What::Passcode, What::Challenge}) {
            for (const auto& [id, event] : budget_of(*account, what).events) {
                add(record_kind(what), event.at, id, account->origins[event.origin]);
            }
        }
    }
    return records;
}

void Ledger::replay(const LimiterRecord& record) {
    const WallTime time = now();
    WallTime at = record.at; // one in the future is brought back by expire()
    // Whatever is this old counts for nothing, except for who is known, and for wiping the slate.
    const bool keeps_for_long = record.kind == Kind::Known || record.kind == Kind::SignedIn;
    if (at + (keeps_for_long ? WallTime::duration(kOriginKnownFor)
                             : WallTime::duration(kWrongPasscodeWindow)) <=
        time) {
        return;
    }
    next_id_ = std::max(next_id_, record.id + 1);
    const auto account = find_or_make(record.account);
    if (!account) {
        return;
    }
    const Origin origin{record.origin, record.own_session};
    const auto slot = [&](bool trusted) {
        return origin.key.empty() ? kOverflow : make_slot(*account, origin, trusted);
    };
    const auto add = [&](What what) {
        Budget& budget = budget_of(*account, what);
        if (budget.events.count(record.id) != 0) {
            return; // written twice, for a sign-in that did not touch it
        }
        // By id, hence perhaps in between; its time must fit there.
        const auto next = budget.events.upper_bound(record.id);
        if (next != budget.events.begin()) {
            at = std::max(at, std::prev(next)->second.at);
        }
        const std::size_t index = slot(/* trusted= */ false);
        budget.events.emplace_hint(next, record.id, Event{at, index, /* pending= */ false});
        ++share_of(account->origins[index], what).counted;
    };
    const auto take_back = [&](What what) {
        Budget& budget = budget_of(*account, what);
        const auto found = budget.events.find(record.id);
        if (found != budget.events.end()) {
            --share_of(account->origins[found->second.origin], what).counted;
            budget.events.erase(found);
        }
    };
    switch (record.kind) {
    case Kind::Passcode:
        add(What::Passcode);
        break;
    case Kind::Challenge:
        add(What::Challenge);
        break;
    case Kind::Refund: // ids are unique over both
        take_back(What::Passcode);
        take_back(What::Challenge);
        break;
    case Kind::Password:
        add_password(account->origins[slot(/* trusted= */ false)], at);
        break;
    case Kind::Ban:
        if (const std::size_t index = slot(/* trusted= */ false); index != kOverflow) {
            account->origins[index].banned_at = at;
        }
        break;
    case Kind::SignedIn:
        forget_passcodes(*account);
        [[fallthrough]];
    case Kind::Known:
        if (const std::size_t index = slot(/* trusted= */ true); index != kOverflow) {
            if (record.kind == Kind::SignedIn) {
                account->origins[index].wrong_passwords.clear();
            }
            make_known(*account, index, at);
        }
        break;
    }
}

// ---------------------------------------------------------------------------------------------

class LoggedLimiter final : public Limiter {
  public:
    explicit LoggedLimiter(std::shared_ptr<Ledger> ledger) : ledger_(std::move(ledger)) {}

    std::optional<LimitRefusal> refusal(std::string_view account, const Origin& origin) override {
        return ledger_->first_step_refusal(account, origin);
    }
    milliseconds delay(std::string_view account, const Origin& origin) override {
        return ledger_->delay(account, origin);
    }
    Task<Permission> reserve_challenge(std::string account, Origin origin) override {
        return Ledger::reserve(ledger_, What::Challenge, std::move(account), std::move(origin));
    }
    Task<Permission> reserve_passcode(std::string account, Origin origin) override {
        return Ledger::reserve(ledger_, What::Passcode, std::move(account), std::move(origin));
    }
    void password_failed(std::string_view account, const Origin& origin) override {
        ledger_->password_failed(account, origin);
    }
    void ban_password_only_client(std::string_view account, const Origin& origin) override {
        ledger_->ban(account, origin);
    }
    void signed_in(std::string_view account, const Origin& origin) override {
        ledger_->signed_in(account, origin);
    }
    Counters counters(std::string_view account) override { return ledger_->counters(account); }
    void change(const settings::LimitSettings& limits) override { ledger_->change(limits); }
    std::optional<std::string> trouble() const override { return ledger_->trouble(); }

  private:
    std::shared_ptr<Ledger> ledger_;
};

} // namespace

std::unique_ptr<Limiter> make_limiter(const Clock& clock, const settings::LimitSettings& limits,
                                      std::string directory, Post post) {
    return std::make_unique<LoggedLimiter>(
        std::make_shared<Ledger>(clock, limits, std::move(directory), std::move(post)));
}

} // namespace raxauth::limits
