// SPDX-License-Identifier: Apache-2.0
#include "daemon/sessions/session_store.h"

#include "daemon/sessions/record_bytes.h"
#include "tests/support/counting_revoker.h"
#include "tests/support/event_pump.h"
#include "tests/support/fake_clock.h"
#include "tests/support/proof.h"

#include <csignal>
#include <optional>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::sessions;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using caller::Context;

namespace {

/// A real process that lives until it is ended.
class Leader {
  public:
    Leader() {
        const pid_t test = ::getpid();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            while (::getppid() == test) { // it may have died before the line above
                ::pause();
            }
            ::_exit(0);
        }
        CHECK_TRUE(pid_ > 0);
    }
    Leader(const Leader&) = delete;
    Leader& operator=(const Leader&) = delete;
    ~Leader() { end(); }

    pid_t pid() const noexcept { return pid_; }
    /// Ends and is reaped: its process id means nothing any more.
    void end() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
            ended_ = std::exchange(pid_, 0);
        }
    }
    pid_t ended() const noexcept { return ended_; }

  private:
    pid_t pid_ = 0;
    pid_t ended_ = 0;
};

} // namespace

TEST_GROUP(SessionStore) {
    Loop loop;
    FakeClock clock;
    CountingRevoker revoker;
    CountingRevoker successor; ///< of the process after a restart
    StoreBounds bounds;
    std::optional<Worker> worker;
    std::optional<SessionStore> store;
    bool handed_over = false;

    void setup() override {
        make_store();
    }
    void teardown() override {
        store.reset();
        worker.reset();
        run_until_idle(loop);
        CHECK_TRUE_TEXT(handed_over || revoker.balanced(), "a token was leaked or ended twice");
    }
    void make_store() {
        store.reset();
        store.emplace(loop, clock, worker ? &*worker : nullptr, bounds);
    }

    static Context context(std::uint32_t audit_session, uid_t real_uid = 0,
                           uid_t login_uid = 1001) {
        Context made;
        made.caller.uid = 0;
        made.user = "alice";
        made.service = "sshd";
        made.session.audit_session = audit_session;
        made.session.login_uid = login_uid;
        made.session.real_uid = real_uid;
        return made;
    }
    /// What a program asks that somebody runs in a session: su.
    static Context inside(std::uint32_t audit_session, uid_t real_uid, uid_t login_uid = 1001) {
        Context made = context(audit_session, real_uid, login_uid);
        made.service = "su";
        return made;
    }
    static Context outside() {
        return context(contract::kUnsetId, 0, contract::kUnsetId);
    }

    Grant accept(const Context& where, const std::string& token = "token-1",
                 const Secret* password = nullptr, std::chrono::seconds good_for = 24h) {
        const identity::Account account{"alice.smith", "", ""};
        const Proof proof{.token = token, .good_for = good_for};
        auto judged = policy::judge(proof.issue(revoker, clock), account, {});
        return store->accept(std::get<policy::Admission>(std::move(judged)), where, account, 1001,
                             password);
    }
    Secret ticket(const std::string& token = "token-1") {
        return accept(outside(), token).ticket().clone();
    }
    /// alice signs in by ssh and her session `audit_session` opens.
    std::string log_in(std::uint32_t audit_session, const std::string& token = "token-1",
                       pid_t leader = 0) {
        const auto opened = store->open(ticket(token), context(audit_session), leader);
        CHECK_TRUE(opened.has_value());
        return opened->handle;
    }
    Session* find(std::uint32_t audit_session) {
        return store->find(SessionKey::of(context(audit_session).session, "alice"));
    }
    /// As the process after a restart does; the tokens that no session took.
    std::vector<std::string> restore(SessionStore & into, const KeptSessions& kept) {
        std::vector<Secret> tokens;
        for (RecordReader in(kept.tokens.view()); !in.at_end();) {
            tokens.emplace_back(in.text());
        }
        into.restore(kept.records, tokens, successor);
        std::vector<std::string> left;
        for (const Secret& token : tokens) {
            if (!token.empty()) {
                left.emplace_back(token.view());
            }
        }
        return left;
    }
    void check_no_good(const Secret& text, const Context& where) {
        CHECK_FALSE(store->open(text, where, 0).has_value());
        UNSIGNED_LONGS_EQUAL(0, store->size());
    }
};

// --- Tickets
// --------------------------------------------------------------------------------------

