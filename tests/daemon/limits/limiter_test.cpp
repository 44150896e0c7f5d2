// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/limiter.h"

#include "tests/support/fake_clock.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::limits;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

const Origin kHome{"host 192.0.2.1", false};
const Origin kElsewhere{"host 198.51.100.9", false};
const Origin kSession{"session of 1000", true};

Origin stranger(int number) {
    return {"host 203.0.113." + std::to_string(number), false};
}

/// Somebody who asks for a permission and holds what he gets.
struct Try {
    std::optional<Limiter::Permission> outcome;
    std::function<void()> then;
    Job job;

    bool waiting() const { return !outcome; }
    bool allowed() const { return outcome && outcome->index() == 0; }
    bool refused() const { return outcome && outcome->index() == 1; }
    WallTime until() const { return std::get<LimitRefusal>(*outcome).until; }
    Limiter::Attempt& attempt() { return *std::get<0>(*outcome); }
    /// It went wrong, or nobody knows.
    void fail() { std::get<0>(*outcome).reset(); }
    void accept() { attempt().accepted(); }
};

Task<> wait_for(Task<Limiter::Permission> reserve, Try& result) {
    Limiter::Permission permission = co_await std::move(reserve);
    result.outcome.emplace(std::move(permission));
    if (result.then) {
        result.then();
    }
}

} // namespace

TEST_GROUP(Limiter) {
    testing::FakeClock clock;
    fs::path directory;
    settings::LimitSettings limits;
    std::deque<std::function<void()>> posted;
    std::unique_ptr<Limiter> limiter;
    std::list<Try> tries;

    void setup() override {
        std::string name = (fs::temp_directory_path() / "raxauth-limiter-XXXXXX").string();
        CHECK(mkdtemp(name.data()) != nullptr);
        directory = name;
        reopen();
    }
    void teardown() override {
        tries.clear();
        limiter.reset();
        fs::remove_all(directory);
    }

    /// As after a restart: what is known is what is on disk.
    void reopen() {
        limiter = std::make_unique<Limiter>(
            clock, limits, directory.string(),
            [this](std::function<void()> f) { posted.push_back(std::move(f)); });
    }
    void run_posted() {
        while (!posted.empty()) {
            const auto next = std::move(posted.front());
            posted.pop_front();
            next();
        }
    }
    Try& start(Task<Limiter::Permission> reserve, std::function<void()> then = {}) {
        Try& one = tries.emplace_back();
        one.then = std::move(then);
        one.job = Job::start(wait_for(std::move(reserve), one));
        return one;
    }
    Try& passcode(const Origin& origin = kHome, const std::string& account = "alice") {
        return start(limiter->reserve_passcode(account, origin));
    }
    Try& challenge(const Origin& origin = kHome, const std::string& account = "alice") {
        return start(limiter->reserve_challenge(account, origin));
    }
    void wrong_passcode(const Origin& origin = kHome) {
        Try& one = passcode(origin);
        CHECK(one.allowed());
        one.fail();
        run_posted();
    }
    void used_challenge(const Origin& origin = kHome) {
        Try& one = challenge(origin);
        CHECK(one.allowed());
        one.fail();
        run_posted();
    }
    void check_passcode_refused_until(WallTime until, const Origin& origin) {
        Try& one = passcode(origin);
        CHECK(one.refused());
        CHECK(one.until() == until);
    }
};

TEST(Limiter, allows_two_wrong_passcodes_and_then_says_exactly_when_again) {
    const WallTime first = clock.wall();
    wrong_passcode();
    clock.advance(10min);
    wrong_passcode();

    check_passcode_refused_until(first + 31min, kHome);
    clock.advance(21min - 1us);
    CHECK(passcode().refused());
    clock.advance(1us);
    wrong_passcode();
    check_passcode_refused_until(first + 41min, kHome);
}

TEST(Limiter, counts_an_account_as_a_whole_whatever_its_letter_case_and_nobody_elses) {
    wrong_passcode(kHome);
    wrong_passcode(kElsewhere);

    CHECK(passcode(stranger(1)).refused());
    CHECK(passcode(kHome, "ALICE").refused());
    passcode(kHome, "Dora").fail();
    LONGS_EQUAL(1, limiter->counters("dora").wrong_passcodes);
    CHECK(passcode(kHome, "bob").allowed());
    LONGS_EQUAL(2, limiter->counters("Alice").wrong_passcodes);
    LONGS_EQUAL(0, limiter->counters("carol").wrong_passcodes);
}

