// SPDX-License-Identifier: Apache-2.0
// Every answer Identity can give, at each of the two steps: what becomes of the sign-in, what the
// person is told, and what the limiter has counted afterwards.
#include "sign_in_world.h"

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using identity::Answer;
using identity::Rejected;

namespace {

struct Row {
    const char* name;
    ScriptedIdentity::MakeAnswer answer;
    State state;
    Reason reason;
    const char* told; ///< words that come with the verdict; null: nothing is told
    unsigned wrong_passwords = 0;
    unsigned challenges = 0;
    unsigned wrong_passcodes = 0;
};

template <class Alternative>
ScriptedIdentity::MakeAnswer always(Alternative answer) {
    return [answer] { return Answer{answer}; };
}
ScriptedIdentity::MakeAnswer rejected(Rejected::Cause cause) {
    return always(Rejected{cause});
}

constexpr const char* kSetUp = "is not set up yet";

void check_row(const SignInRun& run, SignInWorld& world, const Row& row) {
    run.check_ends(row.state, row.reason, row.name);
    if (row.told == nullptr) {
        STRCMP_EQUAL_TEXT("", run.verdict_text().c_str(), row.name);
    } else {
        CHECK_TRUE_TEXT(contains(run.verdict_text(), row.told), row.name);
        CHECK_TRUE_TEXT(run.verdict().messages.at(0).kind == contract::MessageKind::Error,
                        row.name);
    }
    // A stranger must not read the account map from what is said.
    CHECK_FALSE_TEXT(contains(run.all_text(), "alice.smith"), row.name);
    STRCMP_EQUAL_TEXT("alice.smith", run.trace().account.c_str(), row.name);
    const limits::Limiter::Counters counts = world.counts();
    UNSIGNED_LONGS_EQUAL_TEXT(row.wrong_passwords, counts.wrong_passwords, row.name);
    UNSIGNED_LONGS_EQUAL_TEXT(row.challenges, counts.challenges, row.name);
    UNSIGNED_LONGS_EQUAL_TEXT(row.wrong_passcodes, counts.wrong_passcodes, row.name);
    UNSIGNED_LONGS_EQUAL_TEXT(row.state == State::Granted ? 1 : 0, world.sessions.tickets(),
                              row.name);
    world.let_go_of_all();
    CHECK_TRUE_TEXT(world.revoker.balanced(), row.name);
    CHECK_TRUE_TEXT(world.identity.script_done(), row.name);
}

} // namespace

TEST_GROUP(SignInAnswers){static void check_step_1(const Row& row){SignInWorld world;
world.identity.at_step_1(row.answer);
SignInRun run(world);
run.person().when_asked_for("password", "secret");

run.start();

UNSIGNED_LONGS_EQUAL_TEXT(1, world.identity.calls.size(), row.name);
check_row(run, world, row);
}

static void check_step_2(const Row& row) {
    SignInWorld world;
    world.identity.challenges("session-1").at_step_2(row.answer);
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start();

    UNSIGNED_LONGS_EQUAL_TEXT(2, world.identity.calls.size(), row.name);
    check_row(run, world, row);
}

/// A proof of two factors by which nobody may sign in; as many tokens must end as were issued.
static void check_refused_proof(const Row& row, const Proof& proof,
                                void (*configure)(settings::Settings&)) {
    SignInWorld world;
    configure(world.settings);
    world.identity.challenges("session-1").at_step_2(world.token(proof));
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start();

    UNSIGNED_LONGS_EQUAL_TEXT(1, world.revoker.issued(), row.name);
    UNSIGNED_LONGS_EQUAL_TEXT(1, world.revoker.abandoned(), row.name);
    check_row(run, world, row);
}
}
;

TEST(SignInAnswers, each_at_step_1_has_its_verdict_its_words_and_its_count) {
    using Cause = Rejected::Cause;
    const Row rows[] = {
        {"wrong credentials", rejected(Cause::WrongCredentials), State::Denied,
         Reason::WrongCredentials, nullptr, 1},
        {"wrong passcode", rejected(Cause::WrongPasscode), State::Denied, Reason::WrongCredentials,
         nullptr},
        {"session expired", rejected(Cause::SessionExpired), State::Denied, Reason::SessionExpired,
         "start over"},
        {"access refused", rejected(Cause::AccessRefused), State::Denied, Reason::AccessRefused,
         "may not sign in here"},
        {"locked", always(identity::Locked{}), State::Denied, Reason::AccountLocked, "locked"},
        {"disabled", always(identity::Disabled{}), State::Denied, Reason::AccountDisabled,
         "disabled"},
        {"setup required", always(identity::SetupRequired{}), State::Denied,
         Reason::MfaSetupRequired, kSetUp},
        {"password expired", always(identity::PasswordExpired{}), State::Expired,
         Reason::PasswordExpired, "has expired"},
        {"throttled", always(identity::Throttled{}), State::Unavailable, Reason::Throttled,
         "try again"},
        {"throttled for a time", always(identity::Throttled{30s}), State::Unavailable,
         Reason::Throttled, "try again"},
        {"unreachable", always(identity::Unreachable{"refused", false}), State::Unavailable,
         Reason::IdentityUnreachable, "cannot be reached"},
        {"lost after sending", always(identity::Unreachable{"reset", true}), State::Unavailable,
         Reason::IdentityUnreachable, "cannot be reached", 0, 1},
        {"fault", always(identity::Fault{"502"}), State::Unavailable, Reason::IdentityFault,
         "no usable answer"},
    };
    for (const Row& row : rows) {
        check_step_1(row);
    }
}

