// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy/local_accounts.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <grp.h>
#include <pwd.h>
#include <system_error>
#include <utility>

namespace raxauth::policy {
namespace {

// Far above what any directory service gives out for one user; a look-up that wants more is a
// fault, and faults exempt nobody.
constexpr std::size_t kMaxBufferBytes = std::size_t{4} << 20U;
constexpr int kMaxGroups = 1 << 16;

/// Calls one of the get…_r functions with a buffer that grows until the record fits.
/// False: there is no such record. Errors: std::system_error.
template <class Call>
bool look_up(const char* what, std::vector<char>& buffer, Call call) {
    buffer.resize(std::max<std::size_t>(buffer.size(), 1024));
    for (;;) {
        const auto [error, found] = call(buffer.data(), buffer.size());
        if (error == EINTR) {
            continue;
        }
        if (error == ERANGE && buffer.size() < kMaxBufferBytes) {
            buffer.resize(buffer.size() * 2);
            continue;
        }
        // glibc says 0 where there is no record, and ENOENT where a source is broken.
        if (error != 0) {
            throw std::system_error(error, std::generic_category(), what);
        }
        return found;
    }
}

std::vector<std::string> group_names(const std::string& user, gid_t primary) {
    int count = 64;
    std::vector<gid_t> ids(static_cast<std::size_t>(count));
    while (getgrouplist(user.c_str(), primary, ids.data(), &count) < 0) {
        // Old glibc leaves `count` as it was; never go round with the same size.
        count = std::max(count, static_cast<int>(ids.size()) * 2);
        if (count > kMaxGroups) {
            throw std::system_error(ERANGE, std::generic_category(), "getgrouplist");
        }
        ids.resize(static_cast<std::size_t>(count));
    }
    ids.resize(static_cast<std::size_t>(count));

    std::vector<std::string> names;
    std::vector<char> buffer;
    for (const gid_t id : ids) {
        group record{};
        group* result = nullptr;
        const bool found = look_up("getgrgid_r", buffer, [&](char* bytes, std::size_t size) {
            const int error = getgrgid_r(id, &record, bytes, size, &result);
            const bool unnamed = error == ENOENT || error == ESRCH; // not worth refusing anybody
            return std::pair(unnamed ? 0 : error, result != nullptr);
        });
        if (found) { // a number without a name can be in no list of names
            names.emplace_back(record.gr_name);
        }
    }
    return names;
}

template <class Call>
std::optional<LocalAccount> find_account(const char* what, Groups groups, Call call) {
    std::vector<char> buffer;
    passwd record{};
    passwd* result = nullptr;
    const bool found = look_up(what, buffer, [&](char* bytes, std::size_t size) {
        const int error = call(&record, bytes, size, &result);
        return std::pair(error, result != nullptr);
    });
    if (!found) {
        return std::nullopt;
    }
    LocalAccount account;
    account.name = record.pw_name;
    account.uid = record.pw_uid;
    if (groups == Groups::Wanted) {
        account.groups = group_names(account.name, record.pw_gid);
    }
    return account;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

Task<std::optional<LocalAccount>> NssAccounts::find(std::string name, Groups groups,
                                                    Worker::Order order) {
    auto look = worker_.run(
        [name = std::move(name), groups]() -> std::optional<LocalAccount> {
            return find_account(
                "getpwnam_r", groups,
                [&](passwd* record, char* bytes, std::size_t size, passwd** result) {
                    return getpwnam_r(name.c_str(), record, bytes, size, result);
                });
        },
        order);
    std::optional<LocalAccount> found = co_await std::move(look);
    co_return found;
}

Task<std::optional<LocalAccount>> NssAccounts::find(uid_t uid) {
    auto look = worker_.run([uid]() -> std::optional<LocalAccount> {
        return find_account("getpwuid_r", Groups::Unwanted,
                            [&](passwd* record, char* bytes, std::size_t size, passwd** result) {
                                return getpwuid_r(uid, record, bytes, size, result);
                            });
    });
    std::optional<LocalAccount> found = co_await std::move(look);
    co_return found;
}

Groups groups_for_exemption(const settings::AccountSettings& settings) {
    return settings.exempt_groups.empty() ? Groups::Unwanted : Groups::Wanted;
}

bool is_exempt(const settings::AccountSettings& settings, const LocalAccount& account) {
    if (account.uid == 0 || account.uid < settings.minimum_uid ||
        account.uid > settings.maximum_uid || contains(settings.exempt_users, account.name)) {
        return true;
    }
    return std::any_of(account.groups.begin(), account.groups.end(), [&](const std::string& group) {
        return contains(settings.exempt_groups, group);
    });
}

} // namespace raxauth::policy
