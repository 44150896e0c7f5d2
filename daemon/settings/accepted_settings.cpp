// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings/accepted_settings.h"

#include "common/account_rules.h"
#include "common/unique_fd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace raxauth::settings {
namespace {

constexpr const char* kFile = "accepted-configuration";
constexpr std::string_view kFirstLine = "raxauth-configuration 1\n";
constexpr std::string_view kLastLine = "end\n";
constexpr std::size_t kMaxBytes = std::size_t{32} << 20U;

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd open_directory(const std::string& path) {
    UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory) {
        fail(path);
    }
    return directory;
}

void write_all(int fd, std::string_view bytes, const std::string& name) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            fail(name);
        }
        bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
}

/// A reader finds the file as it was, or as it is to be.
void replace_file(int directory, const std::string& name, std::string_view bytes) {
    const std::string fresh = name + ".new";
    static_cast<void>(::unlinkat(directory, fresh.c_str(), 0)); // of one who did not come so far
    const UniqueFd fd(::openat(directory, fresh.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) {
        fail(fresh);
    }
    write_all(fd.get(), bytes, fresh);
    if (::fsync(fd.get()) < 0 ||
        ::renameat(directory, fresh.c_str(), directory, name.c_str()) < 0 ||
        ::fsync(directory) < 0) {
        fail(name);
    }
}

/// Each file as a line with two lengths, then its name and its bytes.
std::string format(const std::vector<SettingsText>& texts) {
    std::string result(kFirstLine);
    for (const SettingsText& text : texts) {
        result += fmt::format("file {} {}\n", text.file.size(), text.bytes.size());
        result += text.file;
        result += text.bytes;
        result += '\n';
    }
    result += kLastLine;
    return result;
}

/// Takes a number and the character behind it off `text`.
std::optional<std::size_t> take_number(std::string_view& text, char behind) {
    std::size_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || rest == end || *rest != behind || number > kMaxBytes) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + 1);
    return number;
}

std::optional<std::vector<SettingsText>> parse(std::string_view text) {
    constexpr std::string_view kFileWord = "file ";
    if (!text.starts_with(kFirstLine)) {
        return std::nullopt;
    }
    text.remove_prefix(kFirstLine.size());
    std::vector<SettingsText> texts;
    while (text != kLastLine) {
        if (!text.starts_with(kFileWord)) {
            return std::nullopt;
        }
        text.remove_prefix(kFileWord.size());
        const auto name = take_number(text, ' ');
        const auto bytes = name ? take_number(text, '\n') : std::nullopt;
        if (!bytes || text.size() < *name + *bytes + 1 || text[*name + *bytes] != '\n') {
            return std::nullopt;
        }
        texts.push_back(
            {std::string(text.substr(0, *name)), std::string(text.substr(*name, *bytes))});
        text.remove_prefix(*name + *bytes + 1);
    }
    return texts;
}

std::string read_all(int fd) {
    std::string bytes;
    std::array<char, 16384> chunk{};
    for (;;) {
        const ssize_t count = ::read(fd, chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            fail(kFile);
        }
        if (count == 0) {
            return bytes;
        }
        bytes.append(chunk.data(), static_cast<std::size_t>(count));
        if (bytes.size() > kMaxBytes) {
            throw std::runtime_error(fmt::format("{} is too long", kFile));
        }
    }
}

} // namespace

void AcceptedSettings::keep(const std::vector<SettingsText>& texts,
                            const Settings& settings) const {
    const UniqueFd directory = open_directory(directory_);
    try {
        replace_file(directory.get(), kAccountRulesFile,
                     raxauth::format(AccountRules{settings.demanding_services()}));
    } catch (const std::exception&) {
        // Rules of before would let in by a service that demands a sign-in now. An empty file says
        // no to everything, and making one needs no space.
        const UniqueFd former(::openat(directory.get(), kAccountRulesFile,
                                       O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        throw;
    }
    const std::string configuration = format(texts);
    if (configuration.size() > kMaxBytes) {
        errno = EFBIG;
        fail(kFile);
    }
    replace_file(directory.get(), kFile, configuration);
}

std::vector<SettingsText> AcceptedSettings::kept() const {
    const UniqueFd directory = open_directory(directory_);
    const UniqueFd fd(::openat(directory.get(), kFile,
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (!fd) {
        if (errno == ENOENT) {
            return {};
        }
        fail(kFile);
    }
    struct stat status{};
    if (::fstat(fd.get(), &status) < 0) {
        fail(kFile);
    }
    if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        throw std::runtime_error(
            fmt::format("{} is not a file that this daemon alone may write to", kFile));
    }
    auto texts = parse(read_all(fd.get()));
    if (!texts) {
        throw std::runtime_error(fmt::format("{} is damaged", kFile));
    }
    return *std::move(texts);
}

} // namespace raxauth::settings
