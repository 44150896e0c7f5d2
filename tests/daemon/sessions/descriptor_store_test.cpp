// SPDX-License-Identifier: Apache-2.0
//
// The session table over a restart, with a small stand-in for the service manager: it keeps the
// descriptors it is given, and gives them to the next process.
#include "daemon/sessions/descriptor_store.h"
#include "daemon/sessions/record_bytes.h"
#include "tests/support/counting_revoker.h"
#include "tests/support/event_pump.h"
#include "tests/support/fake_clock.h"
#include "tests/support/proof.h"

#include <csignal>
#include <fcntl.h>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::sessions;
using namespace raxauth::testing;
using namespace std::chrono_literals;

namespace {

class StandInManager final : public ServiceManager {
  public:
    std::vector<Kept> take() override {
        std::vector<Kept> given;
        for (const auto& [name, fd] : kept_) {
            given.push_back({name, UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3))});
        }
        return given;
    }
    bool keep(const std::string& name, int fd) override {
        if (full_) {
            errno = ENOBUFS;
            return false;
        }
        kept_[name] = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
        return true;
    }
    void drop(const std::string& name) override {
        if (!deaf_) {
            kept_.erase(name);
        }
    }
    bool present() const override { return true; }

    /// Loses what it is told to drop, as when the daemon dies right after it kept the new table.
    void miss_drops() { deaf_ = true; }
    void refuse(bool on) { full_ = on; }
    void put(const std::string& name, const std::string& bytes) {
        const UniqueFd fd(::memfd_create("planted", MFD_CLOEXEC));
        CHECK_TRUE(::write(fd.get(), bytes.data(), bytes.size()) ==
                   static_cast<ssize_t>(bytes.size()));
        keep(name, fd.get());
    }
    std::size_t size() const { return kept_.size(); }
    int only() const { return kept_.begin()->second.get(); }
    std::string content() const {
        std::string bytes(65536, '\0');
        const ssize_t got = ::pread(only(), bytes.data(), bytes.size(), 0);
        CHECK_TRUE(got > 0);
        bytes.resize(static_cast<std::size_t>(got));
        return bytes;
    }

  private:
    std::map<std::string, UniqueFd> kept_;
    bool deaf_ = false;
    bool full_ = false;
};

constexpr std::uint32_t kAuditSession = 7;
constexpr const char* kIssuer = "rackspace https://identity.example/v2.0";

} // namespace

TEST_GROUP(DescriptorStore) {
    Loop loop;
    FakeClock clock;
    CountingRevoker revoker;   ///< of the process before
    CountingRevoker successor; ///< of the one after
    StandInManager manager;
    std::optional<SessionStore> store;
    std::optional<DescriptorStore> descriptors;

    void setup() override {
        begin();
    }
    void teardown() override {
        descriptors.reset();
        store.reset();
        run_until_idle(loop);
        CHECK_TRUE_TEXT(successor.balanced(), "the successor leaked a token or ended one twice");
    }
    void begin() {
        descriptors.reset();
        store.reset();
        store.emplace(loop, clock);
        descriptors.emplace(loop, *store, manager);
        descriptors->issued_by(kIssuer);
    }
    void restore() {
        descriptors->restore(successor);
    }
    /// The process dies without a word; what its tokens' owners would do does not happen.
    void die_and_begin_anew() {
        store->hand_over();
        begin();
        restore();
    }
    static caller::Context context(std::uint32_t audit_session) {
        caller::Context made;
        made.caller.uid = 0;
        made.user = "alice";
        made.service = "sshd";
        made.session.audit_session = audit_session;
        made.session.login_uid = 1001;
        made.session.real_uid = 0;
        return made;
    }
    Secret ticket(const std::string& token, std::vector<identity::Role> roles = {}) {
        caller::Context outside = context(contract::kUnsetId);
        outside.session.login_uid = contract::kUnsetId;
        const identity::Account account{"alice.smith", "", ""};
        const Proof proof{.token = token, .roles = std::move(roles), .good_for = 24h};
        auto judged = policy::judge(proof.issue(revoker, clock), account, {});
        CHECK_TRUE(std::holds_alternative<policy::Admission>(judged));
        return store->accept(std::get<policy::Admission>(std::move(judged)), outside, account, 1001)
            .ticket()
            .clone();
    }
    std::string log_in(const std::string& token = "token-1", pid_t leader = 0) {
        const auto opened = store->open(ticket(token), context(kAuditSession), leader);
        CHECK_TRUE(opened.has_value());
        return opened->handle;
    }
    void open(const Secret& text, std::uint32_t audit_session) {
        CHECK_TRUE(store->open(text, context(audit_session), 0).has_value());
    }
    Session* find(std::uint32_t audit_session = kAuditSession) {
        return store->find(SessionKey::of(context(audit_session).session, "alice"));
    }
    /// What is kept, with its records changed, and nothing else.
    void change_records(const std::function<std::string(std::string)>& change) {
        const std::string whole = manager.content();
        RecordReader in(whole);
        RecordWriter out;
        out.text(in.text());
        out.number(in.number());
        out.text(in.text());
        out.text(change(in.string()));
        out.text(in.text());
        CHECK_TRUE(in.good() && in.at_end());
        manager = StandInManager();
        manager.put("sessions-a", std::string(out.take().view()));
    }
};

