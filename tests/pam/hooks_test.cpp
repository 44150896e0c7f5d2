// SPDX-License-Identifier: Apache-2.0
// The hooks as libpam calls them, against a fake daemon on a real bus. "nobody" is a user of ours
// on every Debian: uid 65534.
#include "pam/hooks.h"

#include "fake_daemon.h"
#include "pam_application.h"

#include <CppUTest/TestHarness.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <new>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace raxauth;
using namespace raxauth::testing;

namespace {

const std::string kAuth = "auth required MODULE\n";
const std::string kWholeStack = "auth required MODULE\naccount required MODULE\n"
                                "session required MODULE\npassword required MODULE\n";

const Say kAskPassword = Say::ask({{"password", "Rackspace password: "}});
const Say kAskPasscode = Say::ask({{"secret", "Passcode: "}}, 2);
const Say kGranted = Say::verdict("granted", "mfa-proven");
const Say kOurs = Say::account("granted", "local-rules");
const char* const kDemanding = "raxauth-account-rules 1\nsign-in raxauth-test\nend\n";
const Say kGrantedWithTicket = Say::verdict("granted", "mfa-proven", {}, "t1cket");

std::size_t entries_of(const char* path) {
    std::size_t count = 0;
    DIR* const directory = ::opendir(path);
    while (::readdir(directory) != nullptr) {
        ++count;
    }
    ::closedir(directory);
    return count;
}

std::string environment_of(pam_handle_t* pamh, const char* name) {
    const char* const value = pam_getenv(pamh, name);
    return value != nullptr ? value : "(unset)";
}

} // namespace

TEST_GROUP(Authenticate) {
    PrivateBus bus;
};

TEST(Authenticate, signs_in_with_password_and_passcode) {
    FakeDaemon daemon(bus.address(), {kAskPassword, kAskPasscode, kGranted});
    PamApplication app(kAuth, "nobody", bus.address());
    app.conversation.answers = {"hunter2", "123456"};
    pam_set_item(app.handle(), PAM_RHOST, "192.0.2.7");
    pam_set_item(app.handle(), PAM_TTY, "ssh");

    CHECK_EQUAL(PAM_SUCCESS, pam_authenticate(app.handle(), 0));

    const auto calls = daemon.finish();
    CHECK_EQUAL(3U, calls.size());
    const auto& context = calls[0].context;
    STRCMP_EQUAL("nobody", std::get<std::string>(context.at("user")).c_str());
    STRCMP_EQUAL("raxauth-test", std::get<std::string>(context.at("service")).c_str());
    STRCMP_EQUAL("192.0.2.7", std::get<std::string>(context.at("remote-host")).c_str());
    STRCMP_EQUAL("ssh", std::get<std::string>(context.at("tty")).c_str());
    CHECK_EQUAL(::getuid(), std::get<std::uint32_t>(context.at("real-uid")));
    CHECK_EQUAL(65534U, std::get<std::uint32_t>(context.at("account-uid")));
    CHECK_TRUE(std::get<bool>(context.at("interactive")));
    CHECK_EQUAL(0U, context.count("no-reuse"));
    CHECK_EQUAL(0U, context.count("ticket"));
    CHECK_TRUE(calls[1].answers == std::vector<std::string>{"hunter2"});
    CHECK_TRUE(calls[2].answers == std::vector<std::string>{"123456"});
}

TEST(Authenticate, shows_texts_of_several_lines) {
    FakeDaemon daemon(bus.address(), {Say::ask({{"info", "\u2588\u2580\n\u2584\u2588\n"},
                                                {"secret", "Key JBSW. Code: "}}),
                                      kGranted});
    PamApplication app(kAuth, "nobody", bus.address());
    app.conversation.answers = {"123456"};

    CHECK_EQUAL(PAM_SUCCESS, pam_authenticate(app.handle(), 0));

    CHECK_TRUE((app.conversation.lines() ==
                std::vector<std::string>{"i\u2588\u2580\n\u2584\u2588\n", "?Key JBSW. Code: "}));
}

TEST(Authenticate, turns_every_verdict_into_the_contracts_code) {
    const struct {
        const char* state;
        int code;
        int code_if_ignoring; // a stack of nothing but PAM_IGNORE reads as PAM_PERM_DENIED
    } rows[] = {
        {"granted", PAM_SUCCESS, PAM_SUCCESS},
        {"ignored", PAM_USER_UNKNOWN, PAM_PERM_DENIED},
        {"unknown-user", PAM_USER_UNKNOWN, PAM_PERM_DENIED},
        {"denied", PAM_AUTH_ERR, PAM_AUTH_ERR},
        {"max-tries", PAM_MAXTRIES, PAM_MAXTRIES},
        {"unavailable", PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL},
        {"expired", PAM_AUTH_ERR, PAM_AUTH_ERR},
        {"success", PAM_SYSTEM_ERR, PAM_SYSTEM_ERR},
        {"", PAM_SYSTEM_ERR, PAM_SYSTEM_ERR},
    };
    for (const auto& row : rows) {
        FakeDaemon daemon(bus.address(), {Say::verdict(row.state, "any")});
        PamApplication app(kAuth, "nobody", bus.address());
        CHECK_EQUAL_TEXT(row.code, pam_authenticate(app.handle(), 0), row.state);

        PamApplication ignoring("auth required MODULE user_unknown=ignore\n", "nobody",
                                bus.address());
        CHECK_EQUAL_TEXT(row.code_if_ignoring, pam_authenticate(ignoring.handle(), 0), row.state);
    }
}

