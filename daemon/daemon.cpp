// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include "daemon/bus/guard.h"
#include "daemon/bus/service_job.h"
#include "daemon/identity/identity_v2.h"
#include "daemon/journal/journal.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fmt/core.h>
#include <system_error>
#include <systemd/sd-daemon.h>
#include <variant>

namespace raxauth {
namespace {

/// For revoking what is held when the daemon stops; below the unit's TimeoutStopSec.
constexpr std::chrono::seconds kStopTime{10};

} // namespace

Daemon::Daemon(Places places)
    : places_(std::move(places)), worker_(loop_), revocations_(loop_),
      limiter_(policy::make_limiter(
          clock_, policy::LimitSettings{}, places_.state_directory,
          [this](std::function<void()> callback) { loop_.post(std::move(callback)); })),
      local_accounts_(worker_), sessions_(loop_, clock_, &worker_),
      descriptor_store_(loop_, sessions_, systemd_),
      enrolments_(
          loop_,
          [this] { return in_force_.configuration ? in_force_.configuration->care : nullptr; }),
      registry_(loop_), history_(clock_) {
    load();
    report_limiter_trouble();
    descriptor_store_.restore(revocations_);
    descriptor_store_.also_keep([this](const auto& visit) { revocations_.each_pending(visit); });
    revocations_.on_pending([this] { descriptor_store_.schedule(); });
    const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (std::size_t i = 0; i < std::size(signals); ++i) {
        const int r =
            sd_event_add_signal(loop_.event(), out(signal_sources_[i]),
                                signals[i] | SD_EVENT_SIGNAL_PROCMASK, &Daemon::on_signal, this);
        if (r < 0) {
            throw std::system_error(-r, std::generic_category(), "watch for signals");
        }
    }
    static_cast<void>(sd_event_set_watchdog(loop_.event(), 1)); // no watchdog asked for: no harm
    service_ = std::make_unique<bus::AuthService>(
        bus::Rooms{loop_, clock_, *limiter_, local_accounts_, sessions_, registry_, history_,
                   revocations_, enrolments_, [this] { return in_force_; }, [this] { load(); }},
        places_.bus_address.c_str());
}

Daemon::~Daemon() {
    revocations_.on_pending(nullptr); // sessions let go of their tokens after the store has gone
}

int Daemon::run() {
    static_cast<void>(sd_notify(0, "READY=1"));
    journal::info("ready");
    return loop_.run();
}

void Daemon::load() {
    auto loaded = policy::load_settings(places_.settings);
    if (const auto* faults = std::get_if<policy::SettingsFaults>(&loaded)) {
        in_force_.trouble.clear();
        for (const policy::SettingsFault& fault : *faults) {
            journal::error("configuration: " + fault.text());
            in_force_.trouble += (in_force_.trouble.empty() ? "" : "\n") + fault.text();
        }
        journal::error(in_force_.configuration
                           ? "configuration: the earlier one stays in force"
                           : "configuration: nobody can sign in until it is mended");
        return;
    }
    auto fresh = std::make_shared<Configuration>();
    fresh->settings = std::get<policy::Settings>(std::move(loaded));
    const policy::IdentitySettings& service = fresh->settings.identity;
    fresh->transport = std::make_unique<identity::HttpTransport>(loop_, service, clock_);
    auto client =
        std::make_unique<identity::IdentityV2>(*fresh->transport, service, revocations_, clock_);
    fresh->care = client.get();
    fresh->identity = std::move(client);
    limiter_->change(fresh->settings.limits);
    sessions_.revoke_on_logout(fresh->settings.sessions.revoke_on_logout);
    revocations_.use(fresh->identity.get());
    if (!fresh->settings.binds_anybody()) {
        journal::error(fmt::format("configuration: nobody can sign in until the organisation is "
                                   "named: {}",
                                   policy::kBindingAdvice));
    }
    if (in_force_.configuration) {
        const auto last_request =
            2 * std::max(service.request_timeout,
                         in_force_.configuration->settings.identity.request_timeout);
        const std::uint64_t id = ++last_former_;
        former_.emplace(id, loop_.after(last_request, [this, id, former = in_force_.configuration] {
            former_.erase(id);
        }));
    }
    in_force_.configuration = std::move(fresh);
    in_force_.trouble.clear();
    journal::info(fmt::format("configuration read; Identity is {}",
                              in_force_.configuration->settings.identity.url));
}

void Daemon::report_limiter_trouble() {
    const std::string trouble = limiter_->trouble().value_or("");
    if (trouble != limiter_trouble_ && !trouble.empty()) {
        journal::warning("limits are counted in memory alone: " + trouble);
    }
    limiter_trouble_ = trouble;
}

int Daemon::on_signal(sd_event_source* /*source*/, const struct signalfd_siginfo* info,
                      void* self) {
    return bus::guard(
        [&] { static_cast<Daemon*>(self)->handle_signal(static_cast<int>(info->ssi_signo)); });
}

void Daemon::handle_signal(int signal) {
    if (signal == SIGHUP) {
        static_cast<void>(sd_notify(0, "RELOADING=1"));
        load();
        report_limiter_trouble();
        static_cast<void>(sd_notify(0, "READY=1"));
        return;
    }
    begin_stop();
}

void Daemon::begin_stop() {
    if (!stopping_.finished()) {
        return;
    }
    static_cast<void>(sd_notify(0, "STOPPING=1"));
    stopping_ = Job::start(stop());
}

/// An orderly stop ends all sessions and revokes their tokens; a restart hands them over.
Task<void> Daemon::stop() {
    service_->release_name();
    registry_.stop();
    if (systemd_.present()) {
        Task<bool> asking = bus::is_being_restarted(service_->bus());
        const bool restart = co_await std::move(asking);
        if (restart) {
            try {
                descriptor_store_.hand_over();
                sessions_.hand_over();
            } catch (const std::exception& fault) {
                journal::error(std::string("sessions end with this process: ") + fault.what());
            }
        } else {
            descriptor_store_.forget();
        }
    }
    sessions_.clear();
    enrolments_.close();
    co_await revocations_.drain(kStopTime);
    journal::info("stopped");
    loop_.stop(0);
}

} // namespace raxauth