TEST(SessionStore, makes_a_ticket_for_a_sign_in_outside_any_session) {
    const Grant grant = accept(outside());

    UNSIGNED_LONGS_EQUAL(64, grant.ticket().size());
    CHECK_TRUE(grant.reason() == Reason::MfaProven);
    STRCMP_EQUAL("alice.smith", grant.account().c_str());
    UNSIGNED_LONGS_EQUAL(1, store->tickets());
    CHECK_TRUE(revoker.lives("token-1"));
}

TEST(SessionStore, redeems_a_ticket_once) {
    const Secret text = ticket();

    const auto opened = store->open(text, context(11), 0);

    CHECK_TRUE(opened.has_value());
    UNSIGNED_LONGS_EQUAL(64, opened->handle.size());
    CHECK_TRUE(opened->handle != text.view());
    UNSIGNED_LONGS_EQUAL(0, store->tickets());
    CHECK_FALSE(store->open(text, context(12), 0).has_value());
    UNSIGNED_LONGS_EQUAL(1, store->size());
    const Session* session = find(11);
    CHECK_TRUE(session != nullptr);
    STRCMP_EQUAL("token-1", session->signed_in.token.text().c_str());
    STRCMP_EQUAL("sshd", session->signed_in.service.c_str());
    CHECK_TRUE(session->signed_in.second_factor);
}

TEST(SessionStore, redeems_nothing_for_a_text_that_is_no_ticket) {
    const Secret text = ticket();
    Secret other_half(text.view().substr(0, 32));
    other_half.append(std::string(32, '0'));

    for (const std::string_view wrong :
         {std::string_view(""), std::string_view("x"), text.view().substr(0, 32),
          text.view().substr(0, 63), other_half.view()}) {
        CHECK_FALSE(store->open(Secret(wrong), context(11), 0).has_value());
    }
    UNSIGNED_LONGS_EQUAL(1, store->tickets()); // and has not used up the real one
    CHECK_TRUE(store->open(text, context(11), 0).has_value());
}

TEST(SessionStore, gives_up_a_ticket_presented_for_another_user_or_service) {
    Context bob = context(11);
    bob.user = "bob";
    Context login = context(11);
    login.service = "login";
    for (const Context* wrong : {&bob, &login}) {
        const Secret text = ticket();
        check_no_good(text, *wrong);
        UNSIGNED_LONGS_EQUAL(0, revoker.live()); // good once, whatever comes of it
        check_no_good(text, context(11));
    }
}

TEST(SessionStore, gives_up_a_ticket_where_there_is_no_session_of_the_user_to_bind_to) {
    check_no_good(ticket(), outside());
    check_no_good(ticket(), context(11, 0, contract::kUnsetId));
    check_no_good(ticket(), context(11, 0, 1002)); // su: somebody else's login session
    check_no_good(ticket(), context(contract::kUnsetId));
    UNSIGNED_LONGS_EQUAL(0, revoker.live());
}

TEST(SessionStore, binds_to_the_logind_session_where_the_kernel_has_none) {
    Context where = context(contract::kUnsetId);
    where.session.logind_session = "raxauth-test-none";

    CHECK_TRUE(store->open(ticket(), where, 0).has_value());

    CHECK_TRUE(store->find(SessionKey::of(where.session, "alice")) != nullptr);
}

TEST(SessionStore, redeems_no_ticket_after_its_life) {
    const Secret in_time = ticket("a");
    clock.advance(119s);
    CHECK_TRUE(store->open(in_time, context(11), 0).has_value());

    const Secret late = ticket("b");
    clock.advance(120s);
    CHECK_FALSE(store->open(late, context(12), 0).has_value());
    CHECK_FALSE(revoker.lives("b"));
}

TEST(SessionStore, revokes_the_token_of_a_ticket_that_nobody_redeems) {
    bounds.ticket_life = 5ms;
    make_store();
    ticket();

    CHECK_TRUE(run_until(loop, [this] { return store->tickets() == 0; }));

    UNSIGNED_LONGS_EQUAL(0, revoker.live());
}

TEST(SessionStore, keeps_a_ticket_for_two_minutes_by_default) {
    CHECK_TRUE(StoreBounds{}.ticket_life == 120s);
}

TEST(SessionStore, makes_no_ticket_for_a_caller_who_is_not_root) {
    Context where = outside();
    where.caller.uid = 1001;

    CHECK_TRUE(accept(where).ticket().empty());

    UNSIGNED_LONGS_EQUAL(0, revoker.live());
}

