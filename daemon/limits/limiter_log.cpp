// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits/limiter_log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <variant>

namespace raxauth::limits {
namespace {

constexpr const char* kFile = "limiter.log";
constexpr const char* kNewFile = "limiter.log.new";
constexpr off_t kMaxFileBytes = off_t{64} << 20U;
constexpr off_t kReservedBytes = off_t{256} << 10U; ///< some 2500 lines
constexpr std::size_t kLinesWorthARewrite = 4096;
constexpr std::chrono::seconds kRetryAfter{10};
constexpr std::chrono::hours kLossMattersFor{1}; ///< longer than any window of counts

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

struct FileContent {
    std::string bytes; ///< the last of them, when there are too many
    std::size_t size = 0;
    WallTime changed_at{};
};

/// errno in place of the content when it is not a file of ours that can be read. Of a file that is
/// too long, the end: the newest counts matter most.
std::variant<FileContent, int> read_log(int directory) {
    const UniqueFd fd(openat(directory, kFile, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) != 0) {
        return errno;
    }
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return EPERM; // others may have taken counts away
    }
    FileContent content;
    content.size = static_cast<std::size_t>(status.st_size);
    content.changed_at = WallTime(std::chrono::seconds(status.st_mtim.tv_sec) +
                                  std::chrono::microseconds(status.st_mtim.tv_nsec / 1000));
    if (status.st_size > kMaxFileBytes &&
        lseek(fd.get(), status.st_size - kMaxFileBytes, SEEK_SET) < 0) {
        return errno;
    }
    std::array<char, 65536> chunk{};
    for (;;) {
        const ssize_t count = read(fd.get(), chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return errno;
        }
        if (count == 0) {
            return content;
        }
        content.bytes.append(chunk.data(), static_cast<std::size_t>(count));
    }
}

} // namespace

LimiterLog::LimiterLog(const Clock& clock, std::string directory)
    : clock_(clock), path_(std::move(directory)) {}

void LimiterLog::failed(std::string action, int error) {
    trouble_ = std::move(action) + ": " + std::generic_category().message(error);
    retry_ = true;
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
    file_.reset(
        openat(directory_.get(), kFile, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
}

void LimiterLog::replay(const std::function<void(const LimiterRecord&)>& take) {
    if (!open_directory()) {
        return;
    }
    const auto outcome = read_log(directory_.get());
    if (const int* error = std::get_if<int>(&outcome)) {
        if (*error != ENOENT) {
            failed("read " + path_ + '/' + kFile, *error);
            incomplete_ = true;
            lost_at_ = clock_.wall();
        }
        return;
    }
    const FileContent& content = std::get<FileContent>(outcome);
    std::string_view rest = content.bytes;
    bytes_ = content.size;
    std::size_t whole = 0;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        if (const auto record = parse_limiter_record(rest.substr(0, end))) {
            ++whole;
            if (record->kind == LimiterRecord::Kind::Lost) {
                lost_at_ = std::min(record->at, clock_.wall());
            } else if (record->kind != LimiterRecord::Kind::Rewritten) {
                take(*record);
            }
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
        ++lines_;
    }
    if (whole == 0 || content.bytes.back() != '\n') {
        lost_at_ = std::min(content.changed_at, clock_.wall());
        incomplete_ = true;
        ++bytes_; // as if the last line had its newline
    }
}

/// Leaves a trace for the next replay() that needs no disk space: the file loses its last newline,
/// or exists and is empty, and its time is that of the loss.
void LimiterLog::mark_as_incomplete() {
    incomplete_ = true;
    if (!open_directory()) {
        return;
    }
    if (file_) {
        const off_t shorter = static_cast<off_t>(bytes_ > 0 ? bytes_ - 1 : 0);
        if (ftruncate(file_.get(), shorter) < 0) {
            return; // read-only by now: what is on disk stands
        }
    } else {
        const UniqueFd empty(openat(directory_.get(), kFile,
                                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    }
    const auto since = clock_.wall().time_since_epoch();
    timespec now{};
    now.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(since).count();
    const timespec times[] = {now, now};
    static_cast<void>(utimensat(directory_.get(), kFile, times, AT_SYMLINK_NOFOLLOW));
}

void LimiterLog::append(const std::vector<LimiterRecord>& records) {
    if (!file_) {
        mark_as_incomplete(); // rewrite() brings everything in once it can
        return;
    }
    // After a missing newline, the next line must not be swallowed by the one before.
    std::string bytes(incomplete_ ? "\n" : "");
    for (const LimiterRecord& record : records) {
        bytes += format_limiter_record(record);
    }
    if (incomplete_) {
        bytes.pop_back(); // still incomplete
    }
    if (write_all(file_.get(), bytes) != 0) {
        failed("write " + path_ + '/' + kFile, errno);
        mark_as_incomplete();
        return;
    }
    bytes_ += bytes.size();
    lines_ += records.size();
}

bool LimiterLog::wants_rewrite() const {
    if (incomplete_ || retry_) {
        return clock_.monotonic() >= next_try_;
    }
    return lines_ > kLinesWorthARewrite + 4 * live_;
}

void LimiterLog::rewrite(const std::vector<LimiterRecord>& live) {
    if (!open_directory()) {
        return;
    }
    std::string bytes = format_limiter_record({LimiterRecord::Kind::Rewritten, clock_.wall()});
    if (lost_at_ && clock_.wall() - *lost_at_ < kLossMattersFor) {
        bytes += format_limiter_record({LimiterRecord::Kind::Lost, *lost_at_});
    }
    for (const LimiterRecord& record : live) {
        bytes += format_limiter_record(record);
    }
    static_cast<void>(unlinkat(directory_.get(), kNewFile, 0)); // left by a crash, perhaps
    UniqueFd fresh(openat(directory_.get(), kNewFile,
                          O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    const bool has_space =
        fresh && (fallocate(fresh.get(), FALLOC_FL_KEEP_SIZE, 0,
                            static_cast<off_t>(bytes.size()) + kReservedBytes) == 0 ||
                  errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL);
    if (!has_space || write_all(fresh.get(), bytes) != 0 ||
        renameat(directory_.get(), kNewFile, directory_.get(), kFile) != 0) {
        failed("write " + path_ + '/' + kNewFile, errno);
        static_cast<void>(unlinkat(directory_.get(), kNewFile, 0));
        if (!file_) {
            open_for_appending(); // the old file may still take a line, from its reserve
        }
        return;
    }
    file_ = std::move(fresh);
    bytes_ = bytes.size();
    lines_ = live.size() + 1;
    live_ = live.size();
    incomplete_ = false;
    retry_ = false;
    trouble_.reset();
}

} // namespace raxauth::limits
