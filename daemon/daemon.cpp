// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include "daemon/bus/guard.h"
#include "daemon/bus/service_job.h"
#include "daemon/identity/rackspace/identity_v2.h"
#include "daemon/identity/rackspace/words.h"
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
/// The longest that tokens are revoked at an address that the configuration names no more; longer
/// than any conversation.
constexpr std::chrono::hours kPartingTime{4};

} // namespace

Daemon::Daemon(Places places)
    : places_(std::move(places)), accepted_(places_.state_directory), worker_(loop_),
      issuers_(loop_),
      limiter_(std::make_unique<limits::Limiter>(
          clock_, settings::LimitSettings{}, places_.state_directory,
          [this](std::function<void()> callback) { loop_.post(std::move(callback)); })),
      local_accounts_(worker_), sessions_(loop_, clock_, &worker_),
      descriptor_store_(loop_, sessions_, systemd_),
      enrolments_(loop_, [this](const std::string& address) { return factors_of(address); }),
      registry_(loop_), history_(clock_) {
    load();
    report_limiter_trouble();
    limiter_->when_trouble_changes([this] { report_limiter_trouble(); });
    descriptor_store_.restore(
        [this](const std::string& address) -> auto& { return issuers_.at(address); });
    descriptor_store_.also_keep([this](const std::string& address, const auto& visit) {
        issuers_.each_pending(address, visit);
    });
    if (in_force_.configuration) {
        issuers_.part_with_strangers(); // an address that was another before the restart
    }
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
                   issuers_, enrolments_, [this] { return in_force_; }, [this] { load(); }},
        places_.bus_address.c_str());
    // Last: whatever failed above, no token may come here that ends with a half-made daemon.
    issuers_.on_pending([this] { descriptor_store_.schedule(); });
    if (issuers_.totals().pending > 0) {
        descriptor_store_.schedule();
    }
}

Daemon::~Daemon() {
    issuers_.on_pending(nullptr); // sessions let go of their tokens after the store has gone
}

int Daemon::run() {
    static_cast<void>(sd_notify(0, "READY=1"));
    journal::info("ready");
    return loop_.run();
}

/// What a faulty configuration does not keep from going on after a restart.
std::optional<settings::Settings> Daemon::last_accepted() const {
    try {
        const std::vector<settings::SettingsText> texts = accepted_.kept();
        if (texts.empty()) {
            return std::nullopt;
        }
        auto loaded = settings::parse_settings(texts);
        if (auto* accepted = std::get_if<settings::Settings>(&loaded)) {
            return std::move(*accepted);
        }
        journal::error("configuration: the one accepted last cannot be used by this version: " +
                       std::get<settings::SettingsFaults>(loaded).front().text());
    } catch (const std::exception& fault) {
        journal::error(std::string("configuration: the one accepted last cannot be used: ") +
                       fault.what());
    }
    return std::nullopt;
}

void Daemon::keep(const std::vector<settings::SettingsText>& texts,
                  const settings::Settings& accepted) {
    try {
        accepted_.keep(texts, accepted);
    } catch (const std::exception& fault) { // a full disk keeps nobody from signing in
        journal::warning(std::string("configuration: not kept for a start with a faulty one: ") +
                         fault.what());
    }
}

void Daemon::load() {
    std::vector<settings::SettingsText> texts;
    auto loaded = settings::load_settings(places_.settings, &texts);
    std::string trouble;
    if (const auto* faults = std::get_if<settings::SettingsFaults>(&loaded)) {
        for (const settings::SettingsFault& fault : *faults) {
            journal::error("configuration: " + fault.text());
            trouble += (trouble.empty() ? "" : "\n") + fault.text();
        }
        std::optional<settings::Settings> last;
        if (!in_force_.configuration) {
            last = last_accepted();
        }
        if (!last) {
            in_force_.trouble = std::move(trouble);
            journal::error(in_force_.configuration
                               ? "configuration: faulty; the earlier one stays in force"
                               : "configuration: faulty; nobody can sign in until it is mended");
            return;
        }
        journal::error("configuration: faulty; the one accepted last is in force. Mend the faults "
                       "above, then: raxauth reload");
        loaded = *std::move(last);
    } else {
        keep(texts, std::get<settings::Settings>(loaded));
    }
    auto fresh = std::make_shared<Configuration>();
    fresh->settings = std::get<settings::Settings>(std::move(loaded));
    const settings::IdentitySettings& service = fresh->settings.identity;
    fresh->transport = std::make_unique<identity::HttpTransport>(loop_, service, clock_);
    identity::Revocations& issuer = issuers_.at(service.url);
    auto client =
        std::make_unique<identity::IdentityV2>(*fresh->transport, service, issuer, clock_);
    fresh->issuer = &issuer;
    fresh->factors = client.get();
    fresh->identity = std::move(client);
    fresh->words = identity::rackspace_words();
    limiter_->change(fresh->settings.limits);
    sessions_.revoke_on_logout(fresh->settings.sessions.revoke_on_logout);
    if (!fresh->settings.binds_anybody()) {
        journal::error(fmt::format("configuration: nobody can sign in until the organisation is "
                                   "named: {}",
                                   settings::kBindingAdvice));
    }
    if (in_force_.configuration) {
        if (in_force_.configuration->settings.identity.url != service.url) {
            journal::notice("Identity is at another address now: everybody signs in anew");
        }
        keep_for_a_while(in_force_.configuration);
    }
    in_force_.configuration = std::move(fresh);
    in_force_.trouble = std::move(trouble);
    issuers_.use(service.url, *in_force_.configuration->identity);
    descriptor_store_.issued_at(service.url);
    sessions_.hold_only(issuer);
    issuers_.part_with_strangers();
    journal::info(fmt::format("configuration in force; Identity is {}",
                              in_force_.configuration->settings.identity.url));
}

