// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/http/server_clock.h"

#include <curl/curl.h>
#include <fmt/core.h>

namespace raxauth::identity {
namespace {

/// The header has whole seconds, and the reply took some time.
constexpr std::chrono::seconds kAsGoodAsNone{60};

std::string in_words(std::chrono::minutes time) {
    using std::chrono::days;
    using std::chrono::hours;
    const auto whole_days = std::chrono::duration_cast<days>(time);
    const auto whole_hours = std::chrono::duration_cast<hours>(time - whole_days);
    if (whole_days.count() > 0) {
        return fmt::format("{} d {} h", whole_days.count(), whole_hours.count());
    }
    const auto minutes = time - whole_hours;
    return whole_hours.count() > 0
               ? fmt::format("{} h {} min", whole_hours.count(), minutes.count())
               : fmt::format("{} min", minutes.count());
}

} // namespace

void ServerClock::heard(std::string_view date, MonotonicTime now) {
    const time_t seconds = curl_getdate(std::string(date).c_str(), nullptr);
    if (seconds > 0) {
        last_ = {WallTime::clock::from_time_t(seconds), now};
    }
}

std::optional<std::string> ServerClock::compare(WallTime host, MonotonicTime now) const {
    if (!last_) {
        return std::nullopt;
    }
    const auto server =
        last_->server + std::chrono::duration_cast<WallTime::duration>(now - last_->at);
    const auto ahead = std::chrono::duration_cast<std::chrono::seconds>(host - server);
    if (ahead < kAsGoodAsNone && -ahead < kAsGoodAsNone) {
        return "as the server's does";
    }
    const bool behind = ahead.count() < 0;
    return fmt::format(
        "{} {} the server's",
        in_words(std::chrono::duration_cast<std::chrono::minutes>(behind ? -ahead : ahead)),
        behind ? "behind" : "ahead of");
}

} // namespace raxauth::identity