TEST(Limiter, does_not_count_what_was_accepted_or_not_judged) {
    for (int i = 0; i < 10; ++i) {
        Try& good = passcode();
        CHECK(good.allowed());
        good.accept();
        Try& lost = passcode();
        CHECK(lost.allowed());
        lost.attempt().not_judged();
        lost.attempt().not_judged(); // twice is once
        lost.fail();
    }

    LONGS_EQUAL(0, limiter->counters("alice").wrong_passcodes);
}

TEST(Limiter, parallel_guesses_gain_nothing) {
    std::vector<Try*> guesses;
    for (int i = 0; i < 20; ++i) {
        guesses.push_back(&passcode(stranger(i)));
    }
    const auto count = [&](bool (Try::*state)() const) {
        return std::count_if(guesses.begin(), guesses.end(),
                             [&](Try* one) { return (one->*state)(); });
    };
    LONGS_EQUAL(2, count(&Try::allowed));
    LONGS_EQUAL(18, count(&Try::waiting));

    guesses[0]->fail();
    run_posted();
    LONGS_EQUAL(18, count(&Try::waiting)); // one may still be taken back

    guesses[1]->attempt().not_judged();
    run_posted();
    LONGS_EQUAL(3, count(&Try::allowed));
    CHECK(guesses[2]->allowed()); // who came first
    LONGS_EQUAL(17, count(&Try::waiting));

    guesses[2]->fail();
    run_posted();
    LONGS_EQUAL(3, count(&Try::allowed));
    LONGS_EQUAL(17, count(&Try::refused));
}

TEST(Limiter, somebody_who_stopped_waiting_is_forgotten) {
    Try& first = passcode();
    Try& second = passcode();
    Try& third = passcode();
    Try& fourth = passcode();
    CHECK(third.waiting() && fourth.waiting());
    third.job = Job();

    first.attempt().not_judged();
    fourth.job = Job(); // roused, but not run yet
    run_posted();
    second.attempt().not_judged();
    run_posted();

    CHECK(third.waiting() && fourth.waiting());
    LONGS_EQUAL(0, limiter->counters("alice").wrong_passcodes);
    CHECK(passcode().allowed());
}

TEST(Limiter, one_who_goes_on_may_end_the_next_in_line) {
    Try& first = passcode();
    Try& second = passcode();
    Try* victim = nullptr;
    Try& third = start(limiter->reserve_passcode("alice", kHome), [&] { victim->job = Job(); });
    victim = &passcode();
    Try& last = passcode();

    first.attempt().not_judged();
    second.attempt().not_judged();
    run_posted();

    CHECK(third.allowed());
    CHECK(victim->waiting());
    CHECK(last.allowed());
}

TEST(Limiter, a_post_that_calls_at_once_does_no_harm) {
    limiter = std::make_unique<Limiter>(clock, limits, directory.string(), [](auto f) { f(); });
    std::vector<Try*> all;
    for (int i = 0; i < 30; ++i) {
        Try& one = tries.emplace_back();
        one.then = [&one] { one.accept(); }; // lets the next one in from inside
        all.push_back(&one);
        if (i >= 2) {
            one.job = Job::start(wait_for(limiter->reserve_passcode("alice", kHome), one));
        } else {
            one.then = {};
            one.job = Job::start(wait_for(limiter->reserve_passcode("alice", kHome), one));
        }
    }
    CHECK(all[2]->waiting());

    all[0]->accept();

    for (Try* one : all) {
        CHECK(one->allowed());
    }
}

TEST(Limiter, an_attempt_may_outlive_the_limiter) {
    Try& one = passcode();
    Try& other = passcode();
    limiter.reset();

    one.attempt().not_judged();
    other.fail();
    run_posted();
}

TEST(Limiter, a_success_forgets_wrong_passcodes_but_none_under_way) {
    wrong_passcode(kElsewhere);
    Try& right = passcode(kHome);
    limiter->signed_in("alice", kHome);
    right.accept();
    LONGS_EQUAL(0, limiter->counters("alice").wrong_passcodes);

    wrong_passcode(kHome);
    Try& under_way = passcode(kHome);
    CHECK(under_way.allowed());
    limiter->signed_in("alice", kHome);
    LONGS_EQUAL(1, limiter->counters("alice").wrong_passcodes);
    under_way.fail();
    run_posted();
    wrong_passcode(kHome);
    CHECK(passcode(kHome).refused());

    reopen();
    CHECK(passcode(kHome).refused());
}

