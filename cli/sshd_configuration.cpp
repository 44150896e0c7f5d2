// SPDX-License-Identifier: Apache-2.0
#include "cli/sshd_configuration.h"

#include <algorithm>
#include <fstream>
#include <glob.h>
#include <sstream>

namespace raxauth::cli {
namespace {

constexpr int kMaxDepth = 16; // SERVCONF_MAX_DEPTH of OpenSSH

std::string lower_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return result;
}

std::string_view trim(std::string_view text, std::string_view blanks) {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string> expand(const std::string& pattern) {
    std::vector<std::string> files;
    glob_t found{};
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
        files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
    return files;
}

class Walk {
  public:
    explicit Walk(std::string directory) : directory_(std::move(directory)) {}

    void read(const std::string& file, bool in_match, int depth) { // NOLINT(misc-no-recursion)
        std::ifstream stream(file);
        std::string line;
        for (unsigned number = 1; std::getline(stream, line); ++number) {
            const std::string_view text = trim(line, " \t\r\f\v");
            if (text.empty() || text.front() == '#') {
                continue;
            }
            const std::size_t end = std::min(text.find_first_of(" \t="), text.size());
            SshdSetting setting;
            setting.keyword = lower_case(text.substr(0, end));
            setting.value = trim(text.substr(end), " \t=\"");
            if (setting.keyword == "match") {
                // "Match all" ends a block; a Match in an included file ends with that file.
                in_match = lower_case(setting.value) != "all";
            } else if (setting.keyword == "include") {
                include(setting.value, in_match, depth);
            } else {
                setting.file = file;
                setting.line = number;
                setting.in_match = in_match;
                settings_.push_back(std::move(setting));
            }
        }
    }

    std::vector<SshdSetting> take_settings() { return std::move(settings_); }

  private:
    void include(const std::string& patterns, bool in_match, int depth) {
        if (depth >= kMaxDepth) {
            return;
        }
        std::istringstream words(patterns);
        for (std::string pattern; words >> pattern;) {
            const std::string path(trim(pattern, "\""));
            for (const std::string& file :
                 expand(path.substr(0, 1) == "/" ? path : directory_ + '/' + path)) {
                read(file, in_match, depth + 1);
            }
        }
    }

    std::string directory_;
    std::vector<SshdSetting> settings_;
};

} // namespace

std::vector<SshdSetting> read_sshd_settings(const std::string& file, const std::string& directory) {
    Walk walk(directory);
    walk.read(file, /* in_match= */ false, /* depth= */ 0);
    return walk.take_settings();
}

std::string effective_value(std::string_view sshd_output, std::string_view keyword) {
    std::istringstream lines{std::string(sshd_output)};
    for (std::string line; std::getline(lines, line);) {
        const std::size_t blank = line.find(' ');
        if (blank != std::string::npos && std::string_view(line).substr(0, blank) == keyword) {
            return line.substr(blank + 1);
        }
    }
    return {};
}

} // namespace raxauth::cli