TEST(DescriptorStore, keeps_a_session_over_the_death_of_the_daemon) {
    const std::string handle = log_in();
    const WallTime signed_in_at = find()->signed_in.at;
    descriptors->save();

    die_and_begin_anew();

    Session* session = find();
    CHECK_TRUE(session != nullptr);
    STRCMP_EQUAL("token-1", session->signed_in.token.text().c_str());
    STRCMP_EQUAL("alice.smith", session->signed_in.account.name.c_str());
    STRCMP_EQUAL("sshd", session->signed_in.service.c_str());
    CHECK_TRUE(session->signed_in.second_factor);
    CHECK_TRUE(session->signed_in.at == signed_in_at);
    CHECK_TRUE(store->close(handle));
    UNSIGNED_LONGS_EQUAL(1, successor.abandoned());
}

TEST(DescriptorStore, saves_by_itself_soon_after_a_change) {
    log_in();

    run_until(loop, [this] { return manager.size() == 1; });

    die_and_begin_anew();
    CHECK_TRUE(find() != nullptr);
}

TEST(DescriptorStore, leaves_what_is_kept_where_the_newer_table_is_not_taken) {
    log_in();
    descriptors->save();
    manager.refuse(true);
    bool told = false;
    try {
        descriptors->save();
    } catch (const std::system_error& fault) {
        told = fault.code().value() == ENOBUFS;
    }
    CHECK_TRUE(told);
    UNSIGNED_LONGS_EQUAL(1, manager.size());
    manager.refuse(false);
    descriptors->save(); // the next change tries again
    UNSIGNED_LONGS_EQUAL(1, manager.size());

    die_and_begin_anew();

    CHECK_TRUE(find() != nullptr);
}

TEST(DescriptorStore, keeps_one_table_only_and_seals_it) {
    log_in();
    descriptors->save();
    descriptors->save();
    descriptors->save();

    UNSIGNED_LONGS_EQUAL(1, manager.size());
    const int seals = ::fcntl(manager.only(), F_GET_SEALS);
    CHECK_TRUE((seals & F_SEAL_WRITE) != 0 && (seals & F_SEAL_SEAL) != 0);
}

TEST(DescriptorStore, takes_the_newer_of_two_tables) {
    const std::string handle = log_in();
    descriptors->save();
    manager.miss_drops(); // the daemon dies between keeping the new and dropping the old
    CHECK_TRUE(store->close(handle));
    descriptors->save();
    UNSIGNED_LONGS_EQUAL(2, manager.size());

    die_and_begin_anew();

    CHECK_TRUE(find() == nullptr);
}

TEST(DescriptorStore, revokes_what_expired_meanwhile) {
    log_in();
    descriptors->save();
    clock.advance(25h);

    die_and_begin_anew();

    CHECK_TRUE(find() == nullptr);
    UNSIGNED_LONGS_EQUAL(1, successor.abandoned());
}