TEST(Limiter, a_reset_lets_the_person_in_again_and_lasts_over_a_restart) {
    wrong_passcode();
    limiter->password_failed("alice", kElsewhere);
    limiter->ban_password_only_client("alice", kHome, "sshd");
    Try& under_way = passcode(kSession);
    CHECK(under_way.allowed());
    CHECK(limiter->refusal("alice", kHome, "sshd").has_value());

    CHECK_TRUE(limiter->reset("alice"));

    // the one under way still counts: Identity may judge it after this
    LONGS_EQUAL(1, limiter->counters("alice").wrong_passcodes);
    LONGS_EQUAL(0, limiter->counters("alice").wrong_passwords);
    CHECK_FALSE(limiter->refusal("alice", kHome, "sshd").has_value());
    under_way.fail();
    run_posted();
    reopen();
    LONGS_EQUAL(1, limiter->counters("alice").wrong_passcodes);
    LONGS_EQUAL(0, limiter->counters("alice").wrong_passwords);
    CHECK_FALSE(limiter->refusal("alice", kHome, "sshd").has_value());
}

TEST(Limiter, a_reset_of_somebody_of_whom_nothing_is_known_does_nothing) {
    CHECK_FALSE(limiter->reset("alice"));
}

TEST(Limiter, a_success_lets_those_in_who_wait) {
    wrong_passcode();
    Try& under_way = passcode();
    Try& waiting = passcode();
    CHECK(waiting.waiting());

    limiter->signed_in("alice", kHome);
    run_posted();

    CHECK(waiting.allowed());
    under_way.fail();
}

TEST(Limiter, a_restart_gives_no_more_tries) {
    const WallTime first = clock.wall();
    wrong_passcode();
    reopen();
    wrong_passcode();
    reopen();

    check_passcode_refused_until(first + 31min, kHome);
    clock.advance(31min);
    reopen();
    CHECK(passcode().allowed());
}

TEST(Limiter, a_crash_between_attempt_and_answer_counts_the_attempt) {
    Try& first = passcode();
    Try& second = passcode();
    CHECK(first.allowed() && second.allowed());
    // What a crash leaves is the file as it is now, while both are under way.
    const auto after_crash =
        std::make_unique<Limiter>(clock, limits, directory.string(), [](auto f) { f(); });

    LONGS_EQUAL(2, after_crash->counters("alice").wrong_passcodes);
    CHECK(start(after_crash->reserve_passcode("alice", kHome)).refused());
}

TEST(Limiter, what_was_taken_back_stays_so_over_a_restart) {
    passcode().accept();
    challenge().attempt().not_judged();
    wrong_passcode();
    reopen();

    LONGS_EQUAL(1, limiter->counters("alice").wrong_passcodes);
    LONGS_EQUAL(0, limiter->counters("alice").challenges);
    passcode().fail();
    CHECK(passcode().refused());
}

TEST(Limiter, strangers_cannot_use_up_the_last_passcode_of_somebody_known) {
    limiter->signed_in("alice", kHome);

    wrong_passcode(stranger(1));
    CHECK(passcode(stranger(2)).refused());
    CHECK(limiter->refusal("alice", stranger(3)).has_value());
    CHECK_FALSE(limiter->refusal("alice", kHome).has_value());
    CHECK_FALSE(limiter->refusal("alice", kSession).has_value());

    reopen();
    CHECK(passcode(stranger(2)).refused());
    wrong_passcode(kHome);
    CHECK(passcode(kHome).refused()); // the bound of the account holds for everybody
    CHECK(passcode(kSession).refused());
}

TEST(Limiter, strangers_in_parallel_leave_room_for_somebody_known) {
    limiter->signed_in("alice", kHome);
    Try& one = passcode(stranger(1));
    Try& two = passcode(stranger(2));
    CHECK(one.allowed());
    CHECK(two.waiting());

    CHECK(passcode(kHome).allowed());
    CHECK(passcode(kSession).waiting());
}

TEST(Limiter, an_own_session_is_never_a_stranger_not_even_after_a_restart) {
    limiter->signed_in("alice", kHome);
    wrong_passcode(kSession);
    reopen();

    CHECK(passcode(stranger(1)).allowed()); // the share of strangers is untouched
}

TEST(Limiter, an_origin_is_known_for_thirty_days) {
    limiter->signed_in("alice", kHome);
    clock.advance(30 * 24h - 1us);
    reopen();
    wrong_passcode(stranger(1));
    CHECK(passcode(stranger(1)).refused());
    CHECK(passcode(kHome).allowed());
    tries.clear();
    run_posted();

    clock.advance(31min);
    reopen();
    wrong_passcode(stranger(1));
    wrong_passcode(stranger(1)); // nobody is known any more: all is for all
    CHECK(passcode(kHome).refused());
}

