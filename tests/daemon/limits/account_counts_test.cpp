// SPDX-License-Identifier: Apache-2.0
// What happened to an account, a question, and the answer: one line each.
#include "daemon/limits/account_counts.h"

#include "common/bus_contract.h"

#include <chrono>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::limits;
using namespace std::chrono_literals;

namespace {

constexpr WallTime kBegin{std::chrono::seconds{1'768'478'400}};

/// "home", "s7" (a stranger), "session" (of the person), "local", or the /64 of an IPv6 address.
Origin origin_named(const std::string& name) {
    if (name == "session") {
        return {"session of 1000", true};
    }
    if (name == "local") {
        return {"local", false};
    }
    std::string host = name;
    if (name == "home") {
        host = "192.0.2.1";
    } else if (name[0] == 's') {
        const int number = std::stoi(name.substr(1));
        host = "10.0." + std::to_string(number / 250) + "." + std::to_string(number % 250);
    } else {
        host = name + "::1";
    }
    return origin_of(host, contract::kUnsetId, 1000);
}

/// One account whose history is told in words, separated by ';':
///   passcode|challenge|unanswered|password ORIGIN [times]     it failed, and counts
///   trying-passcode|trying-challenge ORIGIN                    under way
///   signed-in|api-key ORIGIN      ban|silence|lift ORIGIN SERVICE      pass MINUTES
///   max-passcodes|max-challenges|max-passwords N               not-kept    lost MINUTES
///   restart                                                    from the records alone
class Story {
  public:
    void tell(const std::string& history) {
        std::istringstream events(history);
        std::string event;
        while (std::getline(events, event, ';')) {
            std::istringstream words(event);
            std::string verb;
            std::string what;
            std::string more;
            words >> verb >> what >> more;
            const int times = more.empty() || more.find_first_not_of("0123456789") != more.npos
                                  ? 1
                                  : std::stoi(more);
            for (int i = 0; i < times; ++i) {
                happen(verb, what, more);
            }
        }
    }

    /// "go", "wait", "+N" (refused for N more minutes), "+N ban", "+N silence".
    std::string answer(Counted counted, const std::string& origin, const std::string& service) {
        counts.forget_expired(terms.now);
        const auto decision = counts.decide(counted, origin_named(origin), service, terms);
        if (std::holds_alternative<AccountCounts::GoAhead>(decision)) {
            return "go";
        }
        if (std::holds_alternative<AccountCounts::Wait>(decision)) {
            return "wait";
        }
        const auto& refusal = std::get<LimitRefusal>(decision);
        return "+" + std::to_string((refusal.until - terms.now) / 1min) +
               (!refusal.ban                               ? ""
                : refusal.ban == PasswordOnly::SaysNothing ? " silence"
                                                           : " ban");
    }

    AccountCounts counts;
    Terms terms{{}, kBegin};

  private:
    void happen(const std::string& verb, const std::string& what, const std::string& more) {
        counts.forget_expired(terms.now);
        if (verb.empty()) {
            return;
        }
        const Counted counted =
            verb.find("passcode") != std::string::npos ? Counted::Passcode : Counted::Challenge;
        if (verb == "passcode" || verb == "challenge") {
            counts.begin(counted, ++id_, origin_named(what), terms.now);
            CHECK_TRUE(counts.settle(counted, id_));
        } else if (verb == "trying-passcode" || verb == "trying-challenge") {
            counts.begin(counted, ++id_, origin_named(what), terms.now);
        } else if (verb == "unanswered") {
            counts.begin(Counted::Challenge, ++id_, origin_named(what), terms.now);
            CHECK_TRUE(counts.settle_unanswered(id_));
        } else if (verb == "password") {
            counts.password_failed(origin_named(what), terms);
        } else if (verb == "signed-in") {
            counts.signed_in(origin_named(what), SignInProof::WithPasscode, terms.now);
        } else if (verb == "api-key") {
            counts.signed_in(origin_named(what), SignInProof::WithoutPasscode, terms.now);
        } else if (verb == "ban") {
            counts.ban(origin_named(what), more, PasswordOnly::RepeatsIt, terms.now);
        } else if (verb == "silence") {
            counts.ban(origin_named(what), more, PasswordOnly::SaysNothing, terms.now);
        } else if (verb == "lift") {
            CHECK_TRUE(counts.lift_ban(origin_named(what), more));
        } else if (verb == "pass") {
            terms.now += std::chrono::minutes(std::stoi(what));
        } else if (verb == "max-passcodes") {
            terms.limits.wrong_passcodes = static_cast<unsigned>(std::stoi(what));
        } else if (verb == "max-challenges") {
            terms.limits.challenges = static_cast<unsigned>(std::stoi(what));
        } else if (verb == "max-passwords") {
            terms.limits.wrong_passwords = static_cast<unsigned>(std::stoi(what));
        } else if (verb == "not-kept") {
            terms.kept = false;
        } else if (verb == "lost") {
            terms.lost_until = terms.now + std::chrono::minutes(std::stoi(what));
        } else if (verb == "restart") {
            const std::vector<LimiterRecord> records = counts.records("alice");
            counts = AccountCounts();
            for (const LimiterRecord& record : records) {
                counts.replay(record, terms);
            }
        } else {
            FAIL(("no such event: " + verb).c_str());
        }
    }

    AccountCounts::Id id_ = 0;
};

struct Row {
    const char* history;
    const char* origin; ///< whose next attempt is decided
    const char* answer;
    const char* service = "";
};

void check_table(Counted counted, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        for (const char* end : {"", ";restart"}) {
            const std::string history = std::string(row.history) + end;
            if (*end != '\0' && history.find("trying") != std::string::npos) {
                continue; // what is under way counts as failed after a restart
            }
            Story story;
            story.tell(history);
            const std::string title = history + " | " + row.origin + " " + row.service;
            STRCMP_EQUAL_TEXT(row.answer, story.answer(counted, row.origin, row.service).c_str(),
                              title.c_str());
        }
    }
}

/// "passcode s0 1;passcode s1 1;..."
std::string from_many(const std::string& verb, int number, int times = 1) {
    std::string history;
    for (int i = 0; i < number; ++i) {
        history += verb + " s" + std::to_string(i) + " " + std::to_string(times) + ";";
    }
    return history;
}

} // namespace

TEST_GROUP(AccountCounts){};

TEST(AccountCounts, bound_wrong_passcodes_of_the_account) {
    check_table(Counted::Passcode,
                {{"", "s1", "go"},
                 {"passcode s1", "s1", "go"},
                 {"passcode s1;passcode s2", "s3", "+31"},
                 {"passcode s1;passcode s2", "session", "+31"},
                 {"passcode s1;pass 10;passcode s1", "s1", "+21"},
                 {"passcode s1;pass 10;passcode s1;pass 20", "s1", "+1"},
                 {"passcode s1;pass 10;passcode s1;pass 21", "s1", "go"},
                 {"passcode s1 2;signed-in s1", "s1", "go"},
                 {"passcode s1 2;signed-in s1;passcode s1 2", "s1", "+31"},
                 {"passcode s1 2;api-key s1", "s1", "+31"}, // Identity goes on counting
                 {"passcode s1;trying-passcode s1", "s1", "wait"},
                 {"trying-passcode s1;trying-passcode s2", "s3", "wait"},
                 {"passcode s1;trying-passcode s1;signed-in s1", "s1", "go"},
                 {"passcode s1;trying-passcode s1;signed-in s1;trying-passcode s1", "s1", "wait"},
                 {"max-passcodes 1;passcode s1", "s1", "+31"},
                 {"max-passcodes 3;passcode s1 3;max-passcodes 2", "s1", "+31"},
                 {"password s1 10", "s1", "go"}});
}

TEST(AccountCounts, leave_a_passcode_to_places_where_the_person_signs_in) {
    check_table(Counted::Passcode,
                {{"signed-in home;passcode s1", "s2", "+31"},
                 {"signed-in home;passcode s1", "local", "+31"},
                 {"signed-in home;passcode s1", "home", "go"},
                 {"signed-in home;passcode s1", "session", "go"},
                 {"signed-in home;passcode s1;passcode home", "home", "+31"},
                 {"signed-in home;passcode home", "s1", "go"},
                 {"signed-in home;passcode home 2", "s1", "+31"},
                 {"signed-in home;trying-passcode s1", "s2", "wait"},
                 {"signed-in home;trying-passcode s1", "home", "go"},
                 {"api-key home;passcode s1", "s2", "+31"}, // known all the same
                 {"signed-in home;pass 43199;passcode s1", "s2", "+31"},
                 {"signed-in home;pass 43200;passcode s1", "s2", "go"},
                 {"max-passcodes 1;signed-in home", "s1", "go"},
                 {"max-passcodes 4;signed-in home;passcode s1 3", "s2", "+31"},
                 {"max-passcodes 4;signed-in home;passcode s1 3", "home", "go"}});
}

TEST(AccountCounts, bound_challenges_of_the_account) {
    check_table(Counted::Challenge,
                {{"challenge s1 5", "s2", "go"},
                 {"challenge s1 6", "s2", "+30"},
                 {"challenge s1;pass 7;challenge s2 5", "s2", "+23"},
                 {"challenge s1 6;pass 30", "s2", "go"},
                 {"challenge s1 5;trying-challenge s1", "s2", "wait"},
                 {"signed-in home;challenge s1 4", "s2", "+30"},
                 {"signed-in home;challenge s1 4", "home", "go"},
                 {"signed-in home;challenge s1 4;challenge home 2", "session", "+30"},
                 {"max-challenges 1;signed-in home", "s1", "go"},
                 {"max-challenges 2;signed-in home;challenge s1", "s1", "+30"},
                 // Without a passcode left, an SMS would be in vain.
                 {"passcode s1 2", "s1", "+31"},
                 {"challenge s1 6;pass 20;passcode s1 2", "s1", "+31"}});
}

TEST(AccountCounts, give_back_the_challenge_that_was_answered) {
    const std::string login = "challenge home;signed-in home;pass 1;";
    std::string eight;
    for (int i = 0; i < 8; ++i) {
        eight += login;
    }
    check_table(Counted::Challenge,
                {{eight.c_str(), "home", "go"},
                 {(eight + "challenge home 6").c_str(), "home", "+30"},
                 // Only one, and only where it was answered.
                 {"challenge home 6;signed-in home", "home", "go"},
                 {"challenge home 6;signed-in home;challenge home", "home", "+30"},
                 {"challenge s1 6;signed-in home", "home", "+30"},
                 {"challenge home 6;api-key home", "home", "+30"}});
}

TEST(AccountCounts, count_a_challenge_without_a_reply_for_minutes_only) {
    check_table(Counted::Challenge,
                {{"unanswered s1 6", "s1", "+5"},
                 {"unanswered s1 6;pass 5", "s1", "go"},
                 {"challenge s1;pass 1;unanswered s1 5", "s1", "+5"},
                 {"challenge s1 2;unanswered s1 4;pass 5;challenge s1 4", "s1", "+25"},
                 {"signed-in home;unanswered s1 4", "s1", "+5"},
                 {"signed-in home;unanswered s1 4", "home", "go"}});
}

TEST(AccountCounts, bound_wrong_passwords_of_an_origin) {
    check_table(Counted::Challenge, {{"password s1 9", "s1", "go"},
                                     {"password s1 10", "s1", "+30"},
                                     {"password s1 10", "s2", "go"},
                                     {"password s1;pass 7;password s1 9", "s1", "+23"},
                                     {"password s1 10;pass 30", "s1", "go"},
                                     {"signed-in home;password home 10", "home", "+30"},
                                     {"password home 10;signed-in home", "home", "go"},
                                     {"password home 10;api-key home", "home", "go"},
                                     {"password s1 10;signed-in home", "s1", "+30"},
                                     {"password s1 9;trying-challenge s1", "s1", "wait"},
                                     {"password s1 8;trying-challenge s1", "s1", "go"},
                                     {"password s1 9;trying-challenge s2", "s1", "go"},
                                     {"password session 10", "session", "+30"}});
}

TEST(AccountCounts, refuse_nobody_because_many_others_typed_a_wrong_password) {
    for (const int networks : {64, 300}) {
        const std::string flood = from_many("password", networks);
        check_table(Counted::Challenge,
                    {{flood.c_str(), "s5000", "go"},
                     {flood.c_str(), "local", "go"},
                     {flood.c_str(), "session", "go"},
                     {(flood + "signed-in home").c_str(), "home", "go"},
                     {(flood + "password local 10").c_str(), "local", "+30"},
                     {(flood + "password session 10").c_str(), "session", "+30"},
                     {(flood + "password s5000 10").c_str(), "s5000", "+30"},
                     {("password local 10;" + flood).c_str(), "local", "+30"},
                     {("password s5000 10;" + flood).c_str(), "s5000", "+30"},
                     {("signed-in home;challenge home 2;" + flood + "signed-in home").c_str(),
                      "home", "go"}});
    }
}

TEST(AccountCounts, bound_wrong_passwords_of_an_IPv6_network_as_a_whole) {
    std::string from_one_48;
    std::string from_one_32;
    for (int i = 0; i < 64; ++i) {
        const std::string number = std::to_string(i + 1);
        from_one_48 += "password 2001:db8:1:" + number + ";";
        from_one_32 += "password 2001:db8:" + number + ":1;";
    }
    check_table(
        Counted::Challenge,
        {{from_one_48.c_str(), "2001:db8:1:ffff", "+30"},
         {from_one_48.c_str(), "2001:db8:1:1", "+30"},
         {from_one_48.c_str(), "2001:db8:2:1", "go"},
         {from_one_48.c_str(), "s1", "go"},
         {("signed-in 2001:db8:1:9;" + from_one_48).c_str(), "2001:db8:1:9", "go"},
         {from_one_32.c_str(), "2001:db8:ffff:1", "go"},
         {from_one_32.c_str(), "2001:db8:1:1", "go"},
         {"password 2001:db8:1:1 10", "2001:db8:1:1", "+30"},
         {"password 2001:db8:1:1 10", "2001:db8:1:2", "go"},
         {"password 2001:db8:1:1 10;password 2001:db8:1:2 10;password 2001:db8:1:3 10;"
          "password 2001:db8:1:4 9",
          "2001:db8:1:5", "go"},
         {"password 2001:db8:1:1 10;password 2001:db8:1:2 10;password 2001:db8:1:3 10;"
          "password 2001:db8:1:4 9;trying-challenge 2001:db8:1:5",
          "2001:db8:1:6", "wait"},
         {"password 2001:db8:1:1 10;pass 5;password 2001:db8:1:2 10;password 2001:db8:1:3 10;"
          "password 2001:db8:1:4 10",
          "2001:db8:1:5", "+25"}});
}

TEST(AccountCounts, ban_a_password_only_client_for_its_service) {
    check_table(Counted::Challenge,
                {{"ban home i3lock", "home", "+30 ban", "i3lock"},
                 {"ban home i3lock", "home", "go", "sshd"},
                 {"ban home i3lock", "s1", "go", "i3lock"},
                 {"ban home i3lock;pass 29", "home", "+1 ban", "i3lock"},
                 {"ban home i3lock;pass 30", "home", "go", "i3lock"},
                 {"ban home i3lock;lift home i3lock", "home", "go", "i3lock"},
                 {"ban home i3lock;ban home sshd;lift home i3lock", "home", "+30 ban", "sshd"},
                 {"ban home i3lock;pass 9;ban home i3lock", "home", "+30 ban", "i3lock"},
                 {"silence home i3lock", "home", "+30 silence", "i3lock"},
                 {"silence home i3lock", "home", "go", "sshd"},
                 {"silence home i3lock;lift home i3lock", "home", "go", "i3lock"},
                 {"ban home i3lock;silence home i3lock", "home", "+30 silence", "i3lock"},
                 // The ban is named only when nothing else stands against a first step.
                 {"ban home i3lock;password home 10", "home", "+30", "i3lock"},
                 {"ban home i3lock;pass 29;passcode home 2", "home", "+31", "i3lock"}});
}

TEST(AccountCounts, are_strict_with_strangers_while_they_cannot_be_kept) {
    check_table(Counted::Passcode, {{"signed-in home;not-kept", "s1", "+1"},
                                    {"signed-in home;not-kept", "home", "go"},
                                    {"signed-in home;not-kept", "session", "go"},
                                    {"signed-in home;not-kept;passcode home", "home", "+31"},
                                    {"signed-in home;passcode s1;not-kept", "home", "go"},
                                    {"signed-in home;passcode home;not-kept", "home", "+31"},
                                    // Where no place is known, everybody has the reserve.
                                    {"not-kept", "s1", "go"},
                                    {"not-kept;passcode s1", "s1", "+31"},
                                    {"not-kept;passcode s1", "session", "+31"}});
    check_table(Counted::Challenge, {{"signed-in home;not-kept", "s1", "+1"},
                                     {"signed-in home;not-kept;challenge home", "home", "go"},
                                     {"signed-in home;not-kept;challenge home 2", "home", "+30"},
                                     {"not-kept;challenge s1 2", "s1", "+30"}});
}

TEST(AccountCounts, that_may_lack_some_never_bring_a_person_to_the_lock_at_Identity) {
    check_table(Counted::Passcode,
                {{"lost 31", "s1", "+31"},
                 {"passcode s1;passcode s2;lost 31", "session", "+31"}, // Identity's lock is at 3
                 {"lost 31", "local", "+31"},
                 {"lost 31", "session", "go"},
                 {"lost 31;passcode session", "session", "+31"},
                 {"lost 31;pass 31", "s1", "go"},
                 {"signed-in home;pass 60;lost 31", "home", "+31"},
                 // A success resets what Identity counts, too.
                 {"lost 31;pass 1;signed-in session", "home", "go"},
                 {"signed-in home;pass 20;lost 10", "home", "go"}}); // what is lost is older
}

TEST(AccountCounts, delay_strangers_alone_while_the_account_is_flooded) {
    struct DelayRow {
        std::string history;
        const char* origin;
        std::chrono::milliseconds delay;
    };
    const std::string hundred = from_many("password", 10, 10);
    const DelayRow rows[] = {
        {"password s1 9", "s1", 0ms},
        {from_many("password", 9, 10) + "password s9 9", "s99", 0ms},
        {hundred, "s99", 200ms},
        {hundred + "password s20 5", "s99", 700ms},
        {hundred + from_many("password", 50, 4), "s99", 3000ms},
        {from_many("password", 1000), "s5000", 3000ms}, // also those without a row
        {"signed-in home;" + hundred, "home", 0ms},
        {"signed-in home;" + hundred, "session", 0ms},
        {hundred + "pass 30", "s99", 0ms},
        {"max-passwords 1;" + from_many("password", 10), "s99", 200ms},
    };
    for (const DelayRow& row : rows) {
        Story story;
        story.tell(row.history);
        story.counts.forget_expired(story.terms.now);
        LONGS_EQUAL_TEXT(row.delay.count(),
                         story.counts.delay(origin_named(row.origin), story.terms).count(),
                         (row.history + " | " + row.origin).c_str());
    }
}

TEST(AccountCounts, tell_how_many_challenges_are_left_and_when_there_are_more) {
    struct LeftRow {
        const char* history;
        const char* origin;
        std::size_t challenges;
        int minutes;
    };
    const LeftRow rows[] = {
        {"trying-challenge s1", "s1", 5, 30},
        {"challenge s1 3;pass 10;trying-challenge s1", "s1", 2, 20},
        {"challenge s1 4;pass 10;trying-challenge s1", "s1", 1, 20},
        {"challenge s1 5;pass 10;trying-challenge s1", "s1", 0, 20},
        {"signed-in home;challenge s1 2;pass 5;trying-challenge s1", "s1", 1, 25},
        {"signed-in home;challenge s1 2;pass 5;trying-challenge home", "home", 3, 25},
        {"signed-in home;challenge home 2;pass 5;challenge s1 2;pass 5;trying-challenge s1", "s1",
         1, 25},
    };
    for (const LeftRow& row : rows) {
        Story story;
        story.tell(row.history);
        const AccountCounts::Left left = story.counts.left(origin_named(row.origin), story.terms);
        LONGS_EQUAL_TEXT(row.challenges, left.challenges, row.history);
        LONGS_EQUAL_TEXT(row.minutes, (left.next_at - story.terms.now) / 1min, row.history);
    }
}

TEST(AccountCounts, know_where_the_person_signed_in) {
    Story story;
    story.tell("signed-in home;password s1");
    CHECK_TRUE(story.counts.knows(origin_named("home"), story.terms.now));
    CHECK_FALSE(story.counts.knows(origin_named("s1"), story.terms.now));
    CHECK_TRUE(story.counts.knows(origin_named("home"), story.terms.now + 30 * 24h - 1s));
    CHECK_FALSE(story.counts.knows(origin_named("home"), story.terms.now + 30 * 24h));
}

TEST(AccountCounts, are_worth_more_the_more_they_guard) {
    using Worth = AccountCounts::Worth;
    const std::pair<const char*, Worth> rows[] = {
        {"", Worth::Nothing},
        {"password s1;pass 30", Worth::Nothing},
        {"signed-in home", Worth::KnownOrigins},
        {"signed-in home;password s1", Worth::WrongPasswords},
        {"ban s1 sshd", Worth::WrongPasswords},
        {"password s1;challenge s1", Worth::Challenges},
        {"trying-challenge s1", Worth::Passcodes},
        {"challenge s1;passcode s1", Worth::Passcodes},
    };
    for (const auto& [history, worth] : rows) {
        Story story;
        story.tell(history);
        story.counts.forget_expired(story.terms.now);
        CHECK_TRUE_TEXT(story.counts.worth() == worth, history);
    }
}
