// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include "daemon/bus/guard.h"
#include "daemon/bus/service_job.h"
#include "daemon/identity/provider_factory.h"
#include "daemon/journal/journal.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fmt/core.h>
#include <system_error>
#include <systemd/sd-daemon.h>
#include <utility>
#include <variant>
#include <vector>

namespace raxauth {
namespace {

/// For waiting for replies that may bring a token, and then for revoking what is held; with what
/// asking systemd may take (service_job.cpp) below the unit's TimeoutStopSec.
constexpr std::chrono::seconds kReplyTime{6};
constexpr std::chrono::seconds kStopTime{10};
/// Between two looks at clients of former settings.
constexpr std::chrono::seconds kFormerCheck{30};
/// Between two tries to hand lines to a logger that does not read.
constexpr std::chrono::milliseconds kLogRetry{100};

} // namespace

Daemon::Daemon(Places places)
    : places_(std::move(places)), accepted_(places_.state_directory), worker_(loop_),
      revocations_(loop_),
      limiter_(std::make_unique<limits::Limiter>(
          clock_, settings::LimitSettings{}, places_.state_directory,
          [this](std::function<void()> callback) { loop_.post(std::move(callback)); })),
      local_accounts_(worker_), sessions_(loop_, clock_, &worker_),
      descriptor_store_(loop_, sessions_, systemd_),
      enrolments_(
          loop_,
          [this] { return in_force_.configuration ? in_force_.configuration->factors : nullptr; }),
      registry_(loop_), history_(clock_) {
    log_retry_ = loop_.after(kLogRetry, [this] { retry_log(); });
    journal::when_lines_wait([this] { log_retry_.restart(kLogRetry); });
    load();
    report_limiter_trouble();
    limiter_->when_trouble_changes([this] { report_limiter_trouble(); });
    descriptor_store_.restore(revocations_);
    descriptor_store_.also_keep([this](const auto& visit) { revocations_.each_pending(visit); });
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
    // Last: whatever failed above, no token may come here that ends with a half-made daemon.
    revocations_.on_pending([this] { descriptor_store_.schedule(); });
    if (revocations_.pending() > 0) {
        descriptor_store_.schedule();
    }
}

Daemon::~Daemon() {
    journal::when_lines_wait(nullptr);
    revocations_.on_pending(nullptr); // sessions let go of their tokens after the store has gone
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
        journal::error("configuration: this version cannot use the last accepted one: " +
                       std::get<settings::SettingsFaults>(loaded).front().text());
    } catch (const std::exception& fault) {
        journal::error(std::string("configuration: the last accepted one cannot be used: ") +
                       fault.what());
    }
    return std::nullopt;
}

void Daemon::keep(const std::vector<settings::SettingsText>& texts,
                  const settings::Settings& accepted) {
    try {
        accepted_.keep(texts, accepted);
    } catch (const std::exception& fault) { // a full disk keeps nobody from signing in
        journal::warning(
            std::string("configuration: could not be saved for a later start with errors: ") +
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
                               ? "configuration: has errors; the previous one stays in use"
                               : "configuration: has errors; nobody can sign in. Correct them, "
                                 "then: raxauth reload");
            return;
        }
        journal::error("configuration: has errors; the last accepted one stays in use. Correct the "
                       "errors above, then: raxauth reload");
        loaded = *std::move(last);
    }
    auto fresh = std::make_shared<Configuration>();
    fresh->settings = std::get<settings::Settings>(std::move(loaded));
    const std::string issuer = identity::issuer_of(fresh->settings.identity);
    if (!descriptor_store_.issuer().empty() && descriptor_store_.issuer() != issuer) {
        refuse_other_issuer(issuer);
        return;
    }
    descriptor_store_.issued_by(issuer);
    if (trouble.empty()) {
        keep(texts, fresh->settings);
    }
    use(std::move(fresh), std::move(trouble));
}

/// A token must never reach another provider or address than it came from. So the issuer stays the
/// same for as long as the process lives.
void Daemon::refuse_other_issuer(const std::string& wanted) {
    const auto kind = [](const std::string& issuer) { return issuer.substr(0, issuer.find(' ')); };
    in_force_.trouble = fmt::format(
        "identity.{} changed: restart raxauthd; sessions end and their tokens are revoked at the "
        "former address",
        kind(wanted) == kind(descriptor_store_.issuer()) ? "url" : "provider");
    journal::error("configuration: " + in_force_.trouble);
    journal::error(in_force_.configuration ? "configuration: the previous one stays in use"
                                           : "configuration: nobody can sign in until then");
}

void Daemon::use(std::shared_ptr<Configuration> fresh, std::string trouble) {
    const settings::IdentitySettings& service = fresh->settings.identity;
    const std::shared_ptr<const Configuration> former = in_force_.configuration;
    if (former && former->settings.identity == service) {
        fresh->identity = former->identity;
        fresh->factors = former->factors;
        fresh->words = former->words;
    } else {
        identity::Provider provider = identity::make_provider(loop_, service, revocations_, clock_);
        fresh->identity = std::move(provider.identity);
        fresh->factors = provider.factors;
        fresh->words = std::move(provider.words);
        revocations_.use(fresh->identity.get());
        if (former) {
            keep_until_idle(former->identity);
        }
    }
    limiter_->change(fresh->settings.limits);
    sessions_.revoke_on_logout(fresh->settings.sessions.revoke_on_logout);
    if (!fresh->settings.binds_anybody()) {
        journal::error(fmt::format("configuration: nobody can sign in until the organisation is "
                                   "named: {}",
                                   settings::kBindingAdvice));
    }
    in_force_.configuration = std::move(fresh);
    in_force_.trouble = std::move(trouble);
    journal::info(fmt::format("configuration in use; Identity is {}",
                              in_force_.configuration->settings.identity.url));
}

void Daemon::keep_until_idle(std::shared_ptr<identity::Identity> former) {
    former_.push_back(std::move(former));
    former_check_ = loop_.after(kFormerCheck, [this] { let_go_of_idle(); });
}

void Daemon::let_go_of_idle() {
    std::erase_if(former_, [](const std::shared_ptr<identity::Identity>& client) {
        return client.use_count() == 1 && !client->busy();
    });
    if (!former_.empty()) {
        former_check_ = loop_.after(kFormerCheck, [this] { let_go_of_idle(); });
    }
}

bool Daemon::is_issuer_changed_on_disk() const {
    const auto loaded = settings::load_settings(places_.settings);
    const auto* settings = std::get_if<settings::Settings>(&loaded);
    return settings != nullptr &&
           identity::issuer_of(settings->identity) != descriptor_store_.issuer();
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

void Daemon::retry_log() {
    if (!journal::flush()) {
        log_retry_.restart(kLogRetry);
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

/// An orderly stop ends all sessions and revokes their tokens; a restart hands them over. Either
/// way a sign-in under way ends, and the token that its reply may still bring is revoked.
Task<void> Daemon::stop() {
    const MonotonicTime begun = loop_.now();
    service_->release_name();
    registry_.stop();
    co_await revocations_.replies(kReplyTime);
    if (systemd_.present()) {
        Task<bool> asking = bus::is_being_restarted(service_->bus());
        const bool restart = co_await std::move(asking);
        // A successor with another address could do nothing with these tokens: they end here.
        if (restart && !is_issuer_changed_on_disk()) {
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
    const auto left = kStopTime - (loop_.now() - begun);
    co_await revocations_.drain(std::max(
        std::chrono::milliseconds{0}, std::chrono::duration_cast<std::chrono::milliseconds>(left)));
    journal::info("stopped");
    loop_.stop(0);
}

} // namespace raxauth