TEST(Limiter, only_so_many_origins_are_known_and_the_oldest_goes) {
    for (int i = 0; i < 33; ++i) {
        limiter->signed_in("alice", stranger(i));
        clock.advance(1s);
    }
    wrong_passcode(kElsewhere);

    CHECK(passcode(stranger(0)).refused());
    CHECK(passcode(stranger(1)).allowed());
}

TEST(Limiter, with_one_passcode_in_all_it_is_for_everybody) {
    limits.wrong_passcodes = 1;
    reopen();
    limiter->signed_in("alice", kHome);

    wrong_passcode(stranger(1));
    CHECK(passcode(kHome).refused());
}

TEST(Limiter, challenges_are_a_budget_of_the_account) {
    const WallTime first = clock.wall();
    for (int i = 0; i < 6; ++i) {
        used_challenge(stranger(i));
        clock.advance(1min);
    }

    Try& one = challenge(kHome);
    CHECK(one.refused());
    CHECK(one.until() == first + 30min);
    CHECK(limiter->refusal("alice", kHome)->until == first + 30min);
    CHECK(limiter->counters("alice").refused_until == std::optional(first + 30min));
    reopen();
    CHECK(challenge(kHome).refused());

    clock.advance(24min);
    used_challenge(kHome);
    CHECK(challenge(kHome).refused());
}

TEST(Limiter, strangers_leave_a_third_of_the_challenges) {
    limiter->signed_in("alice", kHome);
    for (int i = 0; i < 4; ++i) {
        used_challenge(stranger(i));
    }

    CHECK(challenge(stranger(9)).refused());
    used_challenge(kHome);
    used_challenge(kSession);
    CHECK(challenge(kHome).refused());
}

TEST(Limiter, with_few_challenges_somebody_new_still_gets_one) {
    for (const unsigned few : {1U, 2U, 3U}) {
        limits.challenges = few;
        limiter->change(limits);
        limiter->signed_in("alice", kHome);
        used_challenge(stranger(1));
        clock.advance(1h);
    }
}

TEST(Limiter, first_steps_at_once_do_not_overdraw_the_challenges) {
    std::vector<Try*> steps;
    for (int i = 0; i < 8; ++i) {
        steps.push_back(&challenge(stranger(i)));
    }
    CHECK(steps[5]->allowed());
    CHECK(steps[6]->waiting() && steps[7]->waiting());

    steps[0]->attempt().not_judged(); // a wrong password: no SMS
    run_posted();
    CHECK(steps[6]->allowed());
    CHECK(steps[7]->waiting());

    for (int i = 1; i < 7; ++i) {
        steps[static_cast<std::size_t>(i)]->fail();
    }
    run_posted();
    CHECK(steps[7]->refused());
}

TEST(Limiter, a_challenge_is_not_sent_when_no_passcode_is_left) {
    const WallTime first = clock.wall();
    wrong_passcode();
    wrong_passcode();

    CHECK(limiter->refusal("alice", kHome)->until == first + 31min);
    Try& one = challenge();
    CHECK(one.refused());
    CHECK(one.until() == first + 31min);
}

TEST(Limiter, wrong_passwords_count_by_origin) {
    const WallTime first = clock.wall();
    for (int i = 0; i < 10; ++i) {
        CHECK_FALSE(limiter->refusal("alice", kHome).has_value());
        limiter->password_failed("alice", kHome);
        clock.advance(1min);
    }

    CHECK(limiter->refusal("alice", kHome)->until == first + 30min);
    CHECK(challenge(kHome).refused());
    CHECK_FALSE(limiter->refusal("alice", kElsewhere).has_value());
    CHECK_FALSE(limiter->refusal("bob", kHome).has_value());
    LONGS_EQUAL(10, limiter->counters("alice").wrong_passwords);
    reopen();
    CHECK(limiter->refusal("alice", kHome)->until == first + 30min);

    clock.advance(20min);
    CHECK_FALSE(limiter->refusal("alice", kHome).has_value());
    limiter->password_failed("alice", kHome);
    CHECK(limiter->refusal("alice", kHome)->until == first + 31min);
}

TEST(Limiter, a_success_forgets_this_origins_wrong_passwords_alone) {
    for (int i = 0; i < 10; ++i) {
        limiter->password_failed("alice", kHome);
        limiter->password_failed("alice", kElsewhere);
    }

    limiter->signed_in("alice", kHome);
    for (int restarts = 0; restarts < 2; ++restarts) {
        CHECK_FALSE(limiter->refusal("alice", kHome).has_value());
        CHECK(limiter->refusal("alice", kElsewhere).has_value());
        reopen();
    }
}

