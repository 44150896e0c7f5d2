// SPDX-License-Identifier: Apache-2.0
#include "pam/codes.h"
#include "pam/message.h"

#include <CppUTest/TestHarness.h>

#include <security/pam_modules.h>

using namespace raxauth;
using namespace raxauth::pam;

namespace {

constexpr int kBeyondOutcomes = static_cast<int>(Outcome::Fault) + 20;

} // namespace

TEST_GROUP(Codes){};

TEST(Codes, of_authenticate_are_the_contracts) {
    const struct {
        const char* name;
        Outcome outcome;
        int code;
        int code_if_ignoring;
    } rows[] = {
        {"granted", Outcome::Granted, PAM_SUCCESS, PAM_SUCCESS},
        {"denied", Outcome::Denied, PAM_AUTH_ERR, PAM_AUTH_ERR},
        {"max tries", Outcome::MaxTries, PAM_MAXTRIES, PAM_MAXTRIES},
        {"unavailable", Outcome::Unavailable, PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL},
        {"not ours", Outcome::NotOurs, PAM_USER_UNKNOWN, PAM_IGNORE},
        {"expired", Outcome::Expired, PAM_AUTH_ERR, PAM_AUTH_ERR},
        {"cancelled", Outcome::Cancelled, PAM_CONV_ERR, PAM_CONV_ERR},
        {"fault", Outcome::Fault, PAM_SYSTEM_ERR, PAM_SYSTEM_ERR},
    };
    for (const auto& row : rows) {
        CHECK_EQUAL_TEXT(row.code, authenticate_code(row.outcome, false), row.name);
        CHECK_EQUAL_TEXT(row.code_if_ignoring, authenticate_code(row.outcome, true), row.name);
    }
}

TEST(Codes, of_the_account_phase_are_the_contracts) {
    const struct {
        const char* name;
        Outcome outcome;
        int code;
        int code_if_ignoring;
    } rows[] = {
        {"granted", Outcome::Granted, PAM_SUCCESS, PAM_SUCCESS},
        {"denied", Outcome::Denied, PAM_PERM_DENIED, PAM_PERM_DENIED},
        {"max tries", Outcome::MaxTries, PAM_SYSTEM_ERR, PAM_SYSTEM_ERR},
        {"unavailable", Outcome::Unavailable, PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL},
        {"not ours", Outcome::NotOurs, PAM_USER_UNKNOWN, PAM_IGNORE},
        {"expired", Outcome::Expired, PAM_ACCT_EXPIRED, PAM_ACCT_EXPIRED},
        {"cancelled", Outcome::Cancelled, PAM_SYSTEM_ERR, PAM_SYSTEM_ERR},
        {"fault", Outcome::Fault, PAM_SYSTEM_ERR, PAM_SYSTEM_ERR},
    };
    for (const auto& row : rows) {
        CHECK_EQUAL_TEXT(row.code, account_code(row.outcome, false), row.name);
        CHECK_EQUAL_TEXT(row.code_if_ignoring, account_code(row.outcome, true), row.name);
    }
}

TEST(Codes, of_a_password_change_leave_others_to_the_next_module) {
    const struct {
        const char* name;
        Outcome outcome;
        int code;
    } rows[] = {
        {"granted", Outcome::Granted, PAM_SUCCESS},
        {"denied", Outcome::Denied, PAM_PERM_DENIED},
        {"max tries", Outcome::MaxTries, PAM_MAXTRIES},
        {"unavailable", Outcome::Unavailable, PAM_AUTHTOK_ERR},
        {"not ours", Outcome::NotOurs, PAM_IGNORE},
        {"expired", Outcome::Expired, PAM_PERM_DENIED},
        {"cancelled", Outcome::Cancelled, PAM_CONV_ERR},
        {"fault", Outcome::Fault, PAM_SYSTEM_ERR},
    };
    for (const auto& row : rows) {
        CHECK_EQUAL_TEXT(row.code, password_code(row.outcome), row.name);
    }
}

TEST(Codes, say_yes_for_one_outcome_alone_and_never_step_aside_by_mistake) {
    for (int i = 1; i < kBeyondOutcomes; ++i) {
        const auto outcome = static_cast<Outcome>(i); // also values that no enumerator has
        for (const bool ignoring : {false, true}) {
            for (const int code : {authenticate_code(outcome, ignoring),
                                   account_code(outcome, ignoring), password_code(outcome)}) {
                CHECK_TRUE(code != PAM_SUCCESS);
                CHECK_TRUE(code != PAM_IGNORE || outcome == Outcome::NotOurs);
            }
        }
    }
}

TEST(Codes, come_from_the_daemons_states) {
    const struct {
        State state;
        Outcome outcome;
    } rows[] = {
        {State::Ask, Outcome::Fault}, // no end where an end is due
        {State::Granted, Outcome::Granted},
        {State::Ignored, Outcome::NotOurs},
        {State::Denied, Outcome::Denied},
        {State::MaxTries, Outcome::MaxTries},
        {State::Unavailable, Outcome::Unavailable},
        {State::UnknownUser, Outcome::NotOurs},
        {State::Expired, Outcome::Expired},
        {static_cast<State>(77), Outcome::Fault},
    };
    for (const auto& row : rows) {
        CHECK_TRUE_TEXT(row.outcome == outcome_of(row.state), word(row.state).data());
    }
}
