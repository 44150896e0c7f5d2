// SPDX-License-Identifier: Apache-2.0
// An attempt is counted as failed, in memory and on disk, before it is made, and taken back when
// it turns out well. So the count errs on the safe side whenever the answer is not known, and of
// many attempts made at once no more go out than may fail.
#include "daemon/limits/limiter.h"

#include "common/letter_case.h"

#include <algorithm>
#include <ctime>
#include <fmt/core.h>
#include <list>
#include <tuple>
#include <utility>

namespace raxauth::limits {
namespace {

using Kind = LimiterRecord::Kind;

/// A full table is swept of so many accounts at once, so that a flood of names does not keep the
/// loop busy with sweeping.
constexpr std::size_t kSweep = kMaxAccounts / 10;

/// The most that [limits] takes.
constexpr unsigned kMaxWrongPasswords = 1000000;

Kind record_kind(Counted counted) {
    return counted == Counted::Passcode ? Kind::Passcode : Kind::Challenge;
}

std::string time_of_day(WallTime when) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return fmt::format("{:02}:{:02}", parts.tm_hour, parts.tm_min);
}

} // namespace

struct Limiter::Account {
    std::string name; ///< lower case
    AccountCounts counts;
    std::uint64_t last_use = 0;
    std::list<Waiter*> waiters;
    std::uint64_t round = 0;
    bool rouse_posted = false;
};

/// A coroutine that waits for attempts under way; lives in its frame.
struct Limiter::Waiter {
    explicit Waiter(AccountPointer of)
        : account(std::move(of)), place(account->waiters.insert(account->waiters.end(), this)),
          round(account->round) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() {
        if (listed) {
            account->waiters.erase(place);
        }
    }

    AccountPointer account;
    std::list<Waiter*>::iterator place;
    bool listed = true;
    std::uint64_t round = 0; ///< the account's when it began to wait
    OneShot<bool> roused;
};

// An attempt

Limiter::Attempt::Attempt(std::weak_ptr<Limiter> limiter, AccountPointer account, Counted counted,
                          AccountCounts::Id id)
    : limiter_(std::move(limiter)), account_(std::move(account)), counted_(counted), id_(id) {}

Limiter::Attempt::~Attempt() {
    end(End::Counts);
}

void Limiter::Attempt::not_judged() {
    end(End::DoesNotCount);
}

void Limiter::Attempt::accepted() {
    end(End::DoesNotCount);
}

void Limiter::Attempt::unanswered() {
    end(counted_ == Counted::Challenge ? End::Unanswered : End::Counts);
}

void Limiter::Attempt::end(End how) {
    if (const auto limiter = limiter_.lock()) {
        limiter_.reset();
        limiter->end(account_, counted_, id_, how);
    }
}

// The table of accounts

Limiter::Limiter(const Clock& clock, const settings::LimitSettings& limits, std::string directory,
                 Post post)
    : clock_(clock), limits_(limits), log_(clock, std::move(directory)), post_(std::move(post)) {
    log_.replay([this](const LimiterRecord& record) { replay(record); });
    if (log_.lost_at()) {
        lost_until_ = *log_.lost_at() + kWrongPasscodeWindow;
    }
    rewrite();
    told_trouble_ = trouble().value_or("");
}

Limiter::~Limiter() = default;

/// Wall time to the microsecond, as it is on disk.
WallTime Limiter::now() const {
    return std::chrono::floor<std::chrono::microseconds>(clock_.wall());
}

Terms Limiter::terms() {
    lost_until_ = std::min(lost_until_, now() + kWrongPasscodeWindow); // the clock was set back
    return {limits_, now(), log_.is_complete(), lost_until_};
}

/// The account, without what has left its window; null when it is not in the table.
Limiter::AccountPointer Limiter::find(std::string_view name) {
    const auto found = accounts_.find(lower_case(name));
    if (found == accounts_.end()) {
        return nullptr;
    }
    found->second->counts.forget_expired(now());
    found->second->last_use = ++uses_;
    return found->second;
}

Limiter::AccountPointer Limiter::find_or_make(std::string_view name) {
    if (auto account = find(name)) {
        return account;
    }
    if (!make_room()) {
        return nullptr;
    }
    auto account = std::make_shared<Account>();
    account->name = lower_case(name);
    account->last_use = ++uses_;
    accounts_.emplace(account->name, account);
    return account;
}

/// A full table lets go of those that lose least, and of them those not used for longest. Wrong
/// passcodes and attempts under way stay: they guard the lock at Identity.
bool Limiter::make_room() {
    if (accounts_.size() < kMaxAccounts) {
        return true;
    }
    std::vector<std::tuple<AccountCounts::Worth, std::uint64_t, const Account*>> candidates;
    for (const auto& [name, account] : accounts_) {
        account->counts.forget_expired(now());
        const AccountCounts::Worth worth = account->counts.worth();
        if (worth != AccountCounts::Worth::Passcodes && account->waiters.empty()) {
            candidates.emplace_back(worth, account->last_use, account.get());
        }
    }
    const std::size_t number = std::min(kSweep, candidates.size());
    std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(number),
                      candidates.end());
    for (std::size_t i = 0; i < number; ++i) {
        accounts_.erase(std::string(std::get<2>(candidates[i])->name));
    }
    return accounts_.size() < kMaxAccounts;
}