TEST(Authenticate, leaves_root_and_the_exempt_to_others_without_a_bus) {
    const struct {
        const char* user;
        const char* options;
    } rows[] = {
        {"root", ""},
        {"daemon", ""}, // uid 1
        {"nobody", "minimum_uid=65535"},
        {"nobody", "exempt_user=nobody"},
        {"nobody", "exempt_group=nogroup"},
    };
    for (const auto& row : rows) {
        FakeDaemon daemon(bus.address(), {kGranted});
        std::string stack;
        for (const char* type : {"auth", "account", "password"}) {
            stack += std::string(type) + " required MODULE " + row.options + "\n";
        }
        PamApplication app(stack, row.user, bus.address());
        app.conversation.answers = {"new", "new"};

        CHECK_EQUAL_TEXT(PAM_USER_UNKNOWN, pam_authenticate(app.handle(), 0), row.options);
        CHECK_EQUAL_TEXT(PAM_USER_UNKNOWN, pam_acct_mgmt(app.handle(), 0), row.options);
        CHECK_EQUAL_TEXT(PAM_PERM_DENIED, pam_setcred(app.handle(), PAM_ESTABLISH_CRED),
                         row.options); // PAM_IGNORE alone
        CHECK_EQUAL_TEXT(0, app.conversation.calls, row.options);
        CHECK_TRUE_TEXT(daemon.finish().empty(), row.options);
    }
}

TEST(Authenticate, refuses_a_name_that_is_none_without_a_bus) {
    for (const char* name : {"-x", "a b", "../root", "x\ny"}) {
        FakeDaemon daemon(bus.address(), {kGranted});
        PamApplication app(kWholeStack, name, bus.address());

        CHECK_EQUAL_TEXT(PAM_AUTH_ERR, pam_authenticate(app.handle(), 0), name);
        CHECK_EQUAL_TEXT(PAM_PERM_DENIED, pam_acct_mgmt(app.handle(), 0), name);
        CHECK_TRUE_TEXT(daemon.finish().empty(), name);
    }
}

TEST(Authenticate, asks_the_daemon_about_names_nobody_knows) {
    FakeDaemon daemon(bus.address(), {kAskPassword, Say::verdict("denied", "unknown-user")});
    PamApplication app(kAuth, "no-such-user", bus.address());
    app.conversation.answers = {"hunter2"};

    CHECK_EQUAL(PAM_AUTH_ERR, pam_authenticate(app.handle(), 0));
    CHECK_EQUAL(2U, daemon.finish().size());
}

TEST(Authenticate, is_unavailable_without_bus_or_daemon) {
    PamApplication no_daemon(kAuth, "nobody", bus.address());
    PamApplication no_bus(kAuth, "nobody", "unix:path=/nonexistent");

    CHECK_EQUAL(PAM_AUTHINFO_UNAVAIL, pam_authenticate(no_bus.handle(), 0));
    ::setenv("RAXAUTH_TEST_BUS", bus.address(), 1);
    CHECK_EQUAL(PAM_AUTHINFO_UNAVAIL, pam_authenticate(no_daemon.handle(), 0));
}

TEST(Authenticate, tells_the_daemon_of_a_cancel_and_nothing_else) {
    FakeDaemon daemon(bus.address(), {kAskPassword, kAskPasscode, kGranted});
    PamApplication app(kAuth, "nobody", bus.address());
    // At the second question: before the first answer the channel may not be up, and hanging up
    // says it all.
    app.conversation.answers = {"hunter2", std::nullopt};

    CHECK_EQUAL(PAM_CONV_ERR, pam_authenticate(app.handle(), 0));

    const auto calls = daemon.finish(3);
    CHECK_EQUAL(3U, calls.size());
    STRCMP_EQUAL("Cancel", calls[2].member.c_str());
}

TEST(Authenticate, shares_the_typed_password_with_later_modules) {
    FakeDaemon daemon(bus.address(), {kAskPassword, kGranted, kAskPassword, kGranted});
    PamApplication app("auth required MODULE\nauth required MODULE use_first_pass no_reuse\n",
                       "nobody", bus.address());
    app.conversation.answers = {"hunter2"};

    CHECK_EQUAL(PAM_SUCCESS, pam_authenticate(app.handle(), 0));

    const auto calls = daemon.finish();
    CHECK_EQUAL(4U, calls.size());
    CHECK_TRUE(std::get<bool>(calls[2].context.at("no-reuse")));
    CHECK_TRUE(calls[3].answers == std::vector<std::string>{"hunter2"});
    CHECK_EQUAL(1, app.conversation.calls);
}