TEST(Limiter, first_steps_at_once_do_not_overdraw_the_wrong_passwords) {
    for (int i = 0; i < 8; ++i) {
        limiter->password_failed("alice", kHome);
    }
    Try& one = challenge();
    Try& two = challenge();
    Try& three = challenge();
    CHECK(one.allowed() && two.allowed());
    CHECK(three.waiting());
    CHECK(challenge(kElsewhere).allowed());

    for (Try* wrong : {&one, &two}) {
        wrong->attempt().not_judged();
        limiter->password_failed("alice", kHome);
    }
    run_posted();
    CHECK(three.refused());
}

TEST(Limiter, a_flood_of_wrong_passwords_only_delays_strangers_and_not_without_end) {
    limiter->signed_in("alice", kHome);
    LONGS_EQUAL(0, limiter->delay("alice", stranger(99)).count());
    for (int origin = 0; origin < 10; ++origin) {
        for (int i = 0; i < 10; ++i) {
            LONGS_EQUAL(0, limiter->delay("alice", stranger(99)).count());
            limiter->password_failed("alice", stranger(origin));
        }
    }

    const auto first = limiter->delay("alice", stranger(99));
    CHECK(first > 0ms);
    limiter->password_failed("alice", stranger(11));
    CHECK(limiter->delay("alice", stranger(99)) > first);
    for (int i = 0; i < 200; ++i) {
        limiter->password_failed("alice", stranger(20 + i % 30));
    }
    CHECK(limiter->delay("alice", stranger(99)) == 3s);
    CHECK_FALSE(limiter->refusal("alice", stranger(99)).has_value());
    LONGS_EQUAL(0, limiter->delay("alice", kHome).count());
    LONGS_EQUAL(0, limiter->delay("alice", kSession).count());
    LONGS_EQUAL(0, limiter->delay("bob", stranger(99)).count());

    clock.advance(30min);
    LONGS_EQUAL(0, limiter->delay("alice", stranger(99)).count());
}

TEST(Limiter, a_password_only_client_gets_no_challenge_until_it_answers_properly) {
    const WallTime begun = clock.wall();
    limiter->ban_password_only_client("alice", kHome, "i3lock");

    const auto refusal = limiter->refusal("alice", kHome, "i3lock");
    CHECK(refusal.has_value() && refusal->ban == PasswordOnly::RepeatsIt);
    CHECK(refusal->until == begun + 30min);
    CHECK(start(limiter->reserve_challenge("alice", kHome, "i3lock")).refused());
    CHECK_FALSE(limiter->refusal("alice", kHome, "sshd").has_value());
    CHECK_FALSE(limiter->refusal("alice", kElsewhere, "i3lock").has_value());
    reopen();
    CHECK(limiter->refusal("alice", kHome, "i3lock").has_value());

    limiter->answered_properly("alice", kHome, "i3lock");
    CHECK(start(limiter->reserve_challenge("alice", kHome, "i3lock")).allowed());
    reopen();
    CHECK_FALSE(limiter->refusal("alice", kHome, "i3lock").has_value());
}

TEST(Limiter, remembers_over_a_restart_how_a_client_showed_that_it_cannot_be_asked) {
    limiter->ban_password_only_client("alice", kHome, "sshd", PasswordOnly::SaysNothing);
    for (int restarts = 0; restarts < 3; ++restarts) {
        CHECK(limiter->refusal("alice", kHome, "sshd")->ban == PasswordOnly::SaysNothing);
        reopen();
    }
    limiter->answered_properly("alice", kHome, "sshd");
    reopen();
    CHECK_FALSE(limiter->refusal("alice", kHome, "sshd").has_value());
}

TEST(Limiter, a_passcode_ends_the_ban_of_its_service) {
    limiter->ban_password_only_client("alice", kHome, "i3lock");
    limiter->ban_password_only_client("alice", kHome, "sshd");
    start(limiter->reserve_passcode("alice", kHome, "sshd")).accept();
    for (int restarts = 0; restarts < 2; ++restarts) {
        CHECK(limiter->refusal("alice", kHome, "i3lock").has_value());
        CHECK_FALSE(limiter->refusal("alice", kHome, "sshd").has_value());
        reopen();
    }
}

TEST(Limiter, of_several_reasons_the_longest_counts) {
    limiter->ban_password_only_client("alice", kHome);
    const WallTime begun = clock.wall();
    for (int i = 0; i < 10; ++i) {
        limiter->password_failed("alice", kHome);
    }

    CHECK(limiter->refusal("alice", kHome)->until == begun + 30min);
}

