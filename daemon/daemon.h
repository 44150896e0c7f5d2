// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/account_rules.h"
#include "daemon/bus/auth_service.h"
#include "daemon/conversation/registry.h"
#include "daemon/flows/pending_enrolments.h"
#include "daemon/identity/configuration.h"
#include "daemon/identity/revocation.h"
#include "daemon/limits/limiter.h"
#include "daemon/loop/clock.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/worker.h"
#include "daemon/policy/local_accounts.h"
#include "daemon/sessions/descriptor_store.h"
#include "daemon/sessions/session_store.h"
#include "daemon/settings/accepted_settings.h"
#include "daemon/settings/settings_file.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace raxauth {

/// Where the daemon finds and keeps things.
struct Places {
    settings::SettingsPlace settings;
    std::string state_directory = kStateDirectory;
    std::string bus_address = contract::kBusAddress;
};

/// All parts, wired together.
class Daemon {
  public:
    /// Reads the configuration, connects to the bus, takes the name. An unusable configuration is
    /// no error: the daemon stays up, answers `unavailable` and says why.
    /// Errors: std::system_error, mostly from the bus.
    explicit Daemon(Places places);
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    ~Daemon();

    /// Until SIGTERM or SIGINT, or the bus goes. Returns the exit status.
    int run();

  private:
    void load();
    std::optional<settings::Settings> last_accepted() const;
    void keep(const std::vector<settings::SettingsText>& texts, const settings::Settings& accepted);
    void use(std::shared_ptr<Configuration> fresh, std::string trouble);
    void refuse_other_issuer(const std::string& wanted);
    bool is_issuer_changed_on_disk() const;
    void keep_until_idle(std::shared_ptr<identity::Identity> former);
    void let_go_of_idle();
    void begin_stop();
    Task<void> stop();
    void handle_signal(int signal);
    static int on_signal(sd_event_source* source, const struct signalfd_siginfo* info, void* self);
    void report_limiter_trouble();
    void retry_log();

    const Places places_;
    settings::AcceptedSettings accepted_;
    SystemClock clock_;
    Loop loop_;
    Worker worker_;
    identity::Revocations revocations_;
    std::unique_ptr<limits::Limiter> limiter_;
    policy::NssAccounts local_accounts_;
    ConfigurationInForce in_force_;
    /// Clients of former settings, of the same provider at the same address. Kept while a
    /// conversation works with one or a request is under way: a client that goes is never answered,
    /// and what waits for it (a revocation, say) would do so for ever.
    std::vector<std::shared_ptr<identity::Identity>> former_;
    Timer former_check_;
    sessions::SessionStore sessions_;
    sessions::Systemd systemd_;
    sessions::DescriptorStore descriptor_store_;
    flows::PendingEnrolments enrolments_;
    conversation::Registry registry_;
    journal::History history_;
    std::unique_ptr<bus::AuthService> service_;
    EventSource signal_sources_[3];
    std::string limiter_trouble_;
    Timer log_retry_;
    Job stopping_;
};

} // namespace raxauth
