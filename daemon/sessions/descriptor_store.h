// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"
#include "daemon/loop/loop.h"
#include "daemon/sessions/session_store.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace raxauth::sessions {

/// What is handed to the service manager and comes back from it: sd_notify(3) FDSTORE=1, and
/// sd_listen_fds_with_names(3). An interface so that a small stand-in can play the manager.
class ServiceManager {
  public:
    virtual ~ServiceManager() = default;
    struct Kept {
        std::string name;
        UniqueFd fd;
    };
    /// What an earlier process of this unit left. Takes the descriptors: once.
    virtual std::vector<Kept> take() = 0;
    /// False: it was not handed over.
    virtual bool keep(const std::string& name, int fd) = 0;
    virtual void drop(const std::string& name) = 0;
    /// False where nobody would keep anything: not started by systemd.
    virtual bool present() const = 0;
};

/// systemd, by $NOTIFY_SOCKET and $LISTEN_FDS.
class Systemd final : public ServiceManager {
  public:
    std::vector<Kept> take() override;
    bool keep(const std::string& name, int fd) override;
    void drop(const std::string& name) override;
    bool present() const override;
};

/// Keeps the session table over a restart or a crash: one sealed memfd with all of it in the
/// manager's descriptor store, replaced soon after each change. Nothing touches a disk, and a
/// reboot leaves nothing. See raxauthd(8), TOKENS AND RESTARTS.
class DescriptorStore {
  public:
    /// All outlive this.
    DescriptorStore(Loop& loop, SessionStore& sessions, ServiceManager& manager);
    DescriptorStore(const DescriptorStore&) = delete;
    DescriptorStore& operator=(const DescriptorStore&) = delete;

    /// Tokens that are to be revoked are kept too, so that a crash loses none.
    using EachToken = std::function<void(const std::function<void(const Secret&)>&)>;
    void also_keep(EachToken pending) { pending_ = std::move(pending); }
    /// Something that is kept has changed.
    void schedule();

    /// The provider and its address, by which a successor knows where the tokens came from. All
    /// that the store of sessions holds is from there.
    void issued_by(std::string issuer) { issuer_ = std::move(issuer); }
    /// Empty: not known yet.
    const std::string& issuer() const noexcept { return issuer_; }

    /// Takes back what an earlier daemon left; at start-up, before the name is on the bus. Where
    /// issued_by() has not been called, the configuration being unusable, the earlier daemon's
    /// issuer stays. Tokens of another issuer are forgotten and reach neither `revoker` nor a
    /// provider.
    void restore(identity::TokenRevoker& revoker);
    /// Hands the table over now. Errors: std::system_error; what was kept before stays then.
    void save();
    /// The same for the last time: the successor has the table, and this process no longer owns it.
    void hand_over();
    /// An orderly stop: nothing is to be found later.
    void forget();

  private:
    void save_no_more();
    struct Table;
    /// The newest of what the service manager kept.
    std::optional<Table> newest_kept();
    void take_back(const Table& table, std::vector<Secret> tokens, identity::TokenRevoker& revoker);

    Loop& loop_;
    SessionStore& sessions_;
    ServiceManager& manager_;
    EachToken pending_;
    std::string issuer_;
    std::uint64_t generation_ = 0;
    std::chrono::microseconds last_cost_{0};
    Timer saving_;
    bool scheduled_ = false;
};

} // namespace raxauth::sessions
