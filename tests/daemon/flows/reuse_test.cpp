// SPDX-License-Identifier: Apache-2.0
#include "daemon/flows/reuse.h"
#include "sign_in_world.h"

using namespace raxauth;
using namespace raxauth::testing;
using namespace std::chrono_literals;
using caller::Context;
using settings::Reuse;

/// alice signed in by ssh as alice.smith, in session 11, and asks in it for sudo.
TEST_GROUP(Reuse) {
    SignInWorld world;
    Context context = SignInWorld::ssh_login("");
    identity::Account account{"alice.smith", "", ""};

    void setup() override {
        context.service = "sudo";
        context.session.audit_session = 11;
        context.session.login_uid = 1001;
        context.session.real_uid = 1001;
        world.settings.services["sudo"].reuse = Reuse::All;
        world.settings.services["sudo"].reuse_for = 15min;
        auto judged = policy::judge(Proof{}.issue(world.revoker, world.clock), account, {});
        Context login = SignInWorld::ssh_login();
        const sessions::Grant grant = world.sessions.accept(
            std::get<policy::Admission>(std::move(judged)), login, account, 1001);
        login.session.audit_session = 11;
        login.session.login_uid = 1001;
        login.session.real_uid = 0;
        CHECK_TRUE(world.sessions.open(grant.ticket(), login, 0).has_value());
    }
    void teardown() override {
        world.let_go_of_all();
        CHECK_TRUE(world.revoker.balanced());
    }
    flows::ReuseDecision decide() {
        return flows::decide_reuse(context, 1001, account, world.settings.for_service("sudo"),
                                   world.settings.sessions, world.sessions, world.clock);
    }
    void check_none(const char* why) {
        const flows::ReuseDecision decision = decide();
        CHECK_TRUE(decision.mode == Reuse::None);
        CHECK_TRUE_TEXT(contains(decision.why, why), decision.why.c_str());
    }
};

TEST(Reuse, counts_in_the_very_session_for_as_long_as_the_service_says) {
    CHECK_TRUE(decide().mode == Reuse::All);

    world.clock.advance(15min);
    CHECK_TRUE(decide().mode == Reuse::All);

    world.clock.advance(1us);
    check_none("older than reuse_for");
}

TEST(Reuse, is_not_prolonged_by_a_wall_clock_that_is_set_back) {
    world.clock.advance(20min);
    world.clock.set_wall(-19min);

    check_none("older than reuse_for");
}

TEST(Reuse, ends_when_only_the_wall_clock_has_gone_on) { // the host slept
    world.clock.set_wall(16min);

    check_none("older than reuse_for");
}

TEST(Reuse, is_not_for_a_sign_in_that_lies_ahead_of_the_clock) {
    world.clock.set_wall(-1s);

    check_none("older than reuse_for");
}

TEST(Reuse, is_for_the_account_that_is_configured_now) {
    account.name = "somebody.else"; // [accounts.map] was changed
    check_none("another account");

    account = {"alice.smith", "123456", ""};
    check_none("another account");
}