identity::FactorManagement* Daemon::factors_of(const std::string& address) const {
    if (in_force_.configuration && in_force_.configuration->settings.identity.url == address) {
        return in_force_.configuration->factors;
    }
    for (const auto& [id, former] : former_) {
        if (former.address() == address && !former.parted) {
            return former.configuration->factors;
        }
    }
    return nullptr;
}

void Daemon::keep_for_a_while(std::shared_ptr<const Configuration> former) {
    const std::uint64_t id = ++last_former_;
    Former kept;
    kept.configuration = std::move(former);
    kept.given_up_at = clock_.monotonic() + kPartingTime;
    former_.emplace(id, std::move(kept));
    look_again_at_former(id);
}

void Daemon::look_again_at_former(std::uint64_t id) {
    Former& former = former_.at(id);
    const auto last_request = 2 * former.configuration->settings.identity.request_timeout;
    former.look = loop_.after(last_request, [this, id] { look_at_former(id); });
}

/// Nobody works with it, and nobody holds or waits for the end of a token that only it could end.
bool Daemon::is_done_with(const Former& former) {
    if (former.in_use()) {
        return false;
    }
    const identity::Revocations& revocations = issuers_.at(former.address());
    if (revocations.client() != former.configuration->identity.get()) {
        return true; // a later one is asked
    }
    const bool address_in_use = std::any_of(former_.begin(), former_.end(), [&](const auto& other) {
        return other.second.address() == former.address() && other.second.in_use();
    });
    return !address_in_use && revocations.held() == 0 && revocations.pending() == 0;
}

void Daemon::look_at_former(std::uint64_t id) {
    Former& former = former_.at(id);
    if (former.parted) {
        former_.erase(id);
        return;
    }
    // Twice in a row: what was under way when its conversation ended has got its answer then.
    former.quiet_looks = is_done_with(former) ? former.quiet_looks + 1 : 0;
    if (former.quiet_looks >= 2 || clock_.monotonic() >= former.given_up_at) {
        if (issuers_.part_with(former.address(), *former.configuration->identity)) {
            journal::info("done with the former Identity at " + former.address());
        }
        former.parted = true; // what is under way gets its answer yet
    }
    look_again_at_former(id);
}

void Daemon::report_limiter_trouble() {
    const std::string trouble = limiter_->trouble().value_or("");
    if (trouble == limiter_trouble_) {
        return;
    }
    limiter_trouble_ = trouble;
    if (trouble.empty()) {
        journal::notice("limits: counts are kept again");
    } else {
        journal::warning("limits: " + trouble);
    }
}

int Daemon::on_signal(sd_event_source* /*source*/, const struct signalfd_siginfo* info,
                      void* self) {
    return bus::guard(
        [&] { static_cast<Daemon*>(self)->handle_signal(static_cast<int>(info->ssi_signo)); });
}

void Daemon::handle_signal(int signal) {
    if (signal == SIGHUP) {
        static_cast<void>(sd_notify(0, "RELOADING=1"));
        try {
            load();
        } catch (const std::exception& fault) { // the next signal is to be heard as well
            journal::error(std::string("configuration: not read: ") + fault.what());
        }
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
                descriptor_store_.forget(); // an older table would bring back what ends here
            }
        } else {
            descriptor_store_.forget();
        }
    }
    sessions_.clear();
    enrolments_.close();
    co_await issuers_.drain(kStopTime);
    journal::info("stopped");
    loop_.stop(0);
}

} // namespace raxauth
