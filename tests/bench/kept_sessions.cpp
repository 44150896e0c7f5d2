// SPDX-License-Identifier: Apache-2.0
//
// Becomes a daemon that finds COUNT sessions in the service manager's descriptor store, as after a
// restart: the table is made by the daemon's own session store and handed over as systemd does. URL
// is the Identity address that the daemon is configured for.
//
//   kept_sessions URL COUNT USER UID AUDIT_SESSION PROGRAM ARG...
//
// One of the sessions is USER's with that audit session; the others are of made-up people.
#include "daemon/identity/provider_factory.h"
#include "daemon/loop/loop.h"
#include "daemon/policy/access_rules.h"
#include "daemon/sessions/descriptor_store.h"
#include "daemon/sessions/session_store.h"

#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace raxauth;

namespace {

constexpr const char* kDomain = "123456";

/// The sessions go on in the daemon that takes them over: nothing is revoked here.
class NoRevoker final : public identity::TokenRevoker {
  public:
    void issued(const Secret& /*token*/) noexcept override {}
    void abandoned(Secret /*token*/) noexcept override {}
    void left_to_expire(Secret /*token*/) noexcept override {}
};

/// Catches what the daemon hands to systemd.
class Manager final : public sessions::ServiceManager {
  public:
    std::vector<Kept> take() override { return {}; }
    bool keep(const std::string& name, int fd) override {
        name_ = name;
        fd_ = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 100));
        return true;
    }
    void drop(const std::string& /*name*/) override {}
    bool present() const override { return true; }

    const std::string& name() const { return name_; }
    int fd() const { return fd_.get(); }

  private:
    std::string name_;
    UniqueFd fd_;
};

struct Person {
    std::string user;
    uid_t uid = 0;
    std::uint32_t audit_session = 0;
};

void sign_in(sessions::SessionStore& store, const Person& person, NoRevoker& revoker,
             const Clock& clock) {
    identity::UserFacts facts;
    facts.id = "id-" + person.user;
    facts.name = person.user;
    facts.domain_id = kDomain;
    facts.tenant_id = kDomain;
    facts.default_region = "DFW";
    facts.roles = {{"3", "identity:user-admin", ""}, {"6", "compute:default", kDomain}};
    const std::string token(200, 'x');
    identity::TokenIssued issued{
        identity::OwnedToken(Secret(token + std::to_string(person.audit_session)),
                             clock.wall() + std::chrono::hours{24}, revoker),
        facts,
        {/*password=*/true, /*api_key=*/false, /*second_factor=*/true}};
    const identity::Account account{person.user, "", ""};
    settings::AccessSettings access;
    access.domains = {kDomain};
    auto judged = policy::judge(std::move(issued), account, access);

    caller::Context context;
    context.caller.uid = 0;
    context.user = person.user;
    context.service = "sshd";
    context.session.login_uid = person.uid;
    context.session.real_uid = person.uid;
    const sessions::Grant grant =
        store.accept(std::get<policy::Admission>(std::move(judged)), context, account, person.uid);
    context.session.audit_session = person.audit_session;
    if (!store.open(grant.ticket(), context, /*leader=*/0)) {
        throw std::runtime_error("no session for " + person.user);
    }
}

[[noreturn]] void become_daemon(const Manager& manager, char** argv) {
    constexpr int kFirstHandedOver = 3;
    ::dup2(manager.fd(), kFirstHandedOver);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDNAMES", manager.name().c_str(), 1);
    ::execv(argv[0], argv);
    throw std::runtime_error(std::string("cannot run ") + argv[0]);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 7) {
        std::cerr << "usage: kept_sessions URL COUNT USER UID AUDIT_SESSION PROGRAM ARG...\n";
        return 2;
    }
    try {
        const unsigned long count = std::stoul(argv[2]);
        const Person one{argv[3], static_cast<uid_t>(std::stoul(argv[4])),
                         static_cast<std::uint32_t>(std::stoul(argv[5]))};
        Loop loop;
        const SystemClock clock;
        NoRevoker revoker;
        Manager manager;
        sessions::SessionStore store(loop, clock);
        sessions::DescriptorStore keeper(loop, store, manager);
        sign_in(store, one, revoker, clock);
        for (unsigned i = 1; i < count; ++i) {
            sign_in(store, {"u" + std::to_string(i), 100000 + i, one.audit_session + i}, revoker,
                    clock);
        }
        settings::IdentitySettings service;
        service.url = argv[1];
        keeper.issued_by(identity::issuer_of(service));
        keeper.save();
        become_daemon(manager, argv + 6);
    } catch (const std::exception& fault) {
        std::cerr << "kept_sessions: " << fault.what() << '\n';
        return EXIT_FAILURE;
    }
}