TEST(Authenticate, refuses_when_the_user_changes_while_the_person_types) {
    FakeDaemon daemon(bus.address(), {kAskPassword, kGrantedWithTicket});
    PamApplication app(kWholeStack, "nobody", bus.address());
    app.conversation.answers = {"hunter2"};
    app.conversation.what = app.handle();
    app.conversation.during = [](void* pamh) {
        pam_set_item(static_cast<pam_handle_t*>(pamh), PAM_USER, "root");
    };

    CHECK_EQUAL(PAM_AUTH_ERR, pam_authenticate(app.handle(), 0));
    STRCMP_EQUAL("(unset)", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
}

TEST(Authenticate, forgets_the_last_sign_in_of_the_handle) {
    FakeDaemon daemon(bus.address(), {kGrantedWithTicket, Say::verdict("denied", "throttled"),
                                      Say::account("granted", "local-rules")});
    PamApplication app(kWholeStack, "nobody", bus.address());

    CHECK_EQUAL(PAM_SUCCESS, pam_authenticate(app.handle(), 0));
    CHECK_EQUAL(PAM_AUTH_ERR, pam_authenticate(app.handle(), 0));
    STRCMP_EQUAL("(unset)", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
    CHECK_EQUAL(PAM_SUCCESS, pam_acct_mgmt(app.handle(), 0));

    CHECK_EQUAL(0U, daemon.finish()[2].context.count("signed-in"));
}

TEST_GROUP(Account) {
    PrivateBus bus;
};

TEST(Account, turns_every_verdict_into_the_contracts_code) {
    const struct {
        const char* state;
        int code;
    } rows[] = {
        {"granted", PAM_SUCCESS},           {"ignored", PAM_USER_UNKNOWN},
        {"unknown-user", PAM_USER_UNKNOWN}, {"denied", PAM_PERM_DENIED},
        {"expired", PAM_ACCT_EXPIRED},      {"unavailable", PAM_AUTHINFO_UNAVAIL},
        {"max-tries", PAM_SYSTEM_ERR},      {"ask", PAM_SYSTEM_ERR},
        {"nonsense", PAM_SYSTEM_ERR},
    };
    for (const auto& row : rows) {
        FakeDaemon daemon(bus.address(), {Say::account(row.state, "any")});
        PamApplication app(kWholeStack, "nobody", bus.address());
        app.write_account_rules(kDemanding);

        CHECK_EQUAL_TEXT(row.code, pam_acct_mgmt(app.handle(), 0), row.state);
    }
}

TEST(Account, goes_on_without_a_daemon_where_the_service_demands_nothing) {
    const struct {
        const char* rules; // null: none were ever written down
        int code;
    } rows[] = {
        {nullptr, PAM_SUCCESS},
        {"raxauth-account-rules 1\nsign-in sshd\nend\n", PAM_SUCCESS},
        {kDemanding, PAM_AUTHINFO_UNAVAIL},
        {"raxauth-account-rules 1\nsign-in *\nend\n", PAM_AUTHINFO_UNAVAIL},
        {"damaged", PAM_AUTHINFO_UNAVAIL},
    };
    for (const auto& row : rows) {
        PamApplication no_daemon(kWholeStack, "nobody", bus.address());
        PamApplication no_bus(kWholeStack, "nobody", "unix:path=/nonexistent");
        PamApplication misconfigured(kWholeStack, "nobody", bus.address());
        for (PamApplication* app : {&no_daemon, &no_bus, &misconfigured}) {
            if (row.rules != nullptr) {
                app->write_account_rules(row.rules);
            }
        }
        // the last one has set the environment
        CHECK_EQUAL(row.code, pam_acct_mgmt(misconfigured.handle(), PAM_SILENT));
        FakeDaemon daemon(bus.address(), {Say::account("unavailable", "misconfigured")});
        CHECK_EQUAL(row.code, pam_acct_mgmt(misconfigured.handle(), PAM_SILENT));
        CHECK_EQUAL(1U, daemon.finish().size());
    }
}

TEST(Account, goes_on_without_a_daemon_for_users_of_ours_only_and_after_no_fault) {
    PamApplication unknown(kWholeStack, "no-such-user", bus.address());
    CHECK_EQUAL(PAM_AUTHINFO_UNAVAIL, pam_acct_mgmt(unknown.handle(), 0));

    for (const char* state : {"denied", "nonsense", "ask", "max-tries"}) {
        FakeDaemon daemon(bus.address(), {Say::account(state, "any")});
        PamApplication app(kWholeStack, "nobody", bus.address());
        CHECK_TRUE_TEXT(pam_acct_mgmt(app.handle(), 0) != PAM_SUCCESS, state);
    }
}

TEST(Account, is_unavailable_to_a_process_that_may_not_ask) {
    FakeDaemon daemon(bus.address(), {Say::error("org.raxauth.Auth1.Error.AccessDenied")});
    PamApplication app(kWholeStack, "nobody", bus.address());
    app.write_account_rules(kDemanding);

    CHECK_EQUAL(PAM_AUTHINFO_UNAVAIL, pam_acct_mgmt(app.handle(), 0));
    CHECK_EQUAL(PAM_AUTHINFO_UNAVAIL, pam_authenticate(app.handle(), 0));
}

TEST(Account, knows_whether_this_transaction_signed_in_this_user) {
    FakeDaemon daemon(bus.address(), {Say::account("granted", "local-rules"), kGranted,
                                      Say::account("granted", "local-rules")});
    PamApplication app(kWholeStack, "nobody", bus.address());

    CHECK_EQUAL(PAM_SUCCESS, pam_acct_mgmt(app.handle(), 0));
    CHECK_EQUAL(PAM_SUCCESS, pam_authenticate(app.handle(), 0));
    CHECK_EQUAL(PAM_SUCCESS, pam_acct_mgmt(app.handle(), 0));
    // Another module may have let the same person in meanwhile, without a word to ours.
    CHECK_EQUAL(PAM_SUCCESS, pam_acct_mgmt(app.handle(), 0));
    pam_set_item(app.handle(), PAM_USER, "no-such-user");
    CHECK_EQUAL(PAM_SUCCESS, pam_acct_mgmt(app.handle(), 0));

    const auto calls = daemon.finish();
    CHECK_EQUAL(0U, calls[0].context.count("signed-in"));
    CHECK_TRUE(std::get<bool>(calls[2].context.at("signed-in")));
    CHECK_EQUAL(0U, calls[3].context.count("signed-in"));
    CHECK_EQUAL(0U, calls[4].context.count("signed-in"));
}

TEST(Account, of_another_user_uses_the_sign_in_up) {
    FakeDaemon daemon(bus.address(), {kGranted, Say::account("granted", "local-rules")});
    PamApplication app(kWholeStack, "nobody", bus.address());

    CHECK_EQUAL(PAM_SUCCESS, pam_authenticate(app.handle(), 0));
    pam_set_item(app.handle(), PAM_USER, "no-such-user");
    CHECK_EQUAL(PAM_SUCCESS, pam_acct_mgmt(app.handle(), 0));
    pam_set_item(app.handle(), PAM_USER, "nobody");
    CHECK_EQUAL(PAM_SUCCESS, pam_acct_mgmt(app.handle(), 0));

    for (const auto& call : daemon.finish()) {
        CHECK_EQUAL(0U, call.context.count("signed-in"));
    }
}

TEST(Account, says_why_and_when_silent_no_more_than_why) {
    FakeDaemon daemon(bus.address(), {Say::account("denied", "no-sign-in",
                                                   {{"info", "Welcome."},
                                                    {"error", "Sign in with a password."},
                                                    {"secret", "not to be asked here"}})});
    PamApplication app(kWholeStack, "nobody", bus.address());

    CHECK_EQUAL(PAM_PERM_DENIED, pam_acct_mgmt(app.handle(), PAM_SILENT));
    CHECK_TRUE(app.conversation.lines() == std::vector<std::string>{"eSign in with a password."});
    app.conversation.shown.clear();
    CHECK_EQUAL(PAM_PERM_DENIED, pam_acct_mgmt(app.handle(), 0));
    CHECK_TRUE((app.conversation.lines() ==
                std::vector<std::string>{"iWelcome.", "eSign in with a password."}));
}

TEST_GROUP(Session) {
    PrivateBus bus;
    const Say opened = Say::session("handle-1", {{"RAXAUTH_SESSION", "5"}});
};

TEST(Session, is_opened_with_the_ticket_and_closed_with_the_handle) {
    FakeDaemon daemon(bus.address(), {kGrantedWithTicket, opened, Say::done()});
    PamApplication app(kWholeStack, "nobody", bus.address());

    CHECK_EQUAL(PAM_SUCCESS, pam_authenticate(app.handle(), 0));
    STRCMP_EQUAL("t1cket", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
    CHECK_EQUAL(PAM_SUCCESS, pam_open_session(app.handle(), 0));
    STRCMP_EQUAL("(unset)", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
    STRCMP_EQUAL("5", environment_of(app.handle(), "RAXAUTH_SESSION").c_str());
    CHECK_EQUAL(PAM_SUCCESS, pam_close_session(app.handle(), 0));
    CHECK_EQUAL(PAM_SUCCESS, pam_close_session(app.handle(), 0));
    CHECK_EQUAL(PAM_SUCCESS, pam_open_session(app.handle(), 0));

    const auto calls = daemon.finish();
    CHECK_EQUAL(3U, calls.size()); // the second close and open had nothing to say
    STRCMP_EQUAL("OpenSession", calls[1].member.c_str());
    STRCMP_EQUAL("t1cket", std::get<std::string>(calls[1].context.at("ticket")).c_str());
    STRCMP_EQUAL("nobody", std::get<std::string>(calls[1].context.at("user")).c_str());
    STRCMP_EQUAL("CloseSession", calls[2].member.c_str());
    STRCMP_EQUAL("handle-1", calls[2].handle.c_str());
}

TEST(Session, keeps_the_ticket_out_of_the_environment_from_setcred_on) {
    FakeDaemon daemon(bus.address(), {kGrantedWithTicket, opened});
    PamApplication app(kWholeStack, "nobody", bus.address());
    pam_authenticate(app.handle(), 0);

    CHECK_EQUAL(PAM_SUCCESS, pam_setcred(app.handle(), PAM_ESTABLISH_CRED));
    STRCMP_EQUAL("(unset)", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
    CHECK_EQUAL(PAM_SUCCESS, pam_open_session(app.handle(), 0));

    STRCMP_EQUAL("t1cket", std::get<std::string>(daemon.finish()[1].context.at("ticket")).c_str());
}

TEST(Session, gets_its_ticket_from_sshds_other_process) {
    // sshd's monitor: the child's environment, none of its data; setcred before open_session.
    FakeDaemon daemon(bus.address(), {opened, Say::done()});
    PamApplication app(kWholeStack, "nobody", bus.address());
    pam_putenv(app.handle(), "RAXAUTH_TICKET=t1cket");

    CHECK_EQUAL(PAM_SUCCESS, pam_setcred(app.handle(), PAM_ESTABLISH_CRED));
    STRCMP_EQUAL("t1cket", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
    CHECK_EQUAL(PAM_SUCCESS, pam_open_session(app.handle(), 0));
    STRCMP_EQUAL("(unset)", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());

    STRCMP_EQUAL("t1cket", std::get<std::string>(daemon.finish()[0].context.at("ticket")).c_str());
}

TEST(Session, ticket_that_nobody_redeemed_does_not_reach_the_shell) {
    for (const int flag : {PAM_REINITIALIZE_CRED, PAM_REFRESH_CRED, PAM_DELETE_CRED}) {
        PamApplication app(kWholeStack, "nobody", bus.address());
        pam_putenv(app.handle(), "RAXAUTH_TICKET=t1cket");

        CHECK_EQUAL(PAM_SUCCESS, pam_setcred(app.handle(), flag));
        STRCMP_EQUAL("(unset)", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
    }
}

TEST(Session, ticket_that_nobody_redeemed_does_not_reach_the_shell_from_sshd) {
    // Without a session line of ours: setcred in the monitor, then in the fork that becomes the
    // shell, both to establish.
    PamApplication app(kWholeStack, "nobody", bus.address());
    pam_putenv(app.handle(), "RAXAUTH_TICKET=t1cket");

    CHECK_EQUAL(PAM_SUCCESS, pam_setcred(app.handle(), PAM_ESTABLISH_CRED));
    STRCMP_EQUAL("t1cket", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
    CHECK_EQUAL(PAM_SUCCESS, pam_setcred(app.handle(), PAM_ESTABLISH_CRED));
    STRCMP_EQUAL("(unset)", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
}

TEST(Session, takes_no_ticket_that_is_none) {
    FakeDaemon daemon(bus.address(), {opened});
    for (const char* value : {"", "a b", "a\xFF", "a=b"}) {
        PamApplication app(kWholeStack, "nobody", bus.address());
        pam_putenv(app.handle(), ("RAXAUTH_TICKET=" + std::string(value)).c_str());

        CHECK_EQUAL(PAM_SUCCESS, pam_open_session(app.handle(), 0));
        STRCMP_EQUAL("(unset)", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
    }
    CHECK_TRUE(daemon.finish().empty());
}

TEST(Session, of_another_user_is_none_of_ours) {
    // sudo: PAM_USER becomes the target before setcred and session.
    FakeDaemon daemon(bus.address(), {kGrantedWithTicket, opened});
    PamApplication app(kWholeStack, "nobody", bus.address());
    pam_authenticate(app.handle(), 0);
    pam_set_item(app.handle(), PAM_USER, "root");

    CHECK_EQUAL(PAM_SUCCESS, pam_setcred(app.handle(), PAM_ESTABLISH_CRED));
    CHECK_EQUAL(PAM_SUCCESS, pam_open_session(app.handle(), 0));
    CHECK_EQUAL(PAM_SUCCESS, pam_close_session(app.handle(), 0));

    CHECK_EQUAL(1U, daemon.finish().size());
}

TEST(Session, without_a_ticket_needs_no_bus) {
    FakeDaemon daemon(bus.address(), {opened});
    PamApplication app(kWholeStack, "nobody", bus.address());

    CHECK_EQUAL(PAM_SUCCESS, pam_open_session(app.handle(), 0));
    CHECK_EQUAL(PAM_SUCCESS, pam_close_session(app.handle(), 0));

    CHECK_TRUE(daemon.finish().empty());
}

TEST(Session, that_the_daemon_refuses_is_an_error_of_the_session_alone) {
    FakeDaemon daemon(bus.address(), {Say::error("org.raxauth.Auth1.Error.AccessDenied")});
    PamApplication app(kWholeStack, "nobody", bus.address());
    pam_putenv(app.handle(), "RAXAUTH_TICKET=t1cket");

    CHECK_EQUAL(PAM_SESSION_ERR, pam_open_session(app.handle(), 0));
    STRCMP_EQUAL("(unset)", environment_of(app.handle(), "RAXAUTH_TICKET").c_str());
    pam_close_session(app.handle(), 0); // its code is libpam's, which remembers the failed open
    CHECK_EQUAL(1U, daemon.finish().size());
}

TEST(Session, is_closed_by_the_process_that_opened_it_alone) {
    FakeDaemon daemon(bus.address(), {opened, Say::done()});
    PamApplication app(kWholeStack, "nobody", bus.address());
    pam_putenv(app.handle(), "RAXAUTH_TICKET=t1cket");
    pam_open_session(app.handle(), 0);

    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(pam_close_session(app.handle(), 0));
    }
    int status = -1;
    ::waitpid(child, &status, 0);

    CHECK_EQUAL(PAM_SUCCESS, WEXITSTATUS(status));
    CHECK_EQUAL(1U, daemon.finish().size());
}

TEST_GROUP(SetCredentials) {
    PrivateBus bus;
};

TEST(SetCredentials, asks_nobody_and_knows_its_users) {
    FakeDaemon daemon(bus.address(), {kGranted});
    const struct {
        const char* user;
        int code;
    } rows[] = {
        {"nobody", PAM_SUCCESS},           // sshd's monitor knows of no sign-in
        {"root", PAM_PERM_DENIED},         // a lone PAM_IGNORE
        {"no-such-user", PAM_PERM_DENIED}, // the same
    };
    for (const auto& row : rows) {
        PamApplication app(kAuth, row.user, bus.address());
        for (const int flag :
             {PAM_ESTABLISH_CRED, PAM_REINITIALIZE_CRED, PAM_REFRESH_CRED, PAM_DELETE_CRED}) {
            CHECK_EQUAL_TEXT(row.code, pam_setcred(app.handle(), flag), row.user);
        }
    }
    CHECK_TRUE(daemon.finish().empty());
}

TEST_GROUP(PasswordChange) {
    PrivateBus bus{"/bin/false"}; // activatable, as the real one is
    uid_t saved_uid = ::getuid();

    /// passwd(1) is setuid: the person's own process, with root's rights.
    void setup() override {
        be(65534);
    }
    void teardown() override {
        be(saved_uid);
    }
    static void be(uid_t real_uid) {
        if (::geteuid() == 0) {
            CHECK_EQUAL(0, ::setresuid(real_uid, 0, 0));
        }
    }
};

TEST(PasswordChange, by_root_for_somebody_else_is_the_next_modules) {
    be(0);
    FakeDaemon daemon(bus.address(), {kGranted});
    PamApplication app("password [success=done ignore=ignore default=die] MODULE\n"
                       "password required pam_permit.so use_authtok\n",
                       "nobody", bus.address());
    app.conversation.answers = {"new-1", "new-1"};

    CHECK_EQUAL(PAM_SUCCESS, pam_chauthtok(app.handle(), 0));

    CHECK_EQUAL(2U, app.conversation.shown.size()); // the new one, twice, for who comes next
    CHECK_TRUE(daemon.finish().empty());
}

TEST(PasswordChange, is_a_dialogue_with_the_daemon) {
    FakeDaemon daemon(bus.address(),
                      {kOurs,
                       Say::ask({{"password", "Current password: "},
                                 {"secret", "New password: "},
                                 {"secret", "Again: "}}),
                       Say::verdict("granted", "password-changed", {{"info", "Changed."}})});
    PamApplication app(kWholeStack, "nobody", bus.address());
    app.conversation.answers = {"old", "new", "new"};

    CHECK_EQUAL(PAM_SUCCESS, pam_chauthtok(app.handle(), 0));

    const auto calls = daemon.finish();
    CHECK_EQUAL(3U, calls.size());
    STRCMP_EQUAL("CheckAccount", calls[0].member.c_str());
    STRCMP_EQUAL("BeginPasswordChange", calls[1].member.c_str());
    CHECK_TRUE((calls[2].answers == std::vector<std::string>{"old", "new", "new"}));
}

TEST(PasswordChange, is_refused_where_the_daemon_refuses) {
    FakeDaemon daemon(bus.address(), {kOurs, Say::verdict("denied", "not-supported")});
    PamApplication app(kWholeStack, "nobody", bus.address());

    CHECK_EQUAL(PAM_PERM_DENIED, pam_chauthtok(app.handle(), 0));
}

TEST(PasswordChange, tells_why_it_is_refused) {
    FakeDaemon daemon(bus.address(),
                      {kOurs, Say::verdict("denied", "not-supported",
                                           {{"error", "Only nobody can change this password."}})});
    PamApplication app(kWholeStack, "nobody", bus.address());

    CHECK_EQUAL(PAM_PERM_DENIED, pam_chauthtok(app.handle(), 0));

    CHECK_TRUE((app.conversation.lines() ==
                std::vector<std::string>{"eOnly nobody can change this password."}));
}

TEST(PasswordChange, asks_nothing_when_the_daemon_cannot_be_reached) {
    PamApplication app(kWholeStack, "nobody", bus.address());

    CHECK_EQUAL(PAM_AUTHTOK_ERR, pam_chauthtok(app.handle(), 0));
    CHECK_EQUAL(0, app.conversation.calls);
}

TEST(PasswordChange, of_whom_the_configuration_exempts_is_the_next_modules_in_both_phases) {
    // A yes in the first phase would jump over the next module's, which asks for the present one.
    FakeDaemon daemon(bus.address(),
                      {Say::account("ignored", "exempt"), Say::verdict("ignored", "exempt")});
    PamApplication app("password [success=done ignore=ignore default=die] MODULE\n"
                       "password required pam_permit.so use_authtok\n",
                       "nobody", bus.address());
    app.conversation.answers = {"new-1", "new-1"};

    CHECK_EQUAL(PAM_SUCCESS, pam_chauthtok(app.handle(), 0));

    CHECK_EQUAL(2U, app.conversation.shown.size()); // the new one, twice, for who comes next
    CHECK_EQUAL(2U, daemon.finish().size());
}

TEST(PasswordChange, of_others_gets_the_new_password_for_the_next_module) {
    // use_authtok, as pam-auth-update writes it behind the first module: no question of its own.
    FakeDaemon daemon(bus.address(), {kGranted});
    PamApplication app("password [success=done ignore=ignore default=die] MODULE\n"
                       "password required pam_permit.so use_authtok\n",
                       "root", bus.address());
    app.conversation.answers = {"new-1", "new-1"};

    CHECK_EQUAL(PAM_SUCCESS, pam_chauthtok(app.handle(), 0));

    CHECK_EQUAL(2U, app.conversation.shown.size());
    CHECK_TRUE(daemon.finish().empty());
}

TEST(PasswordChange, of_others_ends_when_the_new_ones_differ) {
    PamApplication app("password [success=done ignore=ignore default=die] MODULE\n"
                       "password required pam_permit.so\n",
                       "root", bus.address());
    app.conversation.answers = {"new-1", "new-2"};

    CHECK_TRUE(pam_chauthtok(app.handle(), 0) != PAM_SUCCESS);
}

TEST(PasswordChange, that_another_module_demands_is_its_own) {
    FakeDaemon daemon(bus.address(), {kGranted});
    PamApplication app("password [success=done ignore=ignore default=die] MODULE\n"
                       "password required pam_permit.so\n",
                       "nobody", bus.address());
    app.conversation.answers = {"new", "new"};

    CHECK_EQUAL(PAM_SUCCESS, pam_chauthtok(app.handle(), PAM_CHANGE_EXPIRED_AUTHTOK));
    CHECK_TRUE(daemon.finish().empty());
}

/// What a module may leave behind in sshd, sudo or a greeter: nothing.
TEST_GROUP(GoodGuest) {
    PrivateBus bus;
    PamApplication app{kAuth, "nobody", bus.address()};

    /// The fake daemon comes and goes within, so that its descriptors are not taken for the
    /// module's.
    int sign_in() {
        FakeDaemon daemon(bus.address(), {kAskPassword, kAskPasscode, kGranted});
        app.conversation.answers = {"hunter2", "123456"};
        return pam_authenticate(app.handle(), 0);
    }
};

TEST(GoodGuest, leaves_the_process_as_it_was) {
    struct sigaction before[NSIG]{};
    for (int i = 1; i < NSIG; ++i) {
        ::sigaction(i, nullptr, &before[i]);
    }
    sigset_t mask_before;
    sigset_t mask_after;
    ::sigprocmask(SIG_SETMASK, nullptr, &mask_before);
    const mode_t umask_before = ::umask(0123);
    const std::size_t descriptors = entries_of("/proc/self/fd");
    const std::size_t threads = entries_of("/proc/self/task");

    const int code = sign_in();

    CHECK_EQUAL(PAM_SUCCESS, code);
    CHECK_EQUAL(descriptors, entries_of("/proc/self/fd"));
    CHECK_EQUAL(threads, entries_of("/proc/self/task"));
    CHECK_EQUAL(static_cast<mode_t>(0123), ::umask(umask_before));
    ::sigprocmask(SIG_SETMASK, nullptr, &mask_after);
    for (int i = 1; i < NSIG; ++i) {
        struct sigaction after{};
        ::sigaction(i, nullptr, &after);
        CHECK_TRUE(before[i].sa_handler == after.sa_handler);
        CHECK_EQUAL(::sigismember(&mask_before, i), ::sigismember(&mask_after, i));
    }
}

TEST(GoodGuest, starts_no_thread_and_keeps_clear_of_closed_standard_streams) {
    struct Seen {
        std::size_t threads = 0;
        bool taken_by_null[3] = {};
    } seen;
    app.conversation.what = &seen;
    app.conversation.during = [](void* what) {
        auto& noted = *static_cast<Seen*>(what);
        noted.threads = entries_of("/proc/self/task");
        for (int fd = 0; fd < 3; ++fd) {
            char target[64] = {};
            const std::string link = "/proc/self/fd/" + std::to_string(fd);
            static_cast<void>(!::readlink(link.c_str(), target, sizeof target - 1));
            noted.taken_by_null[fd] = std::strcmp(target, "/dev/null") == 0;
        }
    };
    FakeDaemon daemon(bus.address(), {kAskPassword, kAskPasscode, kGranted});
    app.conversation.answers = {"hunter2", "123456"};
    const std::size_t threads = entries_of("/proc/self/task");
    int saved[3];
    for (int fd = 0; fd < 3; ++fd) {
        saved[fd] = ::fcntl(fd, F_DUPFD_CLOEXEC, 100);
        ::close(fd);
    }

    const int code = pam_authenticate(app.handle(), 0);

    bool closed[3];
    for (int fd = 0; fd < 3; ++fd) {
        closed[fd] = ::fcntl(fd, F_GETFD) < 0;
        ::dup2(saved[fd], fd);
        ::close(saved[fd]);
    }
    CHECK_EQUAL(PAM_SUCCESS, code);
    CHECK_EQUAL(threads, seen.threads);
    for (int fd = 0; fd < 3; ++fd) {
        CHECK_TRUE(seen.taken_by_null[fd]);
        CHECK_TRUE(closed[fd]);
    }
}

TEST(GoodGuest, lets_no_descriptor_be_inherited_while_the_person_types) {
    struct Seen {
        std::size_t open = 0;
        int inheritable = 0;

        void look() {
            open = entries_of("/proc/self/fd");
            inheritable = 0;
            for (int fd = 0; fd < 1024; ++fd) {
                const int flags = ::fcntl(fd, F_GETFD);
                inheritable += flags >= 0 && (flags & FD_CLOEXEC) == 0 ? 1 : 0;
            }
        }
    } before, during;
    app.conversation.what = &during;
    app.conversation.during = [](void* what) { static_cast<Seen*>(what)->look(); };
    FakeDaemon daemon(bus.address(), {kAskPassword, kAskPasscode, kGranted});
    app.conversation.answers = {"hunter2", "123456"};
    before.look();

    CHECK_EQUAL(PAM_SUCCESS, pam_authenticate(app.handle(), 0));

    CHECK_TRUE(during.open > before.open); // the connection is held
    CHECK_EQUAL(before.inheritable, during.inheritable);
}

TEST_GROUP(Boundary) {
    PamApplication app{kAuth, "nobody"};
};

TEST(Boundary, lets_no_exception_through_and_keeps_errno) {
    const pam::Hook hooks[] = {
        [](const pam::Invocation&) -> int { throw std::bad_alloc(); },
        [](const pam::Invocation&) -> int { throw std::string("odd"); },
        [](const pam::Invocation&) -> int {
            errno = EIO;
            return PAM_SYSTEM_ERR;
        },
    };
    for (const pam::Hook hook : hooks) {
        errno = ENOTTY;
        CHECK_EQUAL(PAM_SYSTEM_ERR, pam::run_hook(hook, app.handle(), 0, 0, nullptr, {"", ""}));
        CHECK_EQUAL(ENOTTY, errno);
    }
}

TEST(Boundary, hands_the_options_on) {
    const char* words[] = {"no_reuse", "bogus", "minimum_uid=7"};
    const pam::Hook hook = [](const pam::Invocation& call) -> int {
        return call.options.no_reuse && call.options.minimum_uid == 7 && call.flags == 5 &&
                       std::strcmp(call.bus_address, "here") == 0
                   ? PAM_SUCCESS
                   : PAM_ABORT;
    };

    CHECK_EQUAL(PAM_SUCCESS, pam::run_hook(hook, app.handle(), 5, 3, words, {"here", ""}));
}