// Questions

std::optional<LimitRefusal> Limiter::refusal(std::string_view name, const Origin& origin,
                                             std::string_view service) {
    retry_to_write();
    const auto account = find(name);
    return account ? account->counts.first_step_refusal(origin, service, terms())
                   : AccountCounts().first_step_refusal(origin, service, terms());
}

std::chrono::milliseconds Limiter::delay(std::string_view name, const Origin& origin) {
    const auto account = find(name);
    return account ? account->counts.delay(origin, terms()) : std::chrono::milliseconds(0);
}

bool Limiter::knows(std::string_view name, const Origin& origin) const {
    const auto found = accounts_.find(lower_case(name));
    return found != accounts_.end() && found->second->counts.knows(origin, now());
}

AccountCounts::Left Limiter::challenges_left(std::string_view name, const Origin& origin) {
    const auto account = find(name);
    return account ? account->counts.left(origin, terms()) : AccountCounts().left(origin, terms());
}

Limiter::Counters Limiter::counters(std::string_view name) {
    Counters result;
    if (const auto account = find(name)) {
        const AccountCounts& counts = account->counts;
        result.wrong_passcodes = static_cast<unsigned>(counts.of(Counted::Passcode).total().all());
        result.wrong_passwords = static_cast<unsigned>(counts.wrong_passwords());
        result.challenges = static_cast<unsigned>(counts.of(Counted::Challenge).total().all());
        result.refused_until = counts.used_up_until(terms());
    }
    return result;
}

std::optional<std::string> Limiter::trouble() const {
    if (!log_.is_complete()) {
        return log_.trouble().value_or("limiter.log is not complete") +
               "; until counts can be written, sign-ins from new places are refused or get one try";
    }
    if (now() < lost_until_) {
        return fmt::format("limiter.log has lost counts; until {}, passcodes are accepted from a "
                           "person's own sessions only, so that Identity locks no account",
                           time_of_day(lost_until_));
    }
    return log_.trouble();
}

// Attempts

Task<Limiter::Permission> Limiter::reserve_challenge(std::string account, Origin origin,
                                                     std::string service) {
    return reserve(Counted::Challenge, std::move(account), std::move(origin), std::move(service));
}

Task<Limiter::Permission> Limiter::reserve_passcode(std::string account, Origin origin,
                                                    std::string service) {
    return reserve(Counted::Passcode, std::move(account), std::move(origin), std::move(service));
}

Task<Limiter::Permission> Limiter::reserve(Counted counted, std::string name, Origin origin,
                                           std::string service) {
    for (;;) {
        retry_to_write();
        const AccountPointer account = find_or_make(name);
        if (!account) {
            co_return LimitRefusal{now() + kTableFullRefusal};
        }
        const auto decision = account->counts.decide(counted, origin, service, terms());
        if (const auto* refused = std::get_if<LimitRefusal>(&decision)) {
            co_return *refused;
        }
        if (std::holds_alternative<AccountCounts::GoAhead>(decision)) {
            co_return begin(account, counted, origin, service);
        }
        Waiter waiter(account);
        co_await waiter.roused;
    }
}

std::unique_ptr<Limiter::Attempt> Limiter::begin(const AccountPointer& account, Counted counted,
                                                 const Origin& origin, std::string_view service) {
    const AccountCounts::Id id = next_id_++;
    account->counts.begin(counted, id, origin, now());
    write({{record_kind(counted), now(), id, account->name, origin.key, origin.own_session}});
    if (counted == Counted::Passcode) {
        lift_ban(account, origin, service);
    }
    return std::make_unique<Attempt>(alive_, account, counted, id);
}

void Limiter::end(const AccountPointer& account, Counted counted, AccountCounts::Id id, End how) {
    AccountCounts& counts = account->counts;
    if (!counts.is_pending(counted, id)) {
        return;
    }
    switch (how) {
    case End::Counts:
        counts.settle(counted, id);
        break;
    case End::Unanswered:
        counts.settle_unanswered(id);
        write({{Kind::Unanswered, now(), id, account->name}});
        break;
    case End::DoesNotCount:
        counts.take_back(counted, id);
        write({{Kind::Refund, now(), id, account->name}});
        break;
    }
    wake(account); // last: a resumed coroutine may do anything
}

void Limiter::wake(const AccountPointer& account) {
    if (account->waiters.empty() || account->rouse_posted) {
        return;
    }
    account->rouse_posted = true;
    post_([account] { rouse(*account); });
}

/// Lets everybody who waits look again, in the order they came. Resuming one may end another.
void Limiter::rouse(Account& account) {
    account.rouse_posted = false;
    const std::uint64_t round = ++account.round;
    while (!account.waiters.empty() && account.waiters.front()->round < round) {
        Waiter& waiter = *account.waiters.front();
        account.waiters.pop_front();
        waiter.listed = false;
        waiter.roused.set(true);
    }
}