TEST(SignInAnswers, each_at_step_2_has_its_verdict_its_words_and_its_count) {
    using Cause = Rejected::Cause;
    const Row rows[] = {
        {"session expired", rejected(Cause::SessionExpired), State::Denied, Reason::SessionExpired,
         "start over", 0, 1, 0},
        {"access refused", rejected(Cause::AccessRefused), State::Denied, Reason::AccessRefused,
         "may not sign in here", 0, 1, 1}, // the passcode may have been judged before the tenant
        {"locked", always(identity::Locked{}), State::Denied, Reason::AccountLocked, "locked", 0, 1,
         1},
        {"disabled", always(identity::Disabled{}), State::Denied, Reason::AccountDisabled,
         "disabled", 0, 1, 0},
        {"setup required", always(identity::SetupRequired{}), State::Denied,
         Reason::MfaSetupRequired, kSetUp, 0, 1, 1},
        {"password expired", always(identity::PasswordExpired{}), State::Expired,
         Reason::PasswordExpired, "has expired", 0, 1, 1},
        {"throttled", always(identity::Throttled{}), State::Unavailable, Reason::Throttled,
         "try again", 0, 1, 0},
        {"unreachable", always(identity::Unreachable{"refused", false}), State::Unavailable,
         Reason::IdentityUnreachable, "cannot be reached", 0, 1, 0},
        {"lost after sending", always(identity::Unreachable{"reset", true}), State::Unavailable,
         Reason::IdentityUnreachable, "cannot be reached", 0, 1, 1},
        {"fault", always(identity::Fault{"502"}), State::Unavailable, Reason::IdentityFault,
         "no usable answer", 0, 1, 1},
        {"a challenge", [] { return identity::PasscodeRequired{{Secret("session-2")}}; },
         State::Unavailable, Reason::IdentityFault, nullptr, 0, 1, 1},
    };
    for (const Row& row : rows) {
        check_step_2(row);
    }
}

TEST(SignInAnswers, a_token_for_both_factors_is_granted) {
    SignInWorld world;
    world.identity.challenges("session-1").at_step_2(world.token());
    SignInRun run(world);
    run.person().when_asked_for("password", "secret").when_asked_for("passcode", "1411594");

    run.start();

    check_row(run, world, {"token", {}, State::Granted, Reason::MfaProven, nullptr, 0, 0});
}

TEST(SignInAnswers, a_token_for_the_password_alone_is_refused_where_two_factors_are_wanted) {
    SignInWorld world;
    world.identity.at_step_1(world.token({.proven = kPasswordAlone}));
    SignInRun run(world);
    run.person().when_asked_for("password", "secret");

    run.start();

    UNSIGNED_LONGS_EQUAL(1, world.revoker.issued());
    UNSIGNED_LONGS_EQUAL(1, world.revoker.abandoned());
    check_row(run, world,
              {"password alone", {}, State::Denied, Reason::MfaRequired, "multi-factor"});
}

TEST(SignInAnswers, a_token_for_the_password_alone_is_refused_also_after_a_passcode) {
    const Row row{"password alone", {}, State::Denied, Reason::MfaRequired, "multi-factor", 0, 1};
    check_refused_proof(row, {.proven = kPasswordAlone}, [](settings::Settings&) {});
    check_refused_proof(row, {.proven = {false, false, true}}, [](settings::Settings&) {});
    check_refused_proof(row, {.proven = {}}, [](settings::Settings&) {});
    check_refused_proof(row, {.proven = {false, true, true}}, [](settings::Settings&) {});
}

TEST(SignInAnswers, a_token_of_the_wrong_user_domain_tenant_or_role_is_refused_and_revoked) {
    const auto row = [](const char* name) {
        return Row{name, {}, State::Denied, Reason::AccessRefused, "may not sign in here", 0, 1};
    };
    check_refused_proof(row("user"), {.name = "alice.smith2"}, [](settings::Settings&) {});
    check_refused_proof(row("domain"), {.domain = "666"}, [](settings::Settings& settings) {
        settings.access.domains = {"5821004"};
    });
    check_refused_proof(row("no domain"), {.domain = ""}, [](settings::Settings& settings) {
        settings.access.domains = {"5821004"};
    });
    check_refused_proof(row("tenant"), {.tenant_id = "2"},
                        [](settings::Settings& settings) { settings.accounts.tenant_id = "1"; });
    check_refused_proof(row("no tenant"), {},
                        [](settings::Settings& settings) { settings.accounts.tenant_id = "1"; });
    check_refused_proof(row("role"), {.roles = {{"7", "observer", ""}}},
                        [](settings::Settings& settings) { settings.access.roles = {"admin"}; });
    check_refused_proof(row("role of another tenant"), {.roles = {{"3", "admin", "2"}}},
                        [](settings::Settings& settings) { settings.access.roles = {"admin"}; });
    check_refused_proof(row("role of the service"), {.roles = {{"7", "observer", ""}}},
                        [](settings::Settings& settings) {
                            settings.services["sshd"].roles = std::vector<std::string>{"admin"};
                        });
}