TEST(DescriptorStore, revokes_the_token_of_a_session_whose_leader_is_gone) {
    const pid_t leader = ::fork();
    if (leader == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL); // also when a check fails
        ::pause();
        ::_exit(0);
    }
    log_in("token-1", leader);
    descriptors->save();
    store->hand_over();
    ::kill(leader, SIGKILL);
    ::waitpid(leader, nullptr, 0);

    begin();
    restore();

    CHECK_TRUE(find() == nullptr);
    UNSIGNED_LONGS_EQUAL(1, successor.abandoned());
}

TEST(DescriptorStore, revokes_the_token_of_a_sign_in_whose_session_never_opened) {
    const Secret text = ticket("token-1");
    descriptors->save();

    die_and_begin_anew();

    UNSIGNED_LONGS_EQUAL(0, store->tickets());
    UNSIGNED_LONGS_EQUAL(1, successor.abandoned());
}

TEST(DescriptorStore, has_the_successor_revoke_what_was_still_to_be_revoked) {
    const Secret first("token-1");
    const Secret second("token-2");
    descriptors->also_keep([&](const auto& visit) {
        visit(first);
        visit(second);
    });
    descriptors->schedule();
    CHECK_TRUE(run_until(loop, [this] { return manager.size() == 1; }));

    die_and_begin_anew();

    UNSIGNED_LONGS_EQUAL(2, successor.issued());
    UNSIGNED_LONGS_EQUAL(2, successor.abandoned());
    UNSIGNED_LONGS_EQUAL(0, store->size());
}

TEST(DescriptorStore, an_account_of_very_many_roles_costs_nobody_a_session) {
    open(ticket("token-1", std::vector<identity::Role>(5000, {"1", "observer", ""})), 1);
    open(ticket("token-2"), 2);
    open(ticket("token-3"), 3);
    descriptors->save();

    die_and_begin_anew();

    UNSIGNED_LONGS_EQUAL(3, store->size());
    UNSIGNED_LONGS_EQUAL(5000, find(1)->signed_in.facts.roles.size());
    STRCMP_EQUAL("token-2", find(2)->signed_in.token.text().c_str());
    UNSIGNED_LONGS_EQUAL(0, successor.abandoned());
}

TEST(DescriptorStore, a_record_that_cannot_be_read_is_skipped_alone_and_its_token_revoked) {
    for (const std::uint32_t session : {1U, 2U, 3U}) {
        open(ticket("token-" + std::to_string(session)), session);
    }
    descriptors->save();
    std::string bad_token;
    change_records([&](std::string records) {
        RecordReader in(records);
        in.text();
        in.text();
        in.number();
        in.text(); // the first of the three
        const std::string_view second = in.text();
        const std::size_t at = static_cast<std::size_t>(second.data() - records.data());
        RecordReader fields(second);
        fields.text();
        fields.text();
        bad_token = "token-" + std::to_string(fields.number());
        records[at + 7] = '\x7f'; // its first field is longer than the whole
        return records;
    });

    die_and_begin_anew();

    UNSIGNED_LONGS_EQUAL(2, store->size());
    UNSIGNED_LONGS_EQUAL(1, successor.abandoned());
    CHECK_FALSE(successor.lives(bad_token));
    UNSIGNED_LONGS_EQUAL(2, successor.live());
}

TEST(DescriptorStore, sessions_of_a_version_that_keeps_them_otherwise_have_their_tokens_revoked) {
    open(ticket("token-1"), 1);
    open(ticket("token-2"), 2);
    const Secret unopened = ticket("token-3");
    descriptors->save();
    change_records(
        [](const std::string&) { return std::string("the records of another version"); });

    die_and_begin_anew();

    UNSIGNED_LONGS_EQUAL(0, store->size());
    UNSIGNED_LONGS_EQUAL(3, successor.issued());
    UNSIGNED_LONGS_EQUAL(3, successor.abandoned());
}

