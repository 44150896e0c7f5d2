// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/limiter_record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <utility>

namespace raxauth::limits {
namespace {

constexpr std::string_view kVersion = "2";
// The last word of each line: a line that was cut off lacks it.
constexpr std::string_view kEnd = ".";
constexpr std::string_view kNothing = "-";
constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::uint64_t kMaxId = std::uint64_t{1} << 62U;

struct KindWord {
    LimiterRecord::Kind kind;
    std::string_view word;
};
constexpr std::array<KindWord, 14> kKindWords{{
    {LimiterRecord::Kind::Rewritten, "rewritten"},
    {LimiterRecord::Kind::Lost, "lost"},
    {LimiterRecord::Kind::Passcode, "passcode"},
    {LimiterRecord::Kind::Challenge, "challenge"},
    {LimiterRecord::Kind::Refund, "refund"},
    {LimiterRecord::Kind::Unanswered, "unanswered"},
    {LimiterRecord::Kind::Password, "password"},
    {LimiterRecord::Kind::Ban, "ban"},
    {LimiterRecord::Kind::SilentBan, "silent-ban"},
    {LimiterRecord::Kind::BanLifted, "ban-lifted"},
    {LimiterRecord::Kind::SignedIn, "signed-in"},
    {LimiterRecord::Kind::SignedInWithout, "signed-in-without-passcode"},
    {LimiterRecord::Kind::Reset, "reset"},
    {LimiterRecord::Kind::Known, "known"},
}};

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._@:/+-").find(c) != std::string_view::npos;
}

void append_quoted(std::string& line, std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (text.empty()) {
        line += kNothing;
        return;
    }
    const bool like_nothing = text == kNothing;
    for (const char c : text) {
        if (is_plain(c) && !like_nothing) {
            line += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            line += '%';
            line += kDigits[byte >> 4U];
            line += kDigits[byte & 15U];
        }
    }
}

std::optional<std::string> unquote(std::string_view quoted) {
    if (quoted == kNothing) {
        return std::string();
    }
    std::string text;
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (quoted[i] != '%') {
            if (!is_plain(quoted[i])) {
                return std::nullopt;
            }
            text += quoted[i];
            continue;
        }
        unsigned byte = 0;
        const std::string_view digits = quoted.substr(i + 1, 2);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        if (digits.size() != 2 || error != std::errc() || end != digits.data() + digits.size()) {
            return std::nullopt;
        }
        text += static_cast<char>(byte);
        i += 2;
    }
    return text;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

void append_number(std::string& line, std::uint64_t number, std::size_t least_digits = 1) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    const auto count = static_cast<std::size_t>(end - digits.data());
    line.append(least_digits - std::min(count, least_digits), '0');
    line.append(digits.data(), count);
}

void append_time(std::string& line, WallTime at) {
    const auto since = std::chrono::floor<std::chrono::microseconds>(at.time_since_epoch());
    const auto micros = static_cast<std::uint64_t>(since.count());
    append_number(line, micros / 1000000);
    line += '.';
    append_number(line, micros % 1000000, 6);
}

/// "seconds.microseconds" since the epoch, six digits after the point.
std::optional<WallTime> parse_time(std::string_view text) {
    constexpr std::int64_t kMaxSeconds = 1LL << 33U; // year 2242; keeps nanoseconds in range
    const std::size_t point = text.find('.');
    if (point == std::string_view::npos || text.size() - point != 7) {
        return std::nullopt;
    }
    const auto seconds = parse_number<std::int64_t>(text.substr(0, point));
    const auto micros = parse_number<std::uint32_t>(text.substr(point + 1));
    if (!seconds || !micros || *seconds < 0 || *seconds > kMaxSeconds) {
        return std::nullopt;
    }
    return WallTime(std::chrono::seconds(*seconds) + std::chrono::microseconds(*micros));
}

} // namespace

std::string format_limiter_record(const LimiterRecord& record) {
    const auto known = std::find_if(kKindWords.begin(), kKindWords.end(),
                                    [&](const KindWord& row) { return row.kind == record.kind; });
    std::string line;
    line.reserve(64 + record.account.size() + record.origin.size() + record.service.size());
    line += kVersion;
    line += ' ';
    append_time(line, record.at);
    line += ' ';
    line += known->word;
    line += ' ';
    append_number(line, record.id);
    line += ' ';
    append_quoted(line, record.account);
    line += ' ';
    append_quoted(line, record.origin);
    line += ' ';
    append_quoted(line, record.service);
    line += record.own_session ? " own " : " any ";
    line += kEnd;
    line += '\n';
    return line;
}

std::optional<LimiterRecord> parse_limiter_record(std::string_view line) {
    constexpr std::size_t kWords = 9;
    std::array<std::string_view, kWords> words;
    if (line.size() > kMaxLineBytes) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < kWords; ++i) {
        const std::size_t blank = line.find(' ');
        if ((blank == std::string_view::npos) != (i + 1 == kWords)) {
            return std::nullopt;
        }
        words[i] = line.substr(0, blank);
        line.remove_prefix(i + 1 == kWords ? line.size() : blank + 1);
    }
    const auto kind = std::find_if(kKindWords.begin(), kKindWords.end(),
                                   [&](const KindWord& row) { return row.word == words[2]; });
    const auto at = parse_time(words[1]);
    const auto id = parse_number<std::uint64_t>(words[3]);
    auto account = unquote(words[4]);
    auto origin = unquote(words[5]);
    auto service = unquote(words[6]);
    if (words[0] != kVersion || kind == kKindWords.end() || !at || !id || *id > kMaxId ||
        !account || !origin || !service || (words[7] != "own" && words[7] != "any") ||
        words[8] != kEnd) {
        return std::nullopt;
    }
    const bool of_no_account =
        kind->kind == LimiterRecord::Kind::Rewritten || kind->kind == LimiterRecord::Kind::Lost;
    if (account->empty() != of_no_account) {
        return std::nullopt;
    }
    return LimiterRecord{
        kind->kind,         *at, *id, *std::move(account), *std::move(origin), words[7] == "own",
        *std::move(service)};
}

} // namespace raxauth::limits
