// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/account_counts.h"

#include <algorithm>
#include <utility>

namespace raxauth::limits {
namespace {

using std::chrono::milliseconds;
using Kind = LimiterRecord::Kind;

/// The row of origins that have none of their own.
constexpr AttemptWindow::Row kElsewhere = 0;
constexpr std::size_t kMaxElsewhere = 2048; ///< wrong passwords; far more than delay() looks at

std::optional<WallTime> later(std::optional<WallTime> a, std::optional<WallTime> b) {
    return !a || (b && *b > *a) ? b : a;
}

/// When one more is allowed again of times that each count for `window`; nothing: at once.
std::optional<WallTime> spent_until(const std::vector<WallTime>& sorted, std::size_t bound,
                                    WallTime::duration window) {
    return sorted.size() < bound ? std::nullopt
                                 : std::optional(sorted[sorted.size() - bound] + window);
}

/// A time in the future becomes the present: the clock was set back.
void bring_back(WallTime& at, WallTime now) {
    at = at > now + kClockTolerance ? now : at;
}

} // namespace

// Time

void AccountCounts::forget_expired(WallTime now) {
    passcodes_.forget_expired(now);
    challenges_.forget_expired(now);
    for (OriginRow& row : rows_) {
        auto& passwords = row.wrong_passwords;
        std::for_each(passwords.begin(), passwords.end(),
                      [now](WallTime& at) { bring_back(at, now); });
        passwords.erase(passwords.begin(),
                        std::find_if(passwords.begin(), passwords.end(), [now](WallTime at) {
                            return at + kWrongPasswordWindow > now;
                        }));
        for (Ban& ban : row.bans) {
            bring_back(ban.at, now);
        }
        row.bans.erase(
            std::remove_if(row.bans.begin(), row.bans.end(),
                           [now](const Ban& ban) { return ban.at + kPasswordOnlyBan <= now; }),
            row.bans.end());
        if (row.known_since) {
            bring_back(*row.known_since, now);
            if (*row.known_since + kOriginKnownFor <= now) {
                row.known_since.reset();
            }
        }
    }
    if (passcode_proven_at_) {
        bring_back(*passcode_proven_at_, now);
        if (*passcode_proven_at_ + kWrongPasscodeWindow <= now) {
            passcode_proven_at_.reset();
        }
    }
}

// Rows

const AccountCounts::OriginRow* AccountCounts::find_row(std::string_view key) const {
    const auto found = std::find_if(rows_.begin() + 1, rows_.end(),
                                    [&](const OriginRow& row) { return row.key == key; });
    return found != rows_.end() ? &*found : nullptr;
}

const AccountCounts::OriginRow* AccountCounts::row_that_counts(const Origin& origin) const {
    if (const OriginRow* own = find_row(origin.key)) {
        return own;
    }
    const std::string network = network_of(origin.key);
    return network.empty() ? nullptr : find_row(network);
}

bool AccountCounts::is_idle(Row row) const {
    return rows_[row].is_empty() && passcodes_.share_of(row).all() == 0 &&
           challenges_.share_of(row).all() == 0;
}

std::size_t AccountCounts::rows_of(std::string_view network) const {
    return static_cast<std::size_t>(
        std::count_if(rows_.begin() + 1, rows_.end(), [&](const OriginRow& row) {
            return row.network == network && !is_idle(static_cast<Row>(&row - rows_.data()));
        }));
}

/// Index of the origin's row, made if need be; kElsewhere when there is no room. `always`: one that
/// has just signed in gets a row where strangers do not; so do this machine and own sessions.
AccountCounts::Row AccountCounts::make_row(const Origin& origin, bool always) {
    const OriginRow* row = find_row(origin.key);
    std::string key = origin.key;
    std::string network = network_of(key);
    if (row == nullptr && !always && !network.empty() && rows_of(network) >= kMaxRowsOfNetwork) {
        key = network;
        row = find_row(key);
    }
    Row index = kElsewhere;
    if (row != nullptr) {
        index = static_cast<Row>(row - rows_.data());
    } else if (key.size() <= kMaxOriginKeyBytes) {
        index = free_row(always || origin.own_session || key == kLocalOrigin);
    }
    if (index == kElsewhere) {
        return index;
    }
    if (row == nullptr) {
        rows_[index] = OriginRow{};
        rows_[index].key = std::move(key);
        rows_[index].network = std::move(network);
    }
    rows_[index].own_session = rows_[index].own_session || origin.own_session;
    return index;
}

bool AccountCounts::may_give_way(const OriginRow& row, Row index) const {
    return index != kElsewhere && row.is_stranger() && row.key != kLocalOrigin &&
           passcodes_.share_of(index).all() == 0 && challenges_.share_of(index).all() == 0;
}

/// A row that nobody needs, a new one, or that of the stranger with the fewest wrong passwords,
/// longest ago: who sends many keeps their row. kElsewhere when every row is needed.
AccountCounts::Row AccountCounts::free_row(bool always) {
    for (Row row = 1; row < rows_.size(); ++row) {
        if (is_idle(row)) {
            return row;
        }
    }
    if (rows_.size() <= (always ? kMaxRows : kMaxStrangerRows)) {
        rows_.emplace_back();
        return rows_.size() - 1;
    }
    Row best = kElsewhere;
    const auto weight = [this](Row index) {
        const OriginRow& row = rows_[index];
        return std::pair(row.wrong_passwords.size() + row.bans.size(),
                         row.wrong_passwords.empty() ? WallTime() : row.wrong_passwords.back());
    };
    for (Row row = 1; row < rows_.size(); ++row) {
        if (may_give_way(rows_[row], row) && (best == kElsewhere || weight(row) < weight(best))) {
            best = row;
        }
    }
    if (best != kElsewhere) {
        // They go on counting for the account as a whole.
        auto& elsewhere = rows_[kElsewhere].wrong_passwords;
        const auto& passwords = rows_[best].wrong_passwords;
        elsewhere.insert(elsewhere.end(), passwords.begin(), passwords.end());
        std::sort(elsewhere.begin(), elsewhere.end());
        const std::size_t excess = elsewhere.size() - std::min(elsewhere.size(), kMaxElsewhere);
        elsewhere.erase(elsewhere.begin(), elsewhere.begin() + static_cast<std::ptrdiff_t>(excess));
    }
    return best;
}

// Deciding

bool AccountCounts::has_known_origin() const {
    return std::any_of(rows_.begin(), rows_.end(),
                       [](const OriginRow& row) { return row.known_since.has_value(); });
}

bool AccountCounts::knows(const Origin& origin, WallTime now) const {
    const OriginRow* row = find_row(origin.key);
    return row != nullptr && row->known_since && *row->known_since + kOriginKnownFor > now;
}

/// May counts be missing that Identity remembers? Not after a success, which resets those too.
bool AccountCounts::is_lost(const Terms& terms) const {
    return terms.now < terms.lost_until &&
           (!passcode_proven_at_ ||
            *passcode_proven_at_ + kWrongPasscodeWindow <= terms.lost_until);
}

/// No stranger comes from a session of the account, or from where it signed in of late. Where no
/// such place is known, everybody may be the person. Where counts are lost, places are too.
bool AccountCounts::is_stranger(const Origin& origin, const Terms& terms) const {
    const OriginRow* row = find_row(origin.key);
    const bool own_session = origin.own_session || (row != nullptr && row->own_session);
    const bool known = row != nullptr && row->known_since && !is_lost(terms);
    return !own_session && !known;
}

AttemptWindow::Share AccountCounts::strangers_share(Counted counted) const {
    AttemptWindow::Share sum;
    for (Row row = 0; row < rows_.size(); ++row) {
        if (rows_[row].is_stranger()) {
            const AttemptWindow::Share share = window(counted).share_of(row);
            sum.counted += share.counted;
            sum.pending += share.pending;
        }
    }
    return sum;
}

AccountCounts::Bounds AccountCounts::bounds(Counted counted, const Terms& terms) const {
    const bool passcode = counted == Counted::Passcode;
    const std::size_t all = passcode ? terms.limits.wrong_passcodes : terms.limits.challenges;
    const std::size_t reserve =
        passcode ? 1 : std::max<std::size_t>(1, std::size_t{terms.limits.challenges} / 3);
    const bool shared = has_known_origin();
    if (terms.kept && !is_lost(terms)) {
        // Never nothing at all for strangers: the person may come from a new place too.
        const std::size_t share = all > reserve ? all - reserve : 1;
        return {all, shared ? share : all};
    }
    // As if strangers had used up their share. Where nobody is known, all get the reserve.
    if (shared || is_lost(terms)) {
        return {std::min(all, strangers_share(counted).all() + std::min(all, reserve)), 0};
    }
    return {std::min(all, reserve), std::min(all, reserve)};
}

/// Are the attempts that have ended too many for one more, and until when?
std::optional<WallTime> AccountCounts::spent_until(Counted counted, bool stranger,
                                                   const Terms& terms) const {
    const AttemptWindow& attempts = window(counted);
    const Bounds bound = bounds(counted, terms);
    std::optional<WallTime> until;
    if (attempts.total().counted >= bound.all) {
        until = attempts.leaves_at(attempts.total().counted - bound.all, [](Row) { return true; });
    }
    if (stranger && bound.strangers == 0) {
        return later(until, is_lost(terms) ? terms.lost_until : terms.now + kNotKeptRefusal);
    }
    const std::size_t strangers = strangers_share(counted).counted;
    if (stranger && strangers >= bound.strangers) {
        until = later(until, attempts.leaves_at(strangers - bound.strangers, [this](Row row) {
            return rows_[row].is_stranger();
        }));
    }
    return until;
}

std::optional<WallTime> AccountCounts::used_up_until(const Terms& terms) const {
    return later(spent_until(Counted::Passcode, /* stranger= */ false, terms),
                 spent_until(Counted::Challenge, /* stranger= */ false, terms));
}

std::optional<WallTime> AccountCounts::passwords_spent_until(const Origin& origin,
                                                             const Terms& terms) const {
    const std::size_t bound = terms.limits.wrong_passwords;
    std::optional<WallTime> until;
    const OriginRow* row = find_row(origin.key);
    if (row != nullptr) {
        until = limits::spent_until(row->wrong_passwords, bound, kWrongPasswordWindow);
    }
    const std::string network = network_of(origin.key);
    if (!network.empty() && (row == nullptr || row->is_stranger())) {
        std::vector<WallTime> passwords;
        for (const OriginRow& one : rows_) {
            if (one.network == network) {
                passwords.insert(passwords.end(), one.wrong_passwords.begin(),
                                 one.wrong_passwords.end());
            }
        }
        std::sort(passwords.begin(), passwords.end());
        until = later(until,
                      limits::spent_until(passwords, kNetworkFactor * bound, kWrongPasswordWindow));
    }
    return until;
}

/// May the first steps under way use up the wrong passwords of this origin?
bool AccountCounts::passwords_may_be_spent(const Origin& origin, const Terms& terms) const {
    const OriginRow* row_of_own = find_row(origin.key);
    const bool stranger = row_of_own == nullptr || row_of_own->is_stranger();
    const std::string network = stranger ? network_of(origin.key) : std::string();
    std::size_t own = 0;
    std::size_t own_pending = 0;
    std::size_t of_network = 0;
    std::size_t network_pending = 0;
    for (Row row = 1; row < rows_.size(); ++row) {
        const std::size_t wrong = rows_[row].wrong_passwords.size();
        const std::size_t pending = challenges_.share_of(row).pending;
        if (rows_[row].key == origin.key) {
            own = wrong;
            own_pending = pending;
        }
        if (!network.empty() && rows_[row].network == network) {
            of_network += wrong;
            network_pending += pending;
        }
    }
    const std::size_t bound = terms.limits.wrong_passwords;
    return (own_pending > 0 && own + own_pending >= bound) ||
           (network_pending > 0 && of_network + network_pending >= kNetworkFactor * bound);
}

std::optional<LimitRefusal> AccountCounts::first_step_refusal(const Origin& origin,
                                                              std::string_view service,
                                                              const Terms& terms) const {
    const bool stranger = is_stranger(origin, terms);
    std::optional<WallTime> until = passwords_spent_until(origin, terms);
    until = later(until, spent_until(Counted::Challenge, stranger, terms));
    // Without a passcode left, an SMS would be in vain.
    until = later(until, spent_until(Counted::Passcode, stranger, terms));
    if (until) {
        return LimitRefusal{*until};
    }
    if (const OriginRow* row = row_that_counts(origin)) {
        for (const Ban& ban : row->bans) {
            if (ban.service == service) {
                return LimitRefusal{ban.at + kPasswordOnlyBan, ban.client};
            }
        }
    }
    return std::nullopt;
}

AccountCounts::Decision AccountCounts::decide(Counted counted, const Origin& origin,
                                              std::string_view service, const Terms& terms) const {
    const bool stranger = is_stranger(origin, terms);
    if (counted == Counted::Challenge) {
        if (const auto refusal = first_step_refusal(origin, service, terms)) {
            return *refusal;
        }
    } else if (const auto until = spent_until(counted, stranger, terms)) {
        return LimitRefusal{*until};
    }
    const Bounds bound = bounds(counted, terms);
    if (window(counted).total().all() >= bound.all ||
        (stranger && strangers_share(counted).all() >= bound.strangers)) {
        return Wait{};
    }
    if (counted == Counted::Challenge && passwords_may_be_spent(origin, terms)) {
        return Wait{};
    }
    return GoAhead{};
}

milliseconds AccountCounts::delay(const Origin& origin, const Terms& terms) const {
    constexpr milliseconds kFirstDelay{200};
    constexpr milliseconds kMoreForEach{100};
    const std::size_t wrong = wrong_passwords();
    const std::size_t free = kAccountFactor * terms.limits.wrong_passwords;
    if (wrong < free || !is_stranger(origin, terms)) {
        return milliseconds(0);
    }
    const std::size_t steps = std::min<std::size_t>(wrong - free, kMaxDelay / kMoreForEach);
    return std::min(kMaxDelay, kFirstDelay + static_cast<int>(steps) * kMoreForEach);
}

AccountCounts::Left AccountCounts::left(const Origin& origin, const Terms& terms) const {
    const bool stranger = is_stranger(origin, terms);
    const Bounds bound = bounds(Counted::Challenge, terms);
    const std::size_t all = challenges_.total().all();
    const std::size_t strangers = strangers_share(Counted::Challenge).all();
    const bool by_share = stranger && bound.strangers - std::min(bound.strangers, strangers) <=
                                          bound.all - std::min(bound.all, all);
    const std::size_t most = by_share ? bound.strangers : bound.all;
    const std::size_t used = by_share ? strangers : all;
    Left result;
    result.challenges = most - std::min(most, used);
    // When the oldest of them makes room; one under way counts from now on.
    const auto counts = [&](Row row) { return !by_share || rows_[row].is_stranger(); };
    const std::size_t settled =
        by_share ? strangers_share(Counted::Challenge).counted : challenges_.total().counted;
    result.next_at = settled > 0 ? challenges_.leaves_at(0, counts) : terms.now + kChallengeWindow;
    return result;
}

std::size_t AccountCounts::wrong_passwords() const {
    std::size_t sum = 0;
    for (const OriginRow& row : rows_) {
        sum += row.wrong_passwords.size();
    }
    return sum;
}

AccountCounts::Worth AccountCounts::worth() const {
    if (passcodes_.total().all() > 0 || challenges_.total().pending > 0) {
        return Worth::Passcodes;
    }
    if (challenges_.total().counted > 0) {
        return Worth::Challenges;
    }
    const bool counts_any = std::any_of(rows_.begin(), rows_.end(), [](const OriginRow& row) {
        return !row.wrong_passwords.empty() || !row.bans.empty();
    });
    if (counts_any) {
        return Worth::WrongPasswords;
    }
    return has_known_origin() ? Worth::KnownOrigins : Worth::Nothing;
}

// Counting

void AccountCounts::begin(Counted counted, Id id, const Origin& origin, WallTime now) {
    window(counted).begin(id, make_row(origin, /* always= */ false), now);
}

void AccountCounts::add_wrong_password(OriginRow& row, WallTime at, const Terms& terms) const {
    auto& passwords = row.wrong_passwords;
    // More than this tells nothing new; the first row collects from any number of origins.
    if (passwords.size() >= kAccountFactor * terms.limits.wrong_passwords) {
        passwords.erase(passwords.begin());
    }
    passwords.push_back(passwords.empty() ? at : std::max(at, passwords.back()));
}

void AccountCounts::password_failed(const Origin& origin, const Terms& terms) {
    add_wrong_password(rows_[make_row(origin, /* always= */ false)], terms.now, terms);
}

void AccountCounts::ban(const Origin& origin, std::string_view service, PasswordOnly client,
                        WallTime now) {
    const Row index = make_row(origin, /* always= */ false);
    if (index == kElsewhere) {
        return; // no room to remember whom
    }
    lift_ban(origin, service);
    auto& bans = rows_[index].bans;
    if (bans.size() >= kMaxBansOfOrigin) {
        bans.erase(bans.begin());
    }
    bans.push_back({std::string(service), client, now});
}

bool AccountCounts::lift_ban(const Origin& origin, std::string_view service) {
    const OriginRow* found = row_that_counts(origin);
    if (found == nullptr) {
        return false;
    }
    auto& bans = rows_[static_cast<Row>(found - rows_.data())].bans;
    const auto kept = std::remove_if(bans.begin(), bans.end(),
                                     [&](const Ban& ban) { return ban.service == service; });
    const bool any = kept != bans.end();
    bans.erase(kept, bans.end());
    return any;
}

/// The origin is known from now on; the one that is known for longest makes room.
void AccountCounts::make_known(Row row, WallTime at) {
    rows_[row].known_since = at;
    std::size_t known = 0;
    OriginRow* oldest = nullptr;
    for (OriginRow& one : rows_) {
        if (one.known_since) {
            ++known;
            oldest = oldest == nullptr || *one.known_since < *oldest->known_since ? &one : oldest;
        }
    }
    if (known > kMaxKnownOrigins) {
        oldest->known_since.reset();
    }
}

std::optional<AccountCounts::Id> AccountCounts::signed_in(const Origin& origin, SignInProof proof,
                                                          WallTime now) {
    const Row index = make_row(origin, /* always= */ true);
    if (index != kElsewhere) {
        rows_[index].wrong_passwords.clear();
        make_known(index, now);
    }
    if (proof == SignInProof::WithoutPasscode) {
        return std::nullopt; // Identity goes on counting wrong passcodes
    }
    // Identity forgets wrong passcodes. Those under way may be judged after that.
    passcodes_.forget_settled();
    passcode_proven_at_ = now;
    const std::optional<Id> answered = challenges_.newest_settled(index);
    if (answered) {
        challenges_.take_back(*answered);
    }
    return answered;
}

void AccountCounts::reset() {
    passcodes_.forget_settled();
    challenges_.forget_settled();
    for (OriginRow& row : rows_) {
        row.wrong_passwords.clear();
        row.bans.clear();
    }
}

// Records

std::vector<LimiterRecord> AccountCounts::records(const std::string& account) const {
    std::vector<LimiterRecord> records;
    const auto add = [&](Kind kind, WallTime at, Id id, const OriginRow& row,
                         std::string service = {}) {
        records.push_back({kind, at, id, account, row.key, row.own_session, std::move(service)});
    };
    if (passcode_proven_at_) {
        add(Kind::SignedIn, *passcode_proven_at_, 0, rows_[kElsewhere]);
    }
    for (const OriginRow& row : rows_) {
        if (row.known_since) {
            add(Kind::Known, *row.known_since, 0, row);
        }
        for (const Ban& ban : row.bans) {
            add(ban_kind(ban.client), ban.at, 0, row, ban.service);
        }
        for (const WallTime at : row.wrong_passwords) {
            add(Kind::Password, at, 0, row);
        }
    }
    for (const Counted counted : {Counted::Passcode, Counted::Challenge}) {
        for (const auto& [id, attempt] : window(counted).attempts()) {
            add(counted == Counted::Passcode ? Kind::Passcode : Kind::Challenge, attempt.at, id,
                rows_[attempt.row]);
            if (attempt.unanswered) {
                add(Kind::Unanswered, attempt.at, id, rows_[kElsewhere]);
            }
        }
    }
    return records;
}

void AccountCounts::replay(const LimiterRecord& record, const Terms& terms) {
    const Origin origin{record.origin, record.own_session};
    const auto row = [&](bool always) {
        return origin.key.empty() ? kElsewhere : make_row(origin, always);
    };
    switch (record.kind) {
    case Kind::Rewritten:
    case Kind::Lost:
        break;
    case Kind::Passcode:
        passcodes_.restore(record.id, row(/* always= */ false), record.at);
        break;
    case Kind::Challenge:
        challenges_.restore(record.id, row(/* always= */ false), record.at);
        break;
    case Kind::Refund: // ids are unique over both
        passcodes_.take_back(record.id);
        challenges_.take_back(record.id);
        break;
    case Kind::Reset:
        reset();
        break;
    case Kind::Unanswered:
        challenges_.settle_unanswered(record.id);
        break;
    case Kind::Password:
        add_wrong_password(rows_[row(/* always= */ false)], record.at, terms);
        break;
    case Kind::Ban:
        ban(origin, record.service, PasswordOnly::RepeatsIt, record.at);
        break;
    case Kind::SilentBan:
        ban(origin, record.service, PasswordOnly::SaysNothing, record.at);
        break;
    case Kind::BanLifted:
        lift_ban(origin, record.service);
        break;
    case Kind::SignedIn:
        passcodes_.forget_settled();
        passcode_proven_at_ = record.at;
        [[fallthrough]];
    case Kind::SignedInWithout:
    case Kind::Known:
        if (const Row index = row(/* always= */ true); index != kElsewhere) {
            if (record.kind != Kind::Known) {
                rows_[index].wrong_passwords.clear();
            }
            make_known(index, record.at);
        }
        break;
    }
}

} // namespace raxauth::limits
