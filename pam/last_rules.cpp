// SPDX-License-Identifier: Apache-2.0
#include "pam/last_rules.h"

#include "common/account_rules.h"
#include "common/error_words.h"
#include "common/unique_fd.h"

#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace raxauth::pam {
namespace {

LastRule unknown(std::string why) {
    return {Demand::Unknown, "account rules not usable: " + std::move(why)};
}

LastRule rule_in(const AccountRules& rules, std::string_view service, const char* source) {
    const bool demands = rules.demand_sign_in(service);
    return {demands ? Demand::SignIn : Demand::Nothing,
            std::string(source) + (demands ? " demand a sign-in" : " demand nothing")};
}

/// The text of the file if that is at most kMaxAccountRulesBytes long.
std::optional<std::string> read_bounded(int fd) {
    std::string text(kMaxAccountRulesBytes + 1, '\0');
    std::size_t length = 0;
    while (length < text.size()) {
        const ssize_t got = ::read(fd, text.data() + length, text.size() - length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return std::nullopt;
        }
        if (got == 0) {
            text.resize(length);
            return text;
        }
        length += static_cast<std::size_t>(got);
    }
    return std::nullopt;
}

bool others_may_write(const struct stat& status) {
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

} // namespace

LastRule last_rule_of(std::string_view service, const char* directory) {
    const UniqueFd place(
        ::open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!place && errno == ENOENT) {
        return rule_in(AccountRules::built_in(), service, "built-in rules");
    }
    struct stat owner{};
    if (!place || ::fstat(place.get(), &owner) < 0) {
        return unknown(error_words(errno));
    }
    const UniqueFd file(::openat(place.get(), kAccountRulesFile,
                                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (!file && errno == ENOENT) {
        return rule_in(AccountRules::built_in(), service, "built-in rules");
    }
    struct stat status{};
    if (!file || ::fstat(file.get(), &status) < 0) {
        return unknown(error_words(errno));
    }
    const bool owned = status.st_uid == 0 || status.st_uid == owner.st_uid;
    if (!S_ISREG(status.st_mode) || !owned || others_may_write(status) || others_may_write(owner)) {
        return unknown("not a file that the daemon alone may write to");
    }
    const auto text = read_bounded(file.get());
    const auto rules = text ? parse_account_rules(*text) : std::nullopt;
    if (!rules) {
        return unknown("damaged, or of another version");
    }
    return rule_in(*rules, service, "rules last accepted");
}

} // namespace raxauth::pam