TEST(DescriptorStore, a_token_reaches_no_other_address_than_it_came_from) {
    log_in();
    ticket("token-2");
    const Secret waiting("token-3");
    descriptors->also_keep([&](const auto& visit) { visit(waiting); });
    descriptors->save();
    store->hand_over();
    begin();
    descriptors->issued_by("rackspace https://elsewhere.example/v2.0");

    restore();

    UNSIGNED_LONGS_EQUAL(0, store->size());
    UNSIGNED_LONGS_EQUAL(0, store->tickets());
    UNSIGNED_LONGS_EQUAL(0, successor.issued());
    // Nor does a third process find it, should this one be killed now.
    CHECK_TRUE(run_until(loop, [this] {
        return manager.size() == 1 && manager.content().find("token-") == std::string::npos;
    }));
}

TEST(DescriptorStore, without_a_usable_configuration_keeps_the_earlier_issuer) {
    log_in();
    descriptors->save();
    for (int restarts = 0; restarts < 2; ++restarts) {
        store->hand_over();
        begin();
        descriptors->issued_by("");

        descriptors->restore(revoker);
        descriptors->save();

        STRCMP_EQUAL(kIssuer, descriptors->issuer().c_str());
        UNSIGNED_LONGS_EQUAL(1, store->size());
    }
}

TEST(DescriptorStore, keeps_what_was_handed_over_whatever_becomes_of_our_own_table) {
    log_in(); // which schedules a save
    descriptors->hand_over();
    store->hand_over();
    bool later = false; // than a save takes to come
    const Timer wait = loop.after(100ms, [&] { later = true; });
    CHECK_TRUE(run_until(loop, [&] { return later; }));
    begin();

    restore();

    CHECK_TRUE(find() != nullptr);
}

TEST(DescriptorStore, leaves_nothing_after_an_orderly_stop) {
    log_in();
    descriptors->save();

    descriptors->forget();
    store->clear();
    run_until_idle(loop);

    UNSIGNED_LONGS_EQUAL(0, manager.size());
    UNSIGNED_LONGS_EQUAL(1, revoker.abandoned());
}

TEST(DescriptorStore, takes_nothing_from_bytes_that_are_not_its_own) {
    manager.put("sessions-a", "not a table at all");
    manager.put("sessions-b", std::string(8, '\xff') + std::string(64, '\x7f'));

    begin();
    restore();

    UNSIGNED_LONGS_EQUAL(0, store->size());
    UNSIGNED_LONGS_EQUAL(0, successor.issued());
}

TEST(DescriptorStore, takes_nothing_from_a_table_of_another_version) {
    log_in();
    descriptors->save();
    const std::string whole = manager.content();
    store->hand_over();
    RecordReader in(whole);
    const std::size_t magic = in.text().size();
    manager = StandInManager();
    manager.put("sessions-a", whole.substr(sizeof(std::uint64_t) + magic)); // as it was once

    begin();
    descriptors->issued_by("");
    restore();
    UNSIGNED_LONGS_EQUAL(0, manager.size());
    descriptors->save();

    UNSIGNED_LONGS_EQUAL(0, store->size());
    CHECK_TRUE(manager.content().find("token-1") == std::string::npos);
}

TEST(DescriptorStore, a_table_cut_short_anywhere_gives_whole_sessions_or_none) {
    log_in();
    descriptors->save();
    const std::string whole = manager.content();
    store->hand_over();

    for (std::size_t length = 0; length < whole.size(); ++length) {
        manager = StandInManager();
        // The outer length is made to fit, so that the table itself is what is cut.
        RecordReader in(whole);
        const std::string_view magic = in.text();
        const std::uint64_t generation = in.number();
        const std::string_view address = in.text();
        const std::string_view table = in.text();
        const std::string_view tokens = in.text();
        if (length >= table.size()) {
            break;
        }
        RecordWriter out;
        out.text(magic);
        out.number(generation);
        out.text(address);
        out.text(table.substr(0, length));
        out.text(tokens);
        manager.put("sessions-a", std::string(out.take().view()));
        begin();
        restore();
        if (const Session* session = find()) {
            STRCMP_EQUAL("token-1", session->signed_in.token.text().c_str());
        } else {
            CHECK_FALSE(successor.lives("token-1"));
        }
    }
    CHECK_TRUE(successor.abandoned() > 0);
}