TEST(Limiter, a_clock_set_back_prolongs_nothing_beyond_one_window) {
    wrong_passcode();
    wrong_passcode();
    limiter->password_failed("alice", kHome);
    limiter->ban_password_only_client("alice", kHome);
    clock.advance(-30 * 24h);
    const WallTime now = clock.wall();

    check_passcode_refused_until(now + 31min, kHome);
    reopen();
    check_passcode_refused_until(now + 31min, kHome);
    clock.advance(31min);
    CHECK(passcode().allowed());
    CHECK_FALSE(limiter->refusal("alice", kHome).has_value());
    LONGS_EQUAL(0, limiter->counters("alice").wrong_passwords);
}

TEST(Limiter, a_clock_set_back_gives_no_more_tries) {
    wrong_passcode();
    wrong_passcode();
    for (const auto step : {-1s, -10s, -3600s, -86400s}) {
        clock.advance(step);
        CHECK(passcode().refused());
        reopen();
        CHECK(passcode().refused());
    }
}

TEST(Limiter, new_limits_hold_at_once_and_let_those_in_who_wait) {
    Try& one = passcode();
    Try& two = passcode();
    Try& three = passcode();
    CHECK(three.waiting());

    limits.wrong_passcodes = 3;
    limiter->change(limits);
    run_posted();
    CHECK(three.allowed());

    one.fail();
    two.fail();
    limits.wrong_passcodes = 1;
    limiter->change(limits);
    run_posted();
    CHECK(passcode().refused());
}

TEST(Limiter, lower_limits_refuse_until_enough_is_gone) {
    limits.wrong_passcodes = 3;
    reopen();
    const WallTime first = clock.wall();
    for (int i = 0; i < 3; ++i) {
        wrong_passcode();
        clock.advance(1min);
    }
    limits.wrong_passcodes = 1;
    limiter->change(limits);

    check_passcode_refused_until(first + 2min + 31min, kHome);
}

TEST(Limiter, lower_limits_refuse_somebody_known_until_enough_is_gone) {
    limits.wrong_passcodes = 3;
    reopen();
    limiter->signed_in("alice", kHome);
    const WallTime first = clock.wall();
    for (int i = 0; i < 3; ++i) {
        wrong_passcode(kHome);
        clock.advance(1min);
    }
    limits.wrong_passcodes = 2;
    limiter->change(limits);

    check_passcode_refused_until(first + 1min + 31min, kHome);
    check_passcode_refused_until(first + 1min + 31min, stranger(1));
}

TEST(Limiter, lower_limits_refuse_strangers_until_enough_of_theirs_is_gone) {
    limits.wrong_passcodes = 4;
    reopen();
    limiter->signed_in("alice", kHome);
    const WallTime first = clock.wall();
    for (int i = 0; i < 3; ++i) {
        wrong_passcode(stranger(i));
        clock.advance(1min);
    }
    limits.wrong_passcodes = 3;
    limiter->change(limits);

    check_passcode_refused_until(first + 1min + 31min, stranger(9));
}

TEST(Limiter, a_place_in_the_table_keeps_nothing_of_who_had_it_before) {
    limiter->signed_in("alice", kHome);
    challenge(kSession).attempt().not_judged(); // its place is free again

    wrong_passcode(stranger(1));
    CHECK(passcode(stranger(1)).refused());
}

TEST(Limiter, names_cannot_forge_lines) {
    const std::string evil = "bob\n1 1768478400.000000 signed-in 0 alice local any .\n";
    wrong_passcode();
    wrong_passcode();
    start(limiter->reserve_passcode(evil, {evil, false})).fail();
    limiter->password_failed(evil, {"\n" + evil, false});
    reopen();

    CHECK(passcode().refused());
    LONGS_EQUAL(1, limiter->counters(evil).wrong_passcodes);
    LONGS_EQUAL(1, limiter->counters(evil).wrong_passwords);
}

TEST(Limiter, a_damaged_log_costs_only_what_is_damaged) {
    wrong_passcode();
    wrong_passcode();
    std::ofstream(directory / "limiter.log", std::ios::app) << "\x01garbage\n1 2 3\n";
    reopen();

    CHECK(passcode().refused());
    CHECK_FALSE(limiter->trouble().has_value());
}

