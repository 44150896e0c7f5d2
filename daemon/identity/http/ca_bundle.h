// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <sys/stat.h>

namespace raxauth::identity {

/// The file of certificates to verify with, watched: libcurl keeps it parsed for a day, and a
/// certificate that was taken out would be believed as long.
class CaBundle {
  public:
    /// Empty: libcurl's defaults, which are not watched.
    explicit CaBundle(std::string path) : path_(std::move(path)), seen_(look()) {}

    /// Has the file changed since the last call?
    bool changed() {
        const Seen now = look();
        if (now == seen_) {
            return false;
        }
        seen_ = now;
        second_spelling_ = !second_spelling_;
        return true;
    }
    /// The path in another spelling after each change ("/./etc/..." names the same file): what
    /// libcurl keeps by this name (parsed bundle, connections, TLS sessions) is not used again.
    std::string path() const { return second_spelling_ ? "/." + path_ : path_; }

  private:
    struct Seen {
        ino_t inode = 0;
        off_t bytes = 0;
        timespec modified{};
        timespec attributes{};

        bool operator==(const Seen& other) const noexcept {
            const auto same = [](const timespec& a, const timespec& b) {
                return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
            };
            return inode == other.inode && bytes == other.bytes && same(modified, other.modified) &&
                   same(attributes, other.attributes);
        }
    };

    Seen look() const {
        struct stat status{};
        if (path_.empty() || ::stat(path_.c_str(), &status) != 0) {
            return {};
        }
        return {status.st_ino, status.st_size, status.st_mtim, status.st_ctim};
    }

    std::string path_;
    Seen seen_;
    bool second_spelling_ = false;
};

} // namespace raxauth::identity