// Events

void Limiter::password_failed(std::string_view name, const Origin& origin) {
    const auto account = find_or_make(name);
    if (!account) {
        return; // nor can such an account begin anything
    }
    account->counts.password_failed(origin, terms());
    write({{Kind::Password, now(), 0, account->name, origin.key, origin.own_session}});
}

void Limiter::ban_password_only_client(std::string_view name, const Origin& origin,
                                       std::string_view service, PasswordOnly client) {
    if (const auto account = find_or_make(name)) {
        account->counts.ban(origin, service, client, now());
        write({{ban_kind(client), now(), 0, account->name, origin.key, origin.own_session,
                std::string(service)}});
    }
}

void Limiter::answered_properly(std::string_view name, const Origin& origin,
                                std::string_view service) {
    if (const auto account = find(name)) {
        lift_ban(account, origin, service);
    }
}

void Limiter::lift_ban(const AccountPointer& account, const Origin& origin,
                       std::string_view service) {
    if (account->counts.lift_ban(origin, service)) {
        write({{Kind::BanLifted, now(), 0, account->name, origin.key, origin.own_session,
                std::string(service)}});
    }
}

void Limiter::signed_in(std::string_view name, const Origin& origin, SignInProof proof) {
    const auto account = find_or_make(name);
    if (!account) {
        return;
    }
    const auto answered = account->counts.signed_in(origin, proof, now());
    const bool with_passcode = proof == SignInProof::WithPasscode;
    std::vector<LimiterRecord> records{{with_passcode ? Kind::SignedIn : Kind::SignedInWithout,
                                        now(),
                                        0,
                                        account->name,
                                        origin.key,
                                        origin.own_session,
                                        {}}};
    if (with_passcode) {
        // What is under way still counts, but the line above forgets it when it is read.
        for (LimiterRecord& record : account->counts.records(account->name)) {
            if (record.kind == Kind::Passcode) {
                records.push_back(std::move(record));
            }
        }
    }
    if (answered) {
        records.push_back({Kind::Refund, now(), *answered, account->name});
    }
    write(records);
    wake(account);
}

bool Limiter::reset(std::string_view name) {
    const auto account = find(name);
    if (!account) {
        return false;
    }
    account->counts.reset();
    std::vector<LimiterRecord> records{{Kind::Reset, now(), 0, account->name}};
    // What is under way still counts, but the line above forgets it when it is read.
    for (LimiterRecord& record : account->counts.records(account->name)) {
        if (record.kind == Kind::Passcode || record.kind == Kind::Challenge) {
            records.push_back(std::move(record));
        }
    }
    write(records);
    wake(account);
    return true;
}

void Limiter::change(const settings::LimitSettings& limits) {
    limits_ = limits;
    std::vector<AccountPointer> waited_for; // resuming may change the table
    for (const auto& [name, account] : accounts_) {
        if (!account->waiters.empty()) {
            waited_for.push_back(account);
        }
    }
    for (const auto& account : waited_for) {
        wake(account);
    }
}

// The log

void Limiter::write(const std::vector<LimiterRecord>& records) {
    log_.append(records);
    if (log_.wants_rewrite()) {
        rewrite();
    }
    notice_trouble();
}

/// While nothing can be written, little is allowed and little is written: so it is tried here too.
void Limiter::retry_to_write() {
    if (!log_.is_complete() && log_.wants_rewrite()) {
        rewrite();
    }
    notice_trouble();
}

void Limiter::rewrite() {
    std::vector<LimiterRecord> live;
    for (const auto& [name, account] : accounts_) {
        account->counts.forget_expired(now());
        std::vector<LimiterRecord> records = account->counts.records(account->name);
        live.insert(live.end(), std::make_move_iterator(records.begin()),
                    std::make_move_iterator(records.end()));
    }
    log_.rewrite(live);
}

void Limiter::notice_trouble() {
    std::string trouble = this->trouble().value_or("");
    if (trouble == told_trouble_) {
        return;
    }
    told_trouble_ = std::move(trouble);
    post_([limiter = std::weak_ptr<Limiter>(alive_)] {
        const auto there = limiter.lock();
        if (there && there->tell_trouble_) {
            there->tell_trouble_();
        }
    });
}

void Limiter::replay(const LimiterRecord& record) {
    // A record this old no longer counts, except for known origins and for resetting counts.
    const bool keeps_for_long = record.kind == Kind::Known || record.kind == Kind::SignedIn ||
                                record.kind == Kind::SignedInWithout;
    const WallTime::duration counts_for =
        keeps_for_long ? WallTime::duration(kOriginKnownFor) : kWrongPasscodeWindow;
    if (record.at + counts_for <= now()) {
        return;
    }
    next_id_ = std::max(next_id_, record.id + 1);
    if (const auto account = find_or_make(record.account)) {
        Terms all = terms(); // the settings are not known yet: nothing is left out for them
        all.limits.wrong_passwords = kMaxWrongPasswords;
        account->counts.replay(record, all);
    }
}

} // namespace raxauth::limits
