// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_fd.h"
#include "daemon/loop/clock.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raxauth::limits {

/// One line of limiter.log.
struct LimiterRecord {
    enum class Kind {
        Passcode,  ///< a passcode is about to be tried: counted, unless a Refund follows
        Challenge, ///< the same for a first step
        Refund,    ///< takes back the Passcode or Challenge of that id
        Password,  ///< a wrong password
        Ban,       ///< a client that gives the password to every prompt
        SignedIn,  ///< the passcodes above are forgotten, and so are this origin's passwords
        Known,     ///< the origin signed in at that time (written when the log is rewritten)
    };
    Kind kind = Kind::Passcode;
    WallTime at{}; ///< to the microsecond
    std::uint64_t id = 0;
    std::string account;
    std::string origin;
    bool own_session = false;
};

/// With its newline. Names are quoted so that none can end a line or forge another.
std::string format_limiter_record(const LimiterRecord& record);
/// `line` without its newline; nothing for what format_limiter_record() cannot have written.
std::optional<LimiterRecord> parse_limiter_record(std::string_view line);

/// The limiter's memory on disk: a text file that is only ever appended to, or replaced as a whole.
/// What is written is in the kernel's hands at once: it outlives this process, crashed or not, but
/// perhaps not a power cut (no fsync: a login must not wait for a disk).
/// Nothing here throws for a disk that fails: see trouble().
class LimiterLog {
  public:
    /// `clock` outlives the log.
    LimiterLog(const Clock& clock, std::string directory);

    /// Hands over every line that is whole, in order. Then rewrite() what still counts.
    void replay(const std::function<void(const LimiterRecord&)>& take);
    /// One write for all of `records`: either all of them stand in the file or, when the disk
    /// fails, perhaps a torn part, which replay() skips.
    void append(const std::vector<LimiterRecord>& records);
    /// Has the file grown well beyond what counted at its last rewrite, or is there something to
    /// make good that could not be written?
    bool wants_rewrite() const;
    /// Replaces the file; atomically, so that a crash leaves the old or the new one.
    void rewrite(const std::vector<LimiterRecord>& live);

    const std::optional<std::string>& trouble() const noexcept { return trouble_; }

  private:
    bool open_directory();
    void open_for_appending();
    void failed(std::string what, int error);

    const Clock& clock_;
    std::string path_; ///< of the directory
    UniqueFd directory_;
    UniqueFd file_;
    std::optional<std::string> trouble_;
    bool incomplete_ = false;  ///< something was not written, or only in part
    bool counts_lost_ = false; ///< the old file could not be read: worth telling after the rewrite
    MonotonicTime next_try_{};
    std::size_t lines_ = 0; ///< in the file
    std::size_t live_ = 0;  ///< of them at the last rewrite
};

} // namespace raxauth::limits
