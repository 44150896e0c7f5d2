// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/prompts.h"
#include "tests/support/scripted_person.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::flows;
using namespace std::chrono_literals;
using raxauth::testing::contains;

namespace {

std::size_t longest_line(const std::string& text) {
    std::size_t longest = 0;
    std::size_t begin = 0;
    while (begin <= text.size()) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        longest = std::max(longest, end - begin);
        begin = end + 1;
    }
    return longest;
}

} // namespace

TEST_GROUP(Prompts) {
    caller::Context context;
    settings::ServicePolicy terminal;
    settings::ServicePolicy graphical;

    void setup() override {
        context.user = "alice";
        context.service = "sshd";
        graphical.plain_prompts = true;
    }
    static void check_says(const conversation::Message& message, const char* words) {
        CHECK_TRUE_TEXT(contains(message.text, words), message.text.c_str());
    }
    std::string passcode_text(PasscodePrompt prompt) const {
        const auto question = passcode_question(terminal, "Rackspace", prompt);
        LONGS_EQUAL(1, question.size());
        return question.back().text;
    }
    /// Every passcode question there is, for one kind of service.
    template <class Check>
    static void for_each_passcode_question(const settings::ServicePolicy& policy, Check check) {
        for (const auto factor : {identity::Factor::Passcode, identity::Factor::OtpDevice}) {
            for (const bool resend : {false, true}) {
                for (const char* note : {"", "That passcode was not accepted; 1 attempt left."}) {
                    check(
                        passcode_question(policy, "Rackspace",
                                          {.factor = factor, .may_resend = resend, .note = note}));
                }
            }
        }
    }
};

TEST(Prompts, the_first_is_exactly_what_clients_recognise_and_names_nobody) {
    const conversation::Message message = password_prompt(context, terminal);
    CHECK_TRUE(message.kind == contract::MessageKind::Password);
    STRCMP_EQUAL("Password: ", message.text.c_str());
    STRCMP_EQUAL("Password: ", password_prompt(context, graphical).text.c_str());
}

TEST(Prompts, the_first_is_the_administrators_where_one_is_set) {
    terminal.password_prompt = "{service}: {user}, your {user} password: ";
    STRCMP_EQUAL("sshd: alice, your alice password: ",
                 password_prompt(context, terminal).text.c_str());
}

TEST(Prompts, the_second_ends_in_passcode_and_every_line_fits_a_terminal) {
    for_each_passcode_question(terminal, [](const auto& question) {
        LONGS_EQUAL(1, question.size());
        const conversation::Message& message = question.back();
        CHECK_TRUE(message.kind == contract::MessageKind::Secret);
        CHECK_TRUE_TEXT(message.text.ends_with("\nPasscode: "), message.text.c_str());
        CHECK_TRUE_TEXT(longest_line(message.text) <= kMaxPromptColumns, message.text.c_str());
        check_says(message, "rackspace");
        CHECK_FALSE(contains(message.text, "password"));
    });
}

TEST(Prompts, a_graphical_service_gets_one_short_line_and_its_notes_apart) {
    for_each_passcode_question(graphical, [](const auto& question) {
        STRCMP_EQUAL("Passcode: ", question.back().text.c_str());
        CHECK_TRUE(question.back().text.size() <= kMaxPlainPromptColumns);
        for (std::size_t i = 0; i + 1 < question.size(); ++i) {
            CHECK_TRUE(question[i].kind == contract::MessageKind::Info);
            CHECK_TRUE(question[i].text.find('\n') == std::string::npos);
        }
    });
    const auto question = passcode_question(
        graphical, "Rackspace",
        {.factor = identity::Factor::Passcode, .may_resend = true, .note = "Wrong."});
    LONGS_EQUAL(4, question.size());
    STRCMP_EQUAL("Wrong.", question[0].text.c_str());
    check_says(question[1], "sms");
    check_says(question[2], "empty line");
}

TEST(Prompts, the_second_says_where_the_code_comes_from) {
    CHECK_TRUE(contains(
        passcode_text({.factor = identity::Factor::Passcode, .may_resend = false, .note = ""}),
        "sms"));
    CHECK_FALSE(contains(
        passcode_text({.factor = identity::Factor::OtpDevice, .may_resend = false, .note = ""}),
        "sms"));
    CHECK_TRUE(contains(
        passcode_text({.factor = identity::Factor::OtpDevice, .may_resend = false, .note = ""}),
        "authenticator"));
}

TEST(Prompts, the_second_offers_a_new_sms_only_where_one_can_be_had) {
    CHECK_TRUE(contains(
        passcode_text({.factor = identity::Factor::Passcode, .may_resend = true, .note = ""}),
        "empty line"));
    CHECK_FALSE(contains(
        passcode_text({.factor = identity::Factor::Passcode, .may_resend = false, .note = ""}),
        "empty line"));
}

TEST(Prompts, what_happened_before_stands_in_front_on_a_line_of_its_own) {
    const std::string text = passcode_text(
        {.factor = identity::Factor::Passcode, .may_resend = false, .note = "Not accepted."});
    CHECK_TRUE_TEXT(text.starts_with("Not accepted.\nRackspace"), text.c_str());
    CHECK_TRUE(
        passcode_text({.factor = identity::Factor::Passcode, .may_resend = false, .note = ""})
            .starts_with("Rackspace"));
}

TEST(Prompts, in_a_session_a_note_says_that_the_password_is_enough) {
    const WallTime now{1768478400s};
    const auto question = session_password_question(context, terminal, now - 5min, now);
    LONGS_EQUAL(2, question.size());
    CHECK_TRUE(question[0].kind == contract::MessageKind::Info);
    check_says(question[0], "second factor of");
    STRCMP_EQUAL("Password: ", question[1].text.c_str());
}

TEST_GROUP(TimeOfDay) {
    std::string before;
    bool had = false;
    const WallTime noon{1768478400s}; // 2026-01-15 12:00 UTC

    void setup() override {
        const char* zone = std::getenv("TZ");
        had = zone != nullptr;
        before = had ? zone : "";
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }
    void teardown() override {
        if (had) {
            ::setenv("TZ", before.c_str(), 1);
        } else {
            ::unsetenv("TZ");
        }
        ::tzset();
    }
};

TEST(TimeOfDay, is_hours_and_minutes_on_the_same_day) {
    STRCMP_EQUAL("14:05", time_of_day(noon + 125min, noon).c_str());
}

TEST(TimeOfDay, is_rounded_up_so_that_trying_then_does_work) {
    STRCMP_EQUAL("12:31", time_of_day(noon + 30min + 1s, noon).c_str());
    STRCMP_EQUAL("12:30", time_of_day(noon + 30min, noon).c_str());
}

TEST(TimeOfDay, follows_the_hosts_time_zone_when_that_changes) {
    STRCMP_EQUAL("14:05", time_of_day(noon + 125min, noon).c_str());
    ::setenv("TZ", "EST5", 1); // as when /etc/localtime is replaced

    STRCMP_EQUAL("09:05", time_of_day(noon + 125min, noon).c_str());
}

TEST(TimeOfDay, has_the_date_on_another_day) {
    STRCMP_EQUAL("2026-01-16 00:10", time_of_day(noon + 12h + 10min, noon).c_str());
    STRCMP_EQUAL("2027-01-15 12:00", time_of_day(noon + 365 * 24h, noon).c_str());
}
