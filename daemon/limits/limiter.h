// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/limits/account_counts.h"
#include "daemon/limits/limiter_log.h"
#include "daemon/limits/origin.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/task.h"
#include "daemon/settings/settings.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace raxauth::limits {

/// Runs a callback later, from the loop: Loop::post(). Waiting coroutines are resumed through it,
/// never from inside the call that made room for them.
using Post = std::function<void(std::function<void()>)>;

/// How many accounts have counts at a time. When there are more, those go first that hold only
/// known origins, then wrong passwords, then challenges.
inline constexpr std::size_t kMaxAccounts = 20000;
/// The wait for an account if there is still no room: every row holds wrong passcodes.
inline constexpr std::chrono::minutes kTableFullRefusal{1};

/// Keeps this host from locking an account at Identity, from flooding a phone with SMS and from
/// being used to guess passwords. Counts by account of Identity (letter case aside) and origin, in
/// sliding windows of wall time, on disk before the attempt is made: neither a restart nor a crash
/// gives an attacker more tries. The counting itself is AccountCounts; here are the table of
/// accounts, the waiting and the log. All on the loop's thread.
class Limiter {
  public:
    /// Opens `directory`/limiter.log (created 0600; a damaged line is skipped, the rest counts) and
    /// keeps it. Where nothing can be written the limiter counts in memory, and is as strict as if
    /// strangers had used up their share: see trouble(). `clock` outlives the limiter.
    Limiter(const Clock& clock, const settings::LimitSettings& limits, std::string directory,
            Post post);
    Limiter(const Limiter&) = delete;
    Limiter& operator=(const Limiter&) = delete;
    ~Limiter();

    class Attempt;
    using Permission = std::variant<std::unique_ptr<Attempt>, LimitRefusal>;

    /// Before any first step. Refuses: wrong passwords from this origin, no challenge left in the
    /// budget, no wrong passcode left (a challenge would be useless). When nothing but the ban of a
    /// password-only client stands against it, the refusal says so: a client that shows that it can
    /// answer properly need not be refused; see answered_properly().
    std::optional<LimitRefusal> refusal(std::string_view account, const Origin& origin,
                                        std::string_view service = {});
    /// How long to hold the first step back, because the account as a whole sees too many wrong
    /// passwords; never for origins the account is known to sign in from.
    std::chrono::milliseconds delay(std::string_view account, const Origin& origin);
    /// Has this account signed in from this origin within 30 days?
    bool knows(std::string_view account, const Origin& origin) const;

    /// Takes one of the account's challenges (an SMS perhaps) before step 1 is sent. Waits while
    /// other first steps under way may still use up the budget, or this origin's wrong passwords;
    /// refuses in every case in which refusal() does. Call password_failed() before the attempt's
    /// not_judged() when the password was wrong.
    Task<Permission> reserve_challenge(std::string account, Origin origin,
                                       std::string service = {});
    /// Takes one of the account's wrong passcodes before step 2 is sent. Waits while others under
    /// way may still use up the budget, so that parallel guesses gain nothing. Lifts the ban of
    /// ban_password_only_client(): somebody gave a passcode.
    Task<Permission> reserve_passcode(std::string account, Origin origin, std::string service = {});

    /// How many more challenges this origin may have now, and from when on there are more once
    /// those are used up: the person is told before the last one.
    AccountCounts::Left challenges_left(std::string_view account, const Origin& origin);

    void password_failed(std::string_view account, const Origin& origin);
    /// A client answered the passcode prompt with the password, or with nothing again and again:
    /// this service of this origin gets no challenge for half an hour, or until it answers
    /// properly.
    void ban_password_only_client(std::string_view account, const Origin& origin,
                                  std::string_view service = {},
                                  PasswordOnly client = PasswordOnly::RepeatsIt);
    /// The client of such a ban answered a question with something else: the ban is over.
    void answered_properly(std::string_view account, const Origin& origin,
                           std::string_view service = {});
    /// A whole sign-in succeeded: this origin's wrong passwords are forgotten, and it is known for
    /// 30 days. With a passcode, wrong passcodes are forgotten too, and the challenge that was
    /// answered does not count; an API key proves none of that.
    void signed_in(std::string_view account, const Origin& origin,
                   SignInProof proof = SignInProof::WithPasscode);

    /// For `raxauth limits reset`: forgets what was counted against the account. False when nothing
    /// was.
    bool reset(std::string_view account);

    /// For `raxauth status`.
    struct Counters {
        unsigned wrong_passcodes = 0;
        unsigned wrong_passwords = 0; ///< from every origin
        unsigned challenges = 0;
        std::optional<WallTime> refused_until;
    };
    Counters counters(std::string_view account);
    void change(const settings::LimitSettings& limits);
    /// Why the counts cannot be relied on (the disk is full, say), and what that means; nothing
    /// while all is well.
    std::optional<std::string> trouble() const;
    /// Called, through Post, as soon as trouble() changes.
    void when_trouble_changes(std::function<void()> tell) { tell_trouble_ = std::move(tell); }

  private:
    struct Account;
    struct Waiter;
    using AccountPointer = std::shared_ptr<Account>;

    WallTime now() const;
    Terms terms();
    AccountPointer find(std::string_view name);
    /// Made if need be; null when there is no room.
    AccountPointer find_or_make(std::string_view name);
    bool make_room();
    Task<Permission> reserve(Counted counted, std::string name, Origin origin, std::string service);
    std::unique_ptr<Attempt> begin(const AccountPointer& account, Counted counted,
                                   const Origin& origin, std::string_view service);
    /// How an attempt ended. Only the first call for an attempt does anything.
    enum class End { Counts, Unanswered, DoesNotCount };
    void end(const AccountPointer& account, Counted counted, AccountCounts::Id id, End how);

    void wake(const AccountPointer& account);
    static void rouse(Account& account);
    void write(const std::vector<LimiterRecord>& records);
    void retry_to_write();
    void rewrite();
    void notice_trouble();
    void replay(const LimiterRecord& record);
    void lift_ban(const AccountPointer& account, const Origin& origin, std::string_view service);

    const Clock& clock_;
    settings::LimitSettings limits_;
    LimiterLog log_;
    Post post_;
    std::function<void()> tell_trouble_;
    std::string told_trouble_;
    WallTime lost_until_{};
    std::unordered_map<std::string, AccountPointer> accounts_;
    AccountCounts::Id next_id_ = 1;
    std::uint64_t uses_ = 0; ///< a clock of its own for which account was used last
    /// Attempts and posted callbacks see by it whether the limiter is still there.
    std::shared_ptr<Limiter> alive_{this, [](Limiter*) {}};
};

/// An attempt that has been counted as failed already. Say how it ended; dropping it without a word
/// leaves it counted (it failed, or nobody knows). It may outlive the limiter. Each of these may
/// set waiting attempts going, through Post.
class Limiter::Attempt {
  public:
    Attempt(std::weak_ptr<Limiter> limiter, AccountPointer account, Counted counted,
            AccountCounts::Id id);
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    ~Attempt();

    /// Identity did not judge it: it does not count.
    void not_judged();
    /// Identity accepted it: it does not count either. For a passcode, before or after signed_in(),
    /// which spares attempts under way.
    void accepted();
    /// No reply came. A challenge counts for minutes only: an outage must not use up the budget. A
    /// passcode may have been judged, and counts in full.
    void unanswered();

  private:
    void end(End how);

    std::weak_ptr<Limiter> limiter_;
    AccountPointer account_;
    Counted counted_;
    AccountCounts::Id id_;
};

} // namespace raxauth::limits