// --- Inside a session
// -----------------------------------------------------------------------------

TEST(SessionStore, makes_an_entry_for_a_sign_in_inside_the_persons_own_session) {
    CHECK_TRUE(accept(inside(11, 1001)).ticket().empty());

    const Session* session = find(11);
    CHECK_TRUE(session != nullptr);
    CHECK_TRUE(session->handle.empty());
    CHECK_TRUE(revoker.lives("token-1"));
}

TEST(SessionStore, refreshes_the_entry_of_the_persons_own_session) {
    const std::string handle = log_in(11, "token-1");
    const std::uint64_t before = find(11)->generation;

    CHECK_TRUE(accept(inside(11, 1001), "token-2").ticket().empty());

    UNSIGNED_LONGS_EQUAL(1, store->size());
    CHECK_FALSE(revoker.lives("token-1"));
    STRCMP_EQUAL("token-2", find(11)->signed_in.token.text().c_str());
    CHECK_TRUE(find(11)->generation != before);
    CHECK_TRUE(store->close(handle)); // the session is the one that was opened
    CHECK_FALSE(revoker.lives("token-2"));
}

TEST(SessionStore, revokes_at_once_what_was_proven_inside_somebody_elses_session) {
    accept(inside(11, 0), "from root's shell");           // su - alice: real uid 0
    accept(inside(11, 1002, 1002), "from bob's session"); // su alice
    accept(inside(11, 1001, 1002), "as alice in bob's session");
    accept(inside(11, 1001, contract::kUnsetId), "no login uid");

    UNSIGNED_LONGS_EQUAL(4, revoker.issued());
    UNSIGNED_LONGS_EQUAL(0, revoker.live());
    UNSIGNED_LONGS_EQUAL(0, store->size());
    UNSIGNED_LONGS_EQUAL(0, store->tickets());
}

TEST(SessionStore, gives_what_lets_people_in_a_ticket_whatever_it_was_started_from) {
    // sshd started from a shell of alice's: it inherits her audit session and login uid.
    const Secret for_sshd = accept(context(11, 0), "token-1").ticket().clone();
    CHECK_FALSE(for_sshd.empty());
    CHECK_TRUE(find(11) == nullptr);

    CHECK_TRUE(store->open(for_sshd, context(12), 0).has_value()); // pam_loginuid has been there

    CHECK_TRUE(find(11) == nullptr);
    CHECK_TRUE(find(12) != nullptr);

    Context greeter = context(11, 0);
    greeter.service = "gdm-password";
    CHECK_FALSE(accept(greeter, "token-2").ticket().empty());
    Context sudo = context(11, 1001);
    sudo.service = "sudo";
    CHECK_TRUE(accept(sudo, "token-3").ticket().empty());
    CHECK_TRUE(find(11) != nullptr);
}

// --- Ends of a session
// ----------------------------------------------------------------------------

TEST(SessionStore, ends_a_session_by_its_handle_only) {
    const std::string handle = log_in(11);

    CHECK_FALSE(store->close(""));
    CHECK_FALSE(store->close(std::string(64, '0')));
    CHECK_FALSE(store->close(handle.substr(0, 63)));
    CHECK_TRUE(find(11) != nullptr);

    CHECK_TRUE(store->close(handle));
    CHECK_TRUE(find(11) == nullptr);
    UNSIGNED_LONGS_EQUAL(0, revoker.live());
    CHECK_FALSE(store->close(handle));
}

TEST(SessionStore, ends_no_session_made_inside_by_an_empty_handle) {
    accept(inside(11, 1001));

    CHECK_FALSE(store->close(""));

    CHECK_TRUE(find(11) != nullptr);
}

TEST(SessionStore, ends_a_session_with_the_process_that_opened_it) {
    Leader leader;
    Leader other;
    log_in(11, "token-1", leader.pid());
    log_in(12, "token-2", other.pid());

    leader.end();

    CHECK_TRUE(run_until(loop, [this] { return store->size() == 1; }));
    CHECK_FALSE(revoker.lives("token-1"));
    CHECK_TRUE(find(12) != nullptr);
}

TEST(SessionStore, ends_a_session_whose_opener_was_gone_already) {
    Leader leader;
    leader.end();

    log_in(11, "token-1", leader.ended());
    CHECK_TRUE(run_until(loop, [this] { return store->size() == 0; }));

    UNSIGNED_LONGS_EQUAL(0, revoker.live());
}