TEST(Limiter, a_log_that_lost_counts_brings_nobody_to_the_lock_at_Identity) {
    for (const char* content : {"", "2 17684"}) {
        fs::remove(directory / "limiter.log");
        reopen();
        wrong_passcode();
        wrong_passcode();
        const WallTime lost = clock.wall();
        std::ofstream(directory / "limiter.log") << content;
        for (int restarts = 0; restarts < 2; ++restarts) {
            reopen();
            CHECK(limiter->trouble().has_value());
            CHECK(limiter->refusal("alice", kHome)->until == lost + 31min);
            check_passcode_refused_until(lost + 31min, kHome);
            CHECK(passcode(kHome, "never-seen").refused());
        }
        // A session of the person has the reserve, and its success resets Identity's count.
        passcode(kSession).accept();
        clock.advance(1s);
        limiter->signed_in("alice", kSession);
        CHECK(passcode(kHome).allowed());
        tries.clear();
        run_posted();
        clock.advance(31min);
        CHECK_FALSE(limiter->trouble().has_value());
        CHECK(passcode(kElsewhere, "never-seen").allowed());
        tries.clear();
    }
}

TEST(Limiter, without_a_directory_it_counts_in_memory_and_is_strict) {
    fs::remove_all(directory);
    reopen();
    CHECK(limiter->trouble().has_value());

    wrong_passcode(); // the reserve: who is known was never written
    CHECK(passcode().refused());
    CHECK(passcode(kElsewhere).refused());
    limiter->signed_in("bob", kHome);
    CHECK(passcode(kElsewhere, "bob").refused());
    CHECK(passcode(kHome, "bob").allowed());
    tries.clear();

    // Once there is a disk again, all of it goes there: at the next question.
    fs::create_directory(directory);
    clock.advance(1min);
    CHECK_FALSE(limiter->refusal("carol", kElsewhere).has_value());
    CHECK_FALSE(limiter->trouble().has_value());
    CHECK(passcode(kHome, "carol").allowed());
    reopen();
    wrong_passcode();
    CHECK(passcode().refused());
    LONGS_EQUAL(1, limiter->counters("bob").wrong_passcodes);
}

TEST(Limiter, trouble_is_told_when_it_begins_and_when_it_ends) {
    std::vector<bool> told;
    limiter->when_trouble_changes([&] { told.push_back(limiter->trouble().has_value()); });
    wrong_passcode();
    run_posted();
    LONGS_EQUAL(0, told.size());

    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    auto* const old_handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit full{10, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
    limiter->password_failed("alice", kHome);
    limiter->password_failed("alice", kHome);
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, old_handler);
    run_posted();
    LONGS_EQUAL(1, told.size());
    CHECK(told[0]);

    clock.advance(1min);
    limiter->password_failed("alice", kHome);
    run_posted();
    LONGS_EQUAL(2, told.size());
    CHECK_FALSE(told[1]);
    reopen();
    LONGS_EQUAL(3, limiter->counters("alice").wrong_passwords);
}

TEST(Limiter, an_api_key_wipes_no_wrong_passcodes) {
    wrong_passcode();
    wrong_passcode();
    limiter->password_failed("alice", kHome);
    limiter->signed_in("alice", kHome, SignInProof::WithoutPasscode);
    for (int restarts = 0; restarts < 2; ++restarts) {
        LONGS_EQUAL(2, limiter->counters("alice").wrong_passcodes);
        LONGS_EQUAL(0, limiter->counters("alice").wrong_passwords);
        CHECK(limiter->knows("alice", kHome));
        reopen();
    }
}

TEST(Limiter, eight_logins_by_text_message_in_half_an_hour_all_work) {
    for (int i = 0; i < 8; ++i) {
        used_challenge(kHome);
        passcode(kHome).accept();
        limiter->signed_in("alice", kHome);
        clock.advance(1min);
        if (i % 3 == 0) {
            reopen();
        }
    }
    LONGS_EQUAL(0, limiter->counters("alice").challenges);
}

TEST(Limiter, says_how_many_challenges_are_left_and_when_there_are_more) {
    const WallTime first = clock.wall();
    LONGS_EQUAL(6, limiter->challenges_left("alice", kHome).challenges);
    for (std::size_t left = 5; left != 0; --left) {
        used_challenge();
        LONGS_EQUAL(left, limiter->challenges_left("alice", kHome).challenges);
        clock.advance(1min);
        CHECK(limiter->challenges_left("alice", kHome).next_at == first + 30min);
    }
}

TEST(Limiter, an_outage_uses_up_challenges_for_minutes_only) {
    for (int i = 0; i < 6; ++i) {
        challenge().attempt().unanswered();
    }
    run_posted();
    CHECK(challenge().refused());
    reopen();
    CHECK(limiter->refusal("alice", kHome)->until == clock.wall() + 5min);
    clock.advance(5min);
    CHECK(challenge().allowed());
    // What nobody has a word on counts in full, and so does a passcode without a reply.
    for (int i = 0; i < 2; ++i) {
        passcode().attempt().unanswered();
    }
    clock.advance(5min);
    CHECK(passcode().refused());
}

