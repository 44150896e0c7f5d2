// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/limiter_log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <variant>

namespace raxauth::limits {
namespace {

constexpr const char* kFile = "limiter.log";
constexpr const char* kNewFile = "limiter.log.new";
constexpr std::string_view kVersion = "1";
// The last word of each line: a line that was cut off lacks it.
constexpr std::string_view kEnd = ".";
constexpr std::string_view kNothing = "-";
constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20U;
constexpr std::size_t kLinesWorthARewrite = 4096;
constexpr std::chrono::seconds kRetryAfter{10};
constexpr std::uint64_t kMaxId = std::uint64_t{1} << 62U;

struct KindWord {
    LimiterRecord::Kind kind;
    std::string_view word;
};
constexpr std::array<KindWord, 7> kKindWords{{
    {LimiterRecord::Kind::Passcode, "passcode"},
    {LimiterRecord::Kind::Challenge, "challenge"},
    {LimiterRecord::Kind::Refund, "refund"},
    {LimiterRecord::Kind::Password, "password"},
    {LimiterRecord::Kind::Ban, "ban"},
    {LimiterRecord::Kind::SignedIn, "signed-in"},
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

/// -1 and errno when not everything was written.
int write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return -1;
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

/// errno in place of bytes when it is not a file of ours that can be read.
std::variant<std::string, int> read_log(int directory) {
    const UniqueFd fd(openat(directory, kFile, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) != 0) {
        return errno;
    }
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return EPERM; // who could write there could have taken counts away
    }
    std::string bytes;
    std::array<char, 65536> chunk{};
    while (bytes.size() < kMaxFileBytes) {
        const ssize_t count = read(fd.get(), chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return errno;
        }
        if (count == 0) {
            break;
        }
        bytes.append(chunk.data(), static_cast<std::size_t>(count));
    }
    return bytes;
}

} // namespace

std::string format_limiter_record(const LimiterRecord& record) {
    const auto known = std::find_if(kKindWords.begin(), kKindWords.end(),
                                    [&](const KindWord& row) { return row.kind == record.kind; });
    std::string line;
    line.reserve(64 + record.account.size() + record.origin.size());
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
    line += record.own_session ? " own " : " any ";
    line += kEnd;
    line += '\n';
    return line;
}

std::optional<LimiterRecord> parse_limiter_record(std::string_view line) {
    constexpr std::size_t kWords = 8;
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
    if (words[0] != kVersion || kind == kKindWords.end() || !at || !id || *id > kMaxId ||
        !account || account->empty() || !origin || (words[6] != "own" && words[6] != "any") ||
        words[7] != kEnd) {
        return std::nullopt;
    }
    return LimiterRecord{kind->kind,       *at, *id, *std::move(account), *std::move(origin),
                         words[6] == "own"};
}

LimiterLog::LimiterLog(const Clock& clock, std::string directory)
    : clock_(clock), path_(std::move(directory)) {}

void LimiterLog::failed(std::string what, int error) {
    trouble_ = std::move(what) + ": " + std::generic_category().message(error);
    incomplete_ = true;
    next_try_ = clock_.monotonic() + kRetryAfter;
}

bool LimiterLog::open_directory() {
    if (!directory_) {
        directory_.reset(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!directory_) {
            failed("open " + path_, errno);
        }
    }
    return static_cast<bool>(directory_);
}

void LimiterLog::open_for_appending() {
    file_.reset(openat(directory_.get(), kFile,
                       O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
}

void LimiterLog::replay(const std::function<void(const LimiterRecord&)>& take) {
    if (!open_directory()) {
        return;
    }
    const auto outcome = read_log(directory_.get());
    if (const int* error = std::get_if<int>(&outcome)) {
        if (*error != ENOENT) {
            failed("read " + path_ + '/' + kFile, *error);
            counts_lost_ = true;
        }
        return;
    }
    std::string_view rest = std::get<std::string>(outcome);
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        if (const auto record = parse_limiter_record(rest.substr(0, end))) {
            take(*record);
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
        ++lines_;
    }
}

void LimiterLog::append(const std::vector<LimiterRecord>& records) {
    if (!file_) {
        incomplete_ = true; // rewrite() brings everything in once it can
        return;
    }
    // After a torn line the next one must not be swallowed by it.
    std::string bytes(incomplete_ ? "\n" : "");
    for (const LimiterRecord& record : records) {
        bytes += format_limiter_record(record);
    }
    if (write_all(file_.get(), bytes) != 0) {
        failed("write " + path_ + '/' + kFile, errno);
        return;
    }
    lines_ += records.size();
}

bool LimiterLog::wants_rewrite() const {
    if (incomplete_) {
        return clock_.monotonic() >= next_try_;
    }
    return lines_ > kLinesWorthARewrite + 4 * live_;
}

void LimiterLog::rewrite(const std::vector<LimiterRecord>& live) {
    if (!open_directory()) {
        return;
    }
    std::string bytes;
    for (const LimiterRecord& record : live) {
        bytes += format_limiter_record(record);
    }
    static_cast<void>(unlinkat(directory_.get(), kNewFile, 0)); // left by a crash, perhaps
    UniqueFd fresh(openat(directory_.get(), kNewFile,
                          O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fresh || write_all(fresh.get(), bytes) != 0 ||
        renameat(directory_.get(), kNewFile, directory_.get(), kFile) != 0) {
        failed("write " + path_ + '/' + kNewFile, errno);
        static_cast<void>(unlinkat(directory_.get(), kNewFile, 0));
        if (!file_) {
            open_for_appending(); // the old file may still take a line
        }
        return;
    }
    file_ = std::move(fresh);
    lines_ = live.size();
    live_ = live.size();
    incomplete_ = false;
    if (!std::exchange(counts_lost_, false)) {
        trouble_.reset();
    }
}

} // namespace raxauth::limits
