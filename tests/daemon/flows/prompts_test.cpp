// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/prompts.h"
#include "tests/support/scripted_person.h"

#include <cstdlib>
#include <ctime>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::flows;
using namespace std::chrono_literals;
using raxauth::testing::contains;

TEST_GROUP(Prompts) {
    caller::Context context;

    void setup() override {
        context.user = "alice";
        context.service = "sshd";
    }
    static void check_says(const conversation::Message& message, const char* words) {
        CHECK_TRUE_TEXT(contains(message.text, words), message.text.c_str());
    }
    static void check_silent_about(const conversation::Message& message, const char* words) {
        CHECK_FALSE_TEXT(contains(message.text, words), message.text.c_str());
    }
    std::string passcode_text(PasscodePrompt prompt) const {
        return passcode_prompt(context, prompt).text;
    }
};

TEST(Prompts, the_first_says_password_who_asks_for_whom_and_for_which_service) {
    for (const bool single : {false, true}) {
        const conversation::Message message = password_prompt(context, single);
        CHECK_TRUE(message.kind == contract::MessageKind::Password);
        for (const char* words : {"password", "rackspace", "alice", "sshd"}) {
            check_says(message, words);
        }
    }
}

TEST(Prompts, the_first_speaks_of_a_passcode_in_single_prompt_mode_only) {
    check_silent_about(password_prompt(context, false), "passcode");
    check_says(password_prompt(context, true), "password,passcode");
}

TEST(Prompts, the_second_says_passcode_who_asks_for_whom_and_for_which_service) {
    for (const identity::Factor factor :
         {identity::Factor::Passcode, identity::Factor::OtpDevice}) {
        for (const bool resend : {false, true}) {
            const conversation::Message message = passcode_prompt(context, {factor, resend, ""});
            CHECK_TRUE(message.kind == contract::MessageKind::Secret);
            for (const char* words : {"passcode", "rackspace", "alice", "sshd"}) {
                check_says(message, words);
            }
            check_silent_about(message, "password");
        }
    }
}

TEST(Prompts, the_second_says_where_the_code_comes_from) {
    CHECK_TRUE(contains(passcode_text({identity::Factor::Passcode, false, ""}), "sms"));
    CHECK_FALSE(contains(passcode_text({identity::Factor::OtpDevice, false, ""}), "sms"));
    CHECK_TRUE(contains(passcode_text({identity::Factor::OtpDevice, false, ""}), "authenticator"));
}

TEST(Prompts, the_second_offers_a_new_sms_only_where_one_can_be_had) {
    CHECK_TRUE(contains(passcode_text({identity::Factor::Passcode, true, ""}), "empty line"));
    CHECK_FALSE(contains(passcode_text({identity::Factor::Passcode, false, ""}), "empty line"));
}

TEST(Prompts, what_happened_before_stands_in_front_on_a_line_of_its_own) {
    const std::string text = passcode_text({identity::Factor::Passcode, false, "Not accepted."});
    CHECK_TRUE_TEXT(text.starts_with("Not accepted.\nRackspace"), text.c_str());
    CHECK_TRUE(passcode_text({identity::Factor::Passcode, false, ""}).starts_with("Rackspace"));
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

TEST(TimeOfDay, has_the_date_on_another_day) {
    STRCMP_EQUAL("2026-01-16 00:10", time_of_day(noon + 12h + 10min, noon).c_str());
    STRCMP_EQUAL("2027-01-15 12:00", time_of_day(noon + 365 * 24h, noon).c_str());
}
