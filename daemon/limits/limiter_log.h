// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"
#include "daemon/limits/limiter_record.h"
#include "daemon/loop/clock.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace raxauth::limits {

/// The limiter's memory on disk: a text file that is only appended to, or replaced as a whole.
/// What is written is in the kernel's hands at once: it outlives this process, crashed or not, but
/// perhaps not a power cut (no fsync: a login must not wait for a disk). Each file holds some disk
/// space in reserve, so that a disk that fills up later does not stop it.
///
/// A file that does not end with a newline has lost records: a failed write removes the newline,
/// and a torn line has none. Nothing here throws if the disk fails: see trouble().
class LimiterLog {
  public:
    /// `clock` outlives the log.
    LimiterLog(const Clock& clock, std::string directory);

    /// Hands over every whole line, in order. Call rewrite() afterwards with what still counts.
    /// A file that is too long to read loses its oldest lines.
    void replay(const std::function<void(const LimiterRecord&)>& take);
    /// When records were last lost before replay(), as far as the file can tell; nothing when it
    /// was whole, or when there was none.
    const std::optional<WallTime>& lost_at() const noexcept { return lost_at_; }

    /// One write for all of `records`: either all of them are in the file or, when the disk fails,
    /// none, and the file says that it has lost some.
    void append(const std::vector<LimiterRecord>& records);
    /// Has the file grown well beyond what counted at its last rewrite, or is there something to
    /// make good that could not be written?
    bool wants_rewrite() const;
    /// Replaces the file atomically, so that a crash leaves the old or the new one.
    void rewrite(const std::vector<LimiterRecord>& live);

    /// Is everything in the file that was appended?
    bool is_complete() const noexcept { return file_ && !incomplete_; }
    const std::optional<std::string>& trouble() const noexcept { return trouble_; }

  private:
    bool open_directory();
    void open_for_appending();
    void failed(std::string action, int error);
    void mark_as_incomplete();

    const Clock& clock_;
    std::string path_; ///< of the directory
    UniqueFd directory_;
    UniqueFd file_;
    std::optional<std::string> trouble_;
    std::optional<WallTime> lost_at_;
    bool incomplete_ = false; ///< the file lacks a record
    bool retry_ = false;      ///< a rewrite failed
    MonotonicTime next_try_{};
    std::size_t bytes_ = 0; ///< in the file, its last newline included even if that is missing
    std::size_t lines_ = 0; ///< in the file
    std::size_t live_ = 0;  ///< of them at the last rewrite
};

} // namespace raxauth::limits