TEST(SessionStore, does_not_let_the_opener_of_an_earlier_session_end_a_later_one_of_its_key) {
    Leader leader;
    log_in(11, "token-1", leader.pid());
    const std::string handle = log_in(11, "token-2"); // the same session again
    CHECK_FALSE(revoker.lives("token-1"));
    UNSIGNED_LONGS_EQUAL(1, store->size());

    leader.end(); // in the same turn, before the old entry is destroyed
    run_until_idle(loop);

    CHECK_TRUE(find(11) != nullptr);
    CHECK_TRUE(store->close(handle));
}

TEST(SessionStore, knows_no_handle_of_a_session_that_was_opened_anew) {
    const std::string first = log_in(11, "token-1");
    const std::string second = log_in(11, "token-2");

    CHECK_FALSE(store->close(first));
    CHECK_TRUE(find(11) != nullptr);
    CHECK_TRUE(store->close(second));
}

TEST(SessionStore, ends_a_session_when_its_token_expires) {
    const Secret text = accept(outside(), "token-1", nullptr, 1s).ticket().clone();
    CHECK_TRUE(store->open(text, context(11), 0).has_value());
    CHECK_TRUE(find(11) != nullptr);

    clock.advance(1s);
    CHECK_TRUE(find(11) == nullptr); // at once, though the timer has not come yet

    CHECK_TRUE(run_until(loop, [this] { return store->size() == 0; }));
    UNSIGNED_LONGS_EQUAL(0, revoker.live());
}

TEST(SessionStore, goes_by_the_wall_clock_when_a_token_expires_not_by_the_timer) {
    const Secret text = accept(outside(), "token-1", nullptr, 1s).ticket().clone();
    CHECK_TRUE(store->open(text, context(11), 0).has_value());

    // The clock stands still: when the timer comes, the token has not expired.
    CHECK_FALSE(run_until(loop, [this] { return store->size() == 0; }, 1200ms));

    CHECK_TRUE(find(11) != nullptr);
}

TEST(SessionStore, ends_a_session_when_the_person_signs_out) {
    log_in(11, "token-1");
    log_in(12, "token-2");

    CHECK_TRUE(store->sign_out(SessionKey::of(context(11).session, "alice")));
    CHECK_FALSE(store->sign_out(SessionKey::of(context(11).session, "alice")));
    CHECK_FALSE(store->sign_out(SessionKey()));

    CHECK_FALSE(revoker.lives("token-1"));
    CHECK_TRUE(revoker.lives("token-2"));
}

TEST(SessionStore, flushes_sessions_and_tickets_of_one_user) {
    log_in(11, "token-1");
    log_in(12, "token-2");
    ticket("token-3");

    UNSIGNED_LONGS_EQUAL(0, store->flush("bob"));
    UNSIGNED_LONGS_EQUAL(3, store->flush("alice"));

    UNSIGNED_LONGS_EQUAL(0, revoker.live());
    UNSIGNED_LONGS_EQUAL(0, store->tickets());
}

TEST(SessionStore, ends_a_session_that_logind_has_removed) {
    Context where = context(11);
    where.session.logind_session = "raxauth-test-none";
    CHECK_TRUE(store->open(ticket("token-1"), where, 0).has_value());
    log_in(12, "token-2");

    store->logind_session_removed("another");
    UNSIGNED_LONGS_EQUAL(2, store->size());
    store->logind_session_removed("raxauth-test-none");

    UNSIGNED_LONGS_EQUAL(1, store->size());
    CHECK_FALSE(revoker.lives("token-1"));
}

TEST(SessionStore, takes_back_no_entry_whose_logind_session_was_removed_over_the_restart) {
    Context where = inside(11, 1001);
    where.session.logind_session = "c999999999"; // no logind knows it
    accept(where, "token-1");
    accept(inside(12, 1001), "token-2");
    const KeptSessions kept = store->serialise();
    store->hand_over();
    handed_over = true;
    make_store();

    const std::vector<std::string> left = restore(*store, kept);

    UNSIGNED_LONGS_EQUAL(1, store->size());
    CHECK_TRUE(left == std::vector<std::string>{"token-1"});
    CHECK_FALSE(successor.lives("token-1"));
    CHECK_TRUE(successor.lives("token-2"));
    store->clear();
}

