// SPDX-License-Identifier: Apache-2.0
#include "pam/options.h"

#include "common/text.h"

#include <charconv>
#include <optional>
#include <string_view>

namespace raxauth::pam {
namespace {

/// Longer than any daemon or PAM application waits.
constexpr unsigned kMaxTimeoutSeconds = 600;

struct Flag {
    std::string_view name;
    bool Options::* field;
};

constexpr Flag kFlags[] = {
    {"debug", &Options::debug},
    {"try_first_pass", &Options::try_first_pass},
    {"use_first_pass", &Options::use_first_pass},
    {"no_reuse", &Options::no_reuse},
};

std::optional<unsigned> number(std::string_view text) {
    unsigned value = 0;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto [rest, error] = std::from_chars(begin, end, value);
    if (text.empty() || error != std::errc{} || rest != end) {
        return std::nullopt;
    }
    return value;
}

bool set_flag(Options& options, std::string_view word) {
    for (const Flag& flag : kFlags) {
        if (flag.name == word) {
            options.*flag.field = true;
            return true;
        }
    }
    return false;
}

enum class Setting { Taken, BadValue, Unknown };

Setting set_value(Options& options, std::string_view key, std::string_view value) {
    if (key == "user_unknown") {
        if (value != "ignore") {
            return Setting::BadValue;
        }
        options.ignore_unknown_user = true;
    } else if (key == "timeout") {
        const auto seconds = number(value);
        if (!seconds || *seconds == 0 || *seconds > kMaxTimeoutSeconds) {
            return Setting::BadValue;
        }
        options.timeout = std::chrono::seconds(*seconds);
    } else if (key == "minimum_uid" || key == "maximum_uid") {
        const auto uid = number(value);
        if (!uid || *uid == contract::kUnsetId) {
            return Setting::BadValue;
        }
        (key == "minimum_uid" ? options.minimum_uid : options.maximum_uid) = *uid;
    } else if (key == "exempt_user" || key == "exempt_group") {
        if (value.empty()) {
            return Setting::BadValue;
        }
        auto& names = key == "exempt_user" ? options.exempt_users : options.exempt_groups;
        names.emplace_back(value);
    } else {
        return Setting::Unknown;
    }
    return Setting::Taken;
}

} // namespace

ParsedOptions parse_options(int argc, const char** argv) {
    ParsedOptions parsed;
    for (int i = 0; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (set_flag(parsed.options, word)) {
            continue;
        }
        const std::size_t equals = word.find('=');
        const std::string_view key = word.substr(0, equals);
        const Setting setting = equals == std::string_view::npos
                                    ? Setting::Unknown
                                    : set_value(parsed.options, key, word.substr(equals + 1));
        if (setting == Setting::Unknown) {
            parsed.faults.push_back("unknown option: " + sanitise(key));
        } else if (setting == Setting::BadValue) {
            parsed.faults.push_back("bad value, option ignored: " + sanitise(word));
        }
    }
    return parsed;
}

} // namespace raxauth::pam
