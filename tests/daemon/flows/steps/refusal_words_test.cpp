// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/steps/refusal_words.h"
#include "tests/support/scripted_person.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using raxauth::testing::contains;
using Cause = identity::FactorRefusal::Cause;

TEST_GROUP(RefusalWords) {
    const identity::ProviderWords words{"Example", "Example Keystone", "the Example admin",
                                        "in the dashboard", "in the portal"};
    conversation::Verdict refusal(Cause cause, int status, std::string message = {}) {
        return flows::refusal_of(identity::FactorRefusal{cause, status, std::move(message), "more"},
                                 "a request", words);
    }
    static void check_says(const conversation::Verdict& verdict, const char* text) {
        CHECK_FALSE(verdict.messages.empty());
        CHECK_TRUE_TEXT(contains(verdict.messages[0].text, text), verdict.messages[0].text.c_str());
    }
};

TEST(RefusalWords, speak_of_the_provider_by_its_own_names) {
    check_says(flows::refusal_of(identity::Locked{}, words), "Example account is locked");
    check_says(flows::refusal_of(identity::Disabled{}, words), "Ask the Example admin.");
    check_says(flows::refusal_of(identity::SetupRequired{}, words),
               "Set it up in the dashboard, then try again.");
    check_says(flows::refusal_of(identity::PasswordExpired{}, words),
               "Change it in the portal, then try again.");
    check_says(flows::refusal_of(identity::Unreachable{}, words),
               "Example Keystone cannot be reached");
    check_says(flows::refusal_of(identity::Fault{}, words),
               "Example Keystone gave no usable answer");
    check_says(refusal(Cause::NotAllowed, 403), "Ask the Example admin.");
    check_says(refusal(Cause::Throttled, 429), "Example Keystone is refusing requests");
}

TEST(RefusalWords, make_no_yes_of_any_answer) {
    CHECK_TRUE(flows::refusal_of(identity::TokenIssued{}, words).state() == State::Denied);
    CHECK_TRUE(flows::refusal_of(identity::PasscodeRequired{}, words).state() ==
               State::Unavailable);
}

TEST(RefusalWords, quote_the_provider_but_no_telephone_number) {
    const conversation::Verdict quoted = refusal(Cause::Conflict, 409, "one phone only");
    check_says(quoted, "(Identity: one phone only)");
    STRCMP_EQUAL("a request: HTTP 409, one phone only", quoted.why.c_str());

    const conversation::Verdict silent =
        refusal(Cause::Conflict, 409, "+1 (512) 555-0100 is taken");
    CHECK_FALSE(contains(silent.messages[0].text, "555"));
    STRCMP_EQUAL("a request: HTTP 409, more", silent.why.c_str());
}