TEST(SessionStore, ends_an_entry_whose_token_was_refused_and_revokes_it_all_the_same) {
    log_in(11);
    const Session* session = find(11);

    store->token_dead(session->key, session->generation + 1); // of an earlier entry, say
    CHECK_TRUE(find(11) != nullptr);
    const SessionKey key = session->key;
    store->token_dead(key, session->generation);

    UNSIGNED_LONGS_EQUAL(0, store->size());
    UNSIGNED_LONGS_EQUAL(1, revoker.abandoned()); // a 403 need not mean that it lives no more
}

TEST(SessionStore, ends_everything_at_an_orderly_stop) {
    log_in(11, "token-1");
    log_in(12, "token-2");
    ticket("token-3");

    store->clear();

    UNSIGNED_LONGS_EQUAL(0, store->size());
    UNSIGNED_LONGS_EQUAL(0, store->tickets());
    UNSIGNED_LONGS_EQUAL(0, revoker.live());
}

// --- Who is found
// ---------------------------------------------------------------------------------

TEST(SessionStore, finds_an_entry_by_all_of_its_key) {
    log_in(11);
    caller::SessionFacts facts = context(11).session;

    CHECK_TRUE(store->find(SessionKey::of(facts, "alice")) != nullptr);
    CHECK_TRUE(store->find(SessionKey::of(facts, "bob")) == nullptr);
    facts.login_uid = 1002;
    CHECK_TRUE(store->find(SessionKey::of(facts, "alice")) == nullptr);
    facts.login_uid = 1001;
    facts.audit_session = contract::kUnsetId;
    facts.logind_session = "11";
    CHECK_TRUE(store->find(SessionKey::of(facts, "alice")) == nullptr);
    CHECK_TRUE(store->find(SessionKey()) == nullptr);
}

TEST(SessionStore, tells_of_every_change) {
    int changes = 0;
    store->on_change([&changes] { ++changes; });

    const std::string handle = log_in(11);
    const int after_opening = changes;
    CHECK_TRUE(after_opening > 0);
    store->close(handle);

    CHECK_TRUE(changes > after_opening);
}

// --- Bounds
// ---------------------------------------------------------------------------------------

TEST(SessionStore, with_a_full_table_of_tickets_lets_the_newcomers_token_go) {
    bounds.tickets = 2;
    make_store();
    const Secret first = ticket("token-1");
    ticket("token-2");

    CHECK_TRUE(accept(outside(), "token-3").ticket().empty());

    CHECK_FALSE(revoker.lives("token-3"));
    CHECK_TRUE(store->open(first, context(11), 0).has_value());
    CHECK_FALSE(accept(outside(), "token-4").ticket().empty());
}

TEST(SessionStore, with_a_full_table_of_sessions_lets_the_newcomers_token_go) {
    bounds.sessions = 2;
    make_store();
    log_in(11, "token-1");
    log_in(12, "token-2");

    CHECK_FALSE(store->open(ticket("token-3"), context(13), 0).has_value());
    CHECK_FALSE(revoker.lives("token-3"));
    accept(inside(14, 1001), "token-4");
    CHECK_FALSE(revoker.lives("token-4"));
    UNSIGNED_LONGS_EQUAL(2, store->size());
    CHECK_TRUE(find(11) != nullptr && find(12) != nullptr);

    // Its own place is not a newcomer's.
    log_in(12, "token-5");
    CHECK_TRUE(revoker.lives("token-5"));
    CHECK_FALSE(revoker.lives("token-2"));
}

// --- The password of a session
// --------------------------------------------------------------------

TEST_GROUP_BASE(SessionPassword, TEST_GROUP_CppUTestGroupSessionStore) {
    SessionKey key;
    std::uint64_t generation = 0;

    void setup() override {
        worker.emplace(loop);
        make_store();
        const Secret password("secret");
        const Secret text = accept(outside(), "token-1", &password).ticket().clone();
        CHECK_TRUE(store->open(text, context(11), 0).has_value());
        key = find(11)->key;
        generation = find(11)->generation;
    }
    SessionStore::PasswordCheck check(const char* typed) {
        std::optional<SessionStore::PasswordCheck> result;
        const Job job = Job::start(run(typed, result));
        CHECK_TRUE(run_until(loop, [&] { return result.has_value(); }));
        return *result;
    }
    Task<void> run(const char* typed, std::optional<SessionStore::PasswordCheck>& result) {
        Task<SessionStore::PasswordCheck> checking =
            store->check_password(key, generation, Secret(typed));
        const SessionStore::PasswordCheck reached = co_await std::move(checking);
        result = reached;
    }
};

