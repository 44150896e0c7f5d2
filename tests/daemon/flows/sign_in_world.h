// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/flows/pending_enrolments.h"
#include "daemon/flows/sign_in.h"
#include "daemon/identity/rackspace/words.h"
#include "daemon/limits/limiter.h"
#include "tests/support/counting_revoker.h"
#include "tests/support/event_pump.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/fake_clock.h"
#include "tests/support/proof.h"
#include "tests/support/scripted_identity.h"
#include "tests/support/scripted_person.h"
#include "tests/support/temporary_directory.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

namespace raxauth::testing {

/// A host with one person on it (alice, who is alice.smith at Rackspace), the daemon's real limiter
/// and session store, and a scripted Identity. As configured: any domain, two factors.
struct SignInWorld {
    SignInWorld() {
        settings.access.any_domain = true;
        settings.accounts.map["alice"] = "alice.smith";
        accounts.add("alice", 1001);
        remake_limiter();
    }

    /// A new limiter with the settings as they are now, on the same files.
    void remake_limiter() {
        limiter.reset();
        limiter = std::make_unique<limits::Limiter>(
            clock, settings.limits, directory.path(),
            [this](std::function<void()> callback) { loop.post(std::move(callback)); });
    }

    flows::Services services() {
        return {settings,
                identity,
                *limiter,
                accounts,
                sessions,
                clock,
                [this](std::chrono::microseconds time) { return nap(time); },
                factors,
                enrolments,
                words};
    }

    /// A PAM transaction of root for an ssh login from one host.
    static caller::Context ssh_login(std::string host = "192.0.2.7") {
        caller::Context context;
        context.caller.unique_name = ":1.7";
        context.caller.uid = 0;
        context.user = "alice";
        context.service = "sshd";
        context.tty = "ssh";
        context.remote_host = std::move(host);
        return context;
    }

    ScriptedIdentity::MakeAnswer token(Proof proof = {}) {
        return [this, proof] { return proof.issue(revoker, clock); };
    }
    limits::Origin origin(std::string_view host = "192.0.2.7") const {
        return limits::origin_of(host, contract::kUnsetId, 1001);
    }
    limits::Limiter::Counters counts() { return limiter->counters("alice.smith"); }

    /// Everything the daemon holds is let go, as in an orderly stop: then no token may be left.
    void let_go_of_all() {
        sessions.clear();
        run_until_idle(loop);
    }

    FakeClock clock;
    Loop loop{clock};
    TemporaryDirectory directory;
    settings::Settings settings;
    CountingRevoker revoker;
    FakeAccounts accounts;
    ScriptedIdentity identity;
    Worker busy_worker{loop, /*queue_limit=*/0}; ///< no password is ever made ready for reuse
    sessions::SessionStore sessions{loop, clock, &busy_worker};
    identity::FactorManagement* factors = nullptr; ///< without one, nothing is offered
    identity::ProviderWords words = identity::rackspace::words();
    flows::PendingEnrolments enrolments{loop, [this] { return factors; }};
    std::unique_ptr<limits::Limiter> limiter;
    Gate nap_gate;
    Gate* nap_at = &nap_gate;
    std::vector<std::chrono::microseconds> naps; ///< each sleep that was asked for

  private:
    Task<void> nap(std::chrono::microseconds time) {
        naps.push_back(time);
        co_await nap_at->pass();
    }
};

/// One sign-in: a person and the procedure. Destroying it drops the procedure where it stands.
class SignInRun {
  public:
    explicit SignInRun(SignInWorld& world) : world_(world) {}

    ScriptedPerson& person() noexcept { return person_; }
    /// Goes as far as it gets without waiting.
    SignInRun& start(caller::Context context = SignInWorld::ssh_login()) {
        job_ = Job::start(run(std::move(context)));
        return go_on();
    }
    SignInRun& go_on() {
        run_until_idle(world_.loop);
        return *this;
    }
    void drop() { job_ = Job(); }

    bool ended() const { return verdict_.has_value(); }
    /// Fails the test where the sign-in has not come to its end.
    const conversation::Verdict& verdict() const {
        CHECK_TRUE_TEXT(verdict_.has_value(), ("no verdict; " + person_.trouble).c_str());
        return *verdict_;
    }
    /// All a person could have read: prompts, texts, what comes with the verdict.
    std::string all_text() const {
        std::string text;
        for (const conversation::Message& message : person_.shown) {
            text += message.text + '\n';
        }
        if (verdict_) {
            text += verdict_text();
        }
        return text;
    }
    std::string verdict_text() const {
        std::string text;
        for (const conversation::Message& message : verdict().messages) {
            text += message.text + '\n';
        }
        return text;
    }
    flows::SignInTrace& trace() const { return *trace_; }

    void check_ends(State state, Reason reason, const char* name = "") const {
        const conversation::Verdict& reached = verdict();
        const std::string wanted =
            std::string(word(state)) + " " + std::string(word(reason)) + " " + name;
        const std::string got = std::string(word(reached.state())) + " " +
                                std::string(word(reached.reason())) + " " + name;
        STRCMP_EQUAL_TEXT(wanted.c_str(), got.c_str(), reached.why.c_str());
        CHECK_TRUE_TEXT(person_.script_done(), person_.trouble.c_str());
    }

  private:
    Task<void> run(caller::Context context) {
        verdict_.emplace(
            co_await flows::sign_in(person_, std::move(context), world_.services(), trace_));
    }

    SignInWorld& world_;
    ScriptedPerson person_;
    std::shared_ptr<flows::SignInTrace> trace_ = std::make_shared<flows::SignInTrace>();
    std::optional<conversation::Verdict> verdict_;
    Job job_;
};

} // namespace raxauth::testing

/// Every group on sign-ins ends with the same two questions.
#define SIGN_IN_GROUP(name)                                                                        \
    TEST_GROUP(name) {                                                                             \
        raxauth::testing::SignInWorld world;                                                       \
        void teardown() override {                                                                 \
            world.let_go_of_all();                                                                 \
            CHECK_TRUE_TEXT(world.revoker.balanced(), "a token was leaked or ended twice");        \
            CHECK_TRUE_TEXT(world.identity.script_done(), "Identity's script was not followed");   \
        }                                                                                          \
    }