TEST(Limiter, knows_where_an_account_signs_in) {
    CHECK_FALSE(limiter->knows("alice", kHome));
    limiter->signed_in("alice", kHome);
    CHECK(limiter->knows("ALICE", kHome));
    CHECK_FALSE(limiter->knows("alice", kElsewhere));
    CHECK_FALSE(limiter->knows("bob", kHome));
    reopen();
    CHECK(limiter->knows("alice", kHome));
    clock.advance(30 * 24h);
    CHECK_FALSE(limiter->knows("alice", kHome));
}

TEST(Limiter, many_networks_with_a_wrong_password_each_keep_nobody_out) {
    for (int i = 0; i < 1000; ++i) {
        limiter->password_failed("alice", {"host h" + std::to_string(i), false});
    }
    for (int restarts = 0; restarts < 2; ++restarts) {
        for (const Origin& origin : {stranger(200), kSession, Origin{"local", false}}) {
            CHECK_FALSE(limiter->refusal("alice", origin).has_value());
            Try& one = challenge(origin);
            CHECK(one.allowed());
            one.attempt().not_judged();
        }
        LONGS_EQUAL(1000, limiter->counters("alice").wrong_passwords);
        reopen();
    }
    limiter->signed_in("alice", kElsewhere);
    CHECK(limiter->knows("alice", kElsewhere));
}

TEST(Limiter, origins_that_left_no_trace_take_no_room) {
    for (int i = 0; i < 1000; ++i) {
        Try& one = challenge({"host h" + std::to_string(i), false});
        CHECK(one.allowed());
        one.attempt().not_judged();
    }
    CHECK_FALSE(limiter->refusal("alice", kHome).has_value());
}

TEST(Limiter, a_full_table_refuses_nobody_and_keeps_what_guards_most) {
    wrong_passcode();
    used_challenge(kHome);
    start(limiter->reserve_challenge("carol", kHome)).fail();
    limiter->password_failed("dora", kHome);
    for (int i = 0; i < 20000; ++i) {
        limiter->signed_in("user" + std::to_string(i), kHome);
    }

    CHECK_FALSE(limiter->refusal("newcomer", kHome).has_value());
    CHECK(challenge(kHome, "newcomer").allowed());
    LONGS_EQUAL(1, limiter->counters("alice").wrong_passcodes);
    LONGS_EQUAL(1, limiter->counters("carol").challenges);
    LONGS_EQUAL(1, limiter->counters("dora").wrong_passwords);
    CHECK_FALSE(limiter->knows("user0", kHome)); // the one not seen for longest went
    CHECK(limiter->knows("user19999", kHome));

    for (int i = 0; i < 21000; ++i) {
        limiter->password_failed("guess" + std::to_string(i), kHome);
    }
    LONGS_EQUAL(0, limiter->counters("dora").wrong_passwords);
    LONGS_EQUAL(1, limiter->counters("alice").wrong_passcodes);
    LONGS_EQUAL(1, limiter->counters("carol").challenges);
    reopen();
    LONGS_EQUAL(1, limiter->counters("alice").wrong_passcodes);
    LONGS_EQUAL(1, limiter->counters("carol").challenges);
    CHECK(challenge(kHome, "guess20999").allowed());
}

TEST(Limiter, a_hundred_thousand_events_neither_slow_it_nor_fill_the_disk) {
    limits.challenges = 1000000;
    limits.wrong_passcodes = 1000000;
    reopen();
    const auto round = [&](int from, int number) {
        const auto begun = std::chrono::steady_clock::now();
        for (int i = from; i < from + number; ++i) {
            Try& step = challenge(stranger(i % 8));
            CHECK(step.allowed());
            step.fail(); // a challenge came, and counts for half an hour
            Try& code = passcode(stranger(i % 8));
            code.accept();
            tries.clear();
        }
        return std::chrono::steady_clock::now() - begun;
    };
    round(0, 500);
    const auto early = round(500, 2000);
    round(2500, 29000);
    const auto late = round(31500, 2000);

    // Three events each: the challenge, the passcode, and its being taken back.
    LONGS_EQUAL(33500, limiter->counters("alice").challenges);
    // Among others on a busy machine; with work that grows with the count it would be tenfold.
    CHECK(late < 5 * early);

    clock.advance(31min);
    reopen();
    LONGS_EQUAL(0, limiter->counters("alice").challenges);
    CHECK(fs::file_size(directory / "limiter.log") < 100);
    limits.challenges = 10;
    limiter->change(limits);
    for (int i = 0; i < 10000; ++i) {
        challenge().attempt().not_judged();
        tries.clear();
    }
    CHECK(fs::file_size(directory / "limiter.log") < 600000);
}