TEST(SessionPassword, is_told_from_a_wrong_one) {
    CHECK_TRUE(check("secret") == SessionStore::PasswordCheck::Right);
    CHECK_TRUE(check("Secret") == SessionStore::PasswordCheck::Wrong);
    CHECK_TRUE(check("") == SessionStore::PasswordCheck::Wrong);
    CHECK_TRUE(check("secret") == SessionStore::PasswordCheck::Right);
}

TEST(SessionPassword, wrong_three_times_ends_the_entry) {
    check("a");
    check("b");
    CHECK_TRUE(check("c") == SessionStore::PasswordCheck::WrongAndOver);

    UNSIGNED_LONGS_EQUAL(0, store->size());
    UNSIGNED_LONGS_EQUAL(0, revoker.live());
    CHECK_TRUE(check("secret") == SessionStore::PasswordCheck::NoVerifier);
}

TEST(SessionPassword, counts_also_for_callers_who_leave_before_the_answer) {
    for (int i = 0; i < 3; ++i) {
        std::optional<SessionStore::PasswordCheck> result;
        Job job = Job::start(run("guess", result));
        job = Job();
    }
    CHECK_TRUE(check("secret") == SessionStore::PasswordCheck::WrongAndOver);
}

TEST(SessionPassword, that_could_not_be_compared_is_neither_right_nor_wrong) {
    check("a");
    check("b"); // one more would end the entry
    worker.emplace(loop, /*queue_limit=*/0);

    CHECK_TRUE(check("c") == SessionStore::PasswordCheck::NotDone);
    CHECK_TRUE(check("secret") == SessionStore::PasswordCheck::NotDone);

    UNSIGNED_LONGS_EQUAL(2, find(11)->signed_in.wrong_passwords);
}

TEST(SessionPassword, is_of_no_use_for_a_later_entry_of_the_session) {
    accept(inside(11, 1001), "token-2"); // no password typed: polkit with a key, say
    CHECK_TRUE(check("secret") == SessionStore::PasswordCheck::NoVerifier);
    CHECK_FALSE(store->reuse(key, generation).has_value());
    CHECK_TRUE(store->reuse(key, find(11)->generation).has_value());
}

TEST(SessionPassword, outlives_a_restart_with_the_session) {
    CHECK_TRUE(check("wrong") == SessionStore::PasswordCheck::Wrong);
    const KeptSessions kept = store->serialise();
    store->hand_over();
    handed_over = true; // the old process's revoker is told nothing
    make_store();

    restore(*store, kept);

    UNSIGNED_LONGS_EQUAL(1, store->size());
    CHECK_TRUE(successor.lives("token-1"));
    generation = find(11)->generation;
    CHECK_TRUE(check("wrong") == SessionStore::PasswordCheck::Wrong);
    CHECK_TRUE(check("wrong") == SessionStore::PasswordCheck::WrongAndOver);
    CHECK_TRUE(successor.balanced());
}

TEST(SessionPassword, bytes_cut_short_give_the_whole_session_or_none) {
    check("secret"); // waits for the verifier
    KeptSessions kept_sessions = store->serialise();
    const Secret bytes = std::move(kept_sessions.records);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        SessionStore other(loop, clock, &*worker);
        kept_sessions.records = Secret(bytes.view().substr(0, cut));
        restore(other, kept_sessions);
        if (const Session* kept = other.find(key)) { // cut behind its record
            CHECK_TRUE(cut > bytes.size() / 2);
            STRCMP_EQUAL("token-1", kept->signed_in.token.text().c_str());
            CHECK_TRUE(kept->signed_in.verifier != nullptr);
            CHECK_TRUE(kept->signed_in.second_factor);
        } else {
            UNSIGNED_LONGS_EQUAL(0, other.size());
        }
    }
    CHECK_TRUE(successor.balanced());
}

TEST(SessionPassword, the_token_of_a_ticket_is_left_to_the_successor_to_revoke) {
    ticket("token-2");
    SessionStore other(loop, clock, &*worker);

    const std::vector<std::string> left = restore(other, store->serialise());

    UNSIGNED_LONGS_EQUAL(0, other.tickets());
    CHECK_TRUE(successor.lives("token-1"));
    CHECK_TRUE(left == std::vector<std::string>{"token-2"});
    UNSIGNED_LONGS_EQUAL(1, successor.issued());
}
