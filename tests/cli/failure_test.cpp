// SPDX-License-Identifier: Apache-2.0
#include "cli/failure.h"

#include "common/bus_contract.h"

#include <CppUTest/TestHarness.h>
#include <systemd/sd-bus.h>

using namespace raxauth;
using namespace raxauth::cli;

TEST_GROUP(Failure){};

TEST(Failure, every_error_of_the_daemon_is_a_refusal_with_its_words_and_an_advice) {
    using namespace contract::error;
    for (const char* name : {kAccessDenied, kInvalidContext, kStaleSerial, kBusy, kLimitExceeded,
                             kNoToken, kNotManaged}) {
        const cli::Failure failure = failure_from_bus(name, "the daemon's words");
        LONGS_EQUAL_TEXT(static_cast<int>(ExitStatus::Refused), static_cast<int>(failure.status()),
                         name);
        STRCMP_EQUAL_TEXT("the daemon's words", failure.what(), name);
        CHECK_TEXT(!failure.advice().empty(), name);
    }
}

TEST(Failure, a_daemon_that_is_not_there_is_unreachable) {
    for (const char* name :
         {SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_NO_REPLY,
          SD_BUS_ERROR_TIMEOUT, SD_BUS_ERROR_DISCONNECTED,
          "org.freedesktop.DBus.Error.Spawn.ExecFailed", "org.freedesktop.systemd1.ShuttingDown"}) {
        const cli::Failure failure = failure_from_bus(name, "");
        LONGS_EQUAL_TEXT(static_cast<int>(ExitStatus::Unreachable),
                         static_cast<int>(failure.status()), name);
        STRCMP_CONTAINS_TEXT(name, failure.what(), name);
    }
}

TEST(Failure, is_told_by_the_name_alone) {
    const cli::Failure policy = failure_from_bus(SD_BUS_ERROR_ACCESS_DENIED, "anything");
    STRCMP_CONTAINS("root", policy.what());
    CHECK(std::string(policy.what()).find("anything") == std::string::npos);
    const cli::Failure nobodys = failure_from_bus(contract::error::kAccessDenied, "root only");
    CHECK(nobodys.advice().find("sudo") == std::string::npos);
}

TEST(Failure, terminal_escapes_in_a_message_are_taken_out) {
    const cli::Failure failure = failure_from_bus(contract::error::kNoToken, "a\x1b[2Jb\nc");
    STRCMP_EQUAL("a?[2Jb\nc", failure.what());
}

TEST(Failure, only_granted_is_done) {
    for (const State state : {State::Ask, State::Ignored, State::Denied, State::MaxTries,
                              State::Unavailable, State::UnknownUser, State::Expired}) {
        CHECK(status_of(state, Reason::MfaProven) != ExitStatus::Done);
    }
    CHECK(status_of(State::Granted, Reason::MfaProven) == ExitStatus::Done);
}

TEST(Failure, an_unreachable_identity_has_a_status_of_its_own) {
    CHECK(status_of(State::Unavailable, Reason::IdentityUnreachable) == ExitStatus::Unreachable);
    CHECK(status_of(State::Unavailable, Reason::IdentityFault) == ExitStatus::Unreachable);
    CHECK(status_of(State::Unavailable, Reason::Misconfigured) == ExitStatus::Refused);
    CHECK(status_of(State::Denied, Reason::IdentityUnreachable) == ExitStatus::Refused);
}

TEST(Failure, every_reason_has_an_advice) {
    for (const char* word : {"wrong-credentials", "no-binding", "lookup-failed", "exempt", ""}) {
        CHECK_TEXT(!advice_for(reason_from_word(word).value_or(Reason::InternalFault)).empty(),
                   word);
    }
    CHECK(advice_for(Reason::NoBinding) != advice_for(Reason::LookupFailed));
}
