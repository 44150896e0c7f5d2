// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/times.h"

#include <algorithm>
#include <charconv>
#include <curl/curl.h>
#include <string>

namespace raxauth::identity {
namespace {

class Digits {
  public:
    explicit Digits(std::string_view text) : rest_(text) {}

    /// Exactly `count` digits; -1 if they are not there.
    int number(std::size_t count) {
        int value = 0;
        if (rest_.size() < count) {
            return -1;
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (rest_[i] < '0' || rest_[i] > '9') {
                return -1;
            }
            value = value * 10 + (rest_[i] - '0');
        }
        rest_.remove_prefix(count);
        return value;
    }
    bool take(char wanted) {
        if (rest_.empty() || rest_.front() != wanted) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }
    /// The digits after a decimal point, as microseconds.
    std::optional<std::chrono::microseconds> fraction() {
        std::int64_t value = 0;
        std::int64_t unit = 100'000;
        std::size_t digits = 0;
        while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
            value += unit * (rest_.front() - '0');
            unit /= 10;
            ++digits;
            rest_.remove_prefix(1);
        }
        return digits > 0 ? std::optional(std::chrono::microseconds(value)) : std::nullopt;
    }
    bool at_end() const { return rest_.empty(); }

  private:
    std::string_view rest_;
};

/// `Z`, `+hh:mm`, `-hhmm` or nothing, as what has to be subtracted.
std::optional<std::chrono::minutes> read_zone(Digits& in) {
    if (in.at_end() || in.take('Z') || in.take('z')) {
        return in.at_end() ? std::optional(std::chrono::minutes(0)) : std::nullopt;
    }
    const bool west = in.take('-');
    if (!west && !in.take('+')) {
        return std::nullopt;
    }
    const int hours = in.number(2);
    static_cast<void>(in.take(':'));
    const int minutes = in.number(2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || !in.at_end()) {
        return std::nullopt;
    }
    const std::chrono::minutes offset(hours * 60 + minutes);
    return west ? -offset : offset;
}

} // namespace

std::optional<WallTime> parse_iso8601(std::string_view text) {
    namespace cr = std::chrono;
    Digits in(text);
    const int year = in.number(4);
    const bool dash1 = in.take('-');
    const int month = in.number(2);
    const bool dash2 = in.take('-');
    const int day = in.number(2);
    const bool separator = in.take('T') || in.take('t') || in.take(' ');
    const int hour = in.number(2);
    const bool colon1 = in.take(':');
    const int minute = in.number(2);
    const bool colon2 = in.take(':');
    const int second = in.number(2);
    if (!dash1 || !dash2 || !separator || !colon1 || !colon2 || year < 1970 || month < 0 ||
        day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 60) {
        return std::nullopt;
    }
    cr::microseconds fraction(0);
    if (in.take('.')) {
        const auto read = in.fraction();
        if (!read) {
            return std::nullopt;
        }
        fraction = *read;
    }
    const auto zone = read_zone(in);
    const cr::year_month_day date(cr::year(year), cr::month(static_cast<unsigned>(month)),
                                  cr::day(static_cast<unsigned>(day)));
    if (!zone || !date.ok() || year > 2200) { // beyond, nanoseconds since 1970 overflow
        return std::nullopt;
    }
    return WallTime(cr::sys_days(date)) + cr::hours(hour) + cr::minutes(minute) +
           cr::seconds(second) + fraction - *zone;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, WallTime now) {
    constexpr std::chrono::seconds kLongest = std::chrono::hours(24);
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error == std::errc() && end == text.data() + text.size() && !text.empty()) {
        return std::clamp(std::chrono::seconds(seconds), std::chrono::seconds(0), kLongest);
    }
    if (error == std::errc::result_out_of_range) {
        return kLongest;
    }
    if (text.size() > 64) {
        return std::nullopt;
    }
    const time_t date = curl_getdate(std::string(text).c_str(), nullptr); // English names only
    if (date < 0) {
        return std::nullopt;
    }
    const auto wait =
        std::chrono::ceil<std::chrono::seconds>(std::chrono::system_clock::from_time_t(date) - now);
    return std::clamp(wait, std::chrono::seconds(0), kLongest);
}

} // namespace raxauth::identity
