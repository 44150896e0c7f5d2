// SPDX-License-Identifier: Apache-2.0
#include "cli/configuration_review.h"

#include "cli/as_daemon.h"
#include "cli/spelling.h"
#include "common/text.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

namespace raxauth::cli {
namespace {

using settings::SettingsFault;
using settings::SettingsFaults;

std::string written(const SettingsFaults& faults) {
    nlohmann::json list = nlohmann::json::array();
    for (const SettingsFault& fault : faults) {
        list.push_back({fault.file, fault.line, fault.key, fault.found, fault.wanted});
    }
    return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

SettingsFaults read_back(const std::string& text) {
    SettingsFaults faults;
    for (const nlohmann::json& one : nlohmann::json::parse(text)) {
        faults.push_back({one.at(0), one.at(1), one.at(2), one.at(3), one.at(4)});
    }
    return faults;
}

/// Names in a folder, sorted; none if it cannot be read.
std::set<std::string> names_in(const std::string& folder) {
    std::set<std::string> names;
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(folder, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        names.insert(entry->path().filename().string());
    }
    return names;
}

/// What editors and dpkg leave behind is not meant to be read.
bool is_left_over(const std::string& name) {
    constexpr std::array<std::string_view, 6> kMarks{".dpkg-", ".ucf-", ".bak",
                                                     ".old",   ".orig", ".disabled"};
    return name.front() == '.' || name.back() == '~' || name.starts_with("README") ||
           std::any_of(kMarks.begin(), kMarks.end(),
                       [&](std::string_view mark) { return name.find(mark) != std::string::npos; });
}

void add_unread_files(std::vector<std::string>& mistakes, const std::string& folder) {
    for (const std::string& name : names_in(folder)) {
        if (!name.ends_with(".toml") && !is_left_over(name)) {
            mistakes.push_back(fmt::format("{}/{} is not read: its name does not end in .toml",
                                           sanitise(folder), sanitise(name)));
        }
    }
}

void add_unknown_services(std::vector<std::string>& mistakes, const PamPlaces& places,
                          const settings::Settings& settings) {
    std::set<std::string> known;
    for (const std::string& folder : places.services) {
        known.merge(names_in(folder));
    }
    if (known.empty()) {
        return; // no PAM here: a draft is checked elsewhere
    }
    for (const auto& [name, own] : settings.services) {
        if (known.contains(name)) {
            continue;
        }
        // ssh is what people call sshd
        const std::string meant = known.contains(name + 'd')
                                      ? name + 'd'
                                      : nearest_word(name, {known.begin(), known.end()});
        mistakes.push_back(fmt::format(
            "[services.{}] has no effect: no PAM service of this host is called that ({}/{} does "
            "not exist){}",
            name, places.services.front(), name,
            meant.empty() ? "" : fmt::format("; did you mean [services.{}]?", sanitise(meant))));
    }
}

} // namespace

SettingsFaults review_as_daemon(const Surroundings& around) {
    const auto seen = as_daemon_user(around.daemon_user, [&] {
        const auto outcome = settings::load_settings(around.settings);
        const auto* const faults = std::get_if<SettingsFaults>(&outcome);
        return written(faults != nullptr ? *faults : SettingsFaults{});
    });
    SettingsFaults faults = seen ? read_back(*seen) : SettingsFaults{};
    for (SettingsFault& fault : faults) {
        fault.wanted += fmt::format(" for user {}, as raxauthd runs", around.daemon_user);
    }
    return faults;
}

std::vector<std::string> review_for_mistakes(const Surroundings& around,
                                             const settings::Settings& settings) {
    std::vector<std::string> mistakes;
    if (!around.settings.directory.empty()) {
        add_unread_files(mistakes, around.settings.directory);
    }
    add_unknown_services(mistakes, around.pam, settings);
    return mistakes;
}

} // namespace raxauth::cli
