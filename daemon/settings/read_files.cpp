// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/read_files.h"

#include "common/handle.h"
#include "common/unique_fd.h"

#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <variant>

namespace raxauth::settings {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20U;

using Directory = CHandle<DIR, closedir>;

/// Says what is wrong with who may write to an open file or directory.
std::optional<SettingsFault> distrust(const std::string& shown, const struct stat& status,
                                      uid_t owner) {
    if (status.st_uid != owner) {
        return SettingsFault{shown,
                             0,
                             {},
                             fmt::format("owner uid {}", status.st_uid),
                             fmt::format("owner uid {}", owner)};
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return SettingsFault{shown,
                             0,
                             {},
                             fmt::format("mode {:04o}", status.st_mode & 07777U),
                             "writable by its owner alone (chmod go-w)"};
    }
    return std::nullopt;
}

/// Opens once and judges what was opened, so that nothing can be swapped in between.
std::variant<std::string, SettingsFault> read_file(int directory, const char* name,
                                                   const std::string& shown, uid_t owner) {
    const auto fault = [&](std::string found, std::string wanted) {
        return SettingsFault{shown, 0, {}, std::move(found), std::move(wanted)};
    };
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    const UniqueFd fd(
        openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        return errno == ELOOP ? fault("a symbolic link", "a regular file")
                              : fault(error_text(errno), "a readable file");
    }
    struct stat status{};
    if (fstat(fd.get(), &status) != 0) {
        return fault(error_text(errno), "a readable file");
    }
    if (!S_ISREG(status.st_mode)) {
        return fault("no regular file", "a regular file");
    }
    if (auto wrong = distrust(shown, status, owner)) {
        return *std::move(wrong);
    }
    std::string bytes;
    std::array<char, 16384> chunk{};
    for (;;) {
        const ssize_t count = ::read(fd.get(), chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return fault(error_text(errno), "a readable file");
        }
        if (count == 0) {
            return bytes;
        }
        bytes.append(chunk.data(), static_cast<std::size_t>(count));
        if (bytes.size() > kMaxFileBytes) {
            return fault("more than 1 MiB", "at most 1 MiB");
        }
    }
}

void read_into(FilesRead& read, int directory, const char* name, const std::string& shown,
               uid_t owner) {
    auto outcome = read_file(directory, name, shown, owner);
    if (auto* fault = std::get_if<SettingsFault>(&outcome)) {
        read.faults.push_back(std::move(*fault));
    } else {
        read.texts.push_back({shown, std::get<std::string>(std::move(outcome))});
    }
}

bool is_drop_in(std::string_view name) {
    constexpr std::string_view kSuffix = ".toml";
    return name.front() != '.' && name.size() > kSuffix.size() &&
           name.substr(name.size() - kSuffix.size()) == kSuffix;
}

void read_drop_ins(FilesRead& read, const SettingsPlace& place) {
    const auto unreadable = [&] {
        read.faults.push_back({place.directory, 0, {}, error_text(errno), "a readable directory"});
    };
    UniqueFd fd(open(place.directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        if (errno != ENOENT) {
            unreadable();
        }
        return;
    }
    struct stat status{};
    if (fstat(fd.get(), &status) != 0) {
        unreadable();
        return;
    }
    if (auto wrong = distrust(place.directory, status, place.owner)) {
        read.faults.push_back(*std::move(wrong));
        return;
    }
    const Directory directory(fdopendir(fd.get()));
    if (!directory) {
        unreadable();
        return;
    }
    const int directory_fd = fd.release(); // closed by closedir()
    std::set<std::string> found;
    for (;;) {
        errno = 0;
        const dirent* entry = readdir(directory.get());
        if (entry == nullptr) {
            break;
        }
        if (is_drop_in(entry->d_name)) {
            found.insert(entry->d_name);
        }
    }
    if (errno != 0) {
        unreadable();
        return;
    }
    for (const std::string& name : found) {
        read_into(read, directory_fd, name.c_str(), place.directory + '/' + name, place.owner);
    }
}

} // namespace

std::string error_text(int error) {
    return std::generic_category().message(error);
}

FilesRead read_files(const SettingsPlace& place) {
    FilesRead read;
    read_into(read, AT_FDCWD, place.file.c_str(), place.file, place.owner);
    read_drop_ins(read, place);
    return read;
}

} // namespace raxauth::settings
