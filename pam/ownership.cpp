// SPDX-License-Identifier: Apache-2.0
#include "pam/ownership.h"

#include "common/text.h"
#include "common/user_name.h"

#include <algorithm>
#include <cerrno>
#include <grp.h>
#include <pwd.h>
#include <vector>

namespace raxauth::pam {
namespace {

/// A directory may hold groups with thousands of members; beyond this it is an error.
constexpr std::size_t kMaxEntryBytes = std::size_t{4} << 20U;
/// LOGIN_NAME_MAX is 256: nothing longer is a name to anybody.
constexpr std::size_t kMaxLookedUpBytes = 256;

/// getpwnam_r(3), getgrnam_r(3): grows the buffer until the entry fits.
template <class Entry, class Lookup>
AccountDatabase::Found look_up(Lookup lookup, const std::string& name, Entry& entry,
                               std::vector<char>& buffer) {
    buffer.resize(2048);
    for (;;) {
        Entry* found = nullptr;
        const int error = lookup(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
        if (error == EINTR) {
            continue;
        }
        if (error == ERANGE && buffer.size() < kMaxEntryBytes) {
            buffer.resize(buffer.size() * 4);
            continue;
        }
        // The manual allows ENOENT and others for "not found"; glibc gives 0 then, and ENOENT when
        // a source is broken.
        if (error != 0) {
            return AccountDatabase::Found::Error;
        }
        return found != nullptr ? AccountDatabase::Found::Yes : AccountDatabase::Found::No;
    }
}

} // namespace

AccountDatabase::User SystemAccounts::user(const std::string& name) const {
    passwd entry{};
    std::vector<char> buffer;
    User result;
    result.found = look_up(::getpwnam_r, name, entry, buffer);
    if (result.found == Found::Yes) {
        result.name = entry.pw_name;
        result.uid = entry.pw_uid;
        result.gid = entry.pw_gid;
    }
    return result;
}

AccountDatabase::Group SystemAccounts::group(const std::string& name) const {
    ::group entry{};
    std::vector<char> buffer;
    Group result;
    result.found = look_up(::getgrnam_r, name, entry, buffer);
    if (result.found == Found::Yes) {
        result.gid = entry.gr_gid;
    }
    return result;
}

bool SystemAccounts::is_member(const std::string& name, const User& user, gid_t group) const {
    std::vector<gid_t> groups(64);
    for (;;) {
        int count = static_cast<int>(groups.size());
        if (::getgrouplist(name.c_str(), user.gid, groups.data(), &count) >= 0) {
            groups.resize(static_cast<std::size_t>(count));
            return std::find(groups.begin(), groups.end(), group) != groups.end();
        }
        if (count <= static_cast<int>(groups.size()) || groups.size() >= 65536) { // NGROUPS_MAX
            return false;
        }
        groups.resize(static_cast<std::size_t>(count));
    }
}

OwnershipDecision decide_ownership(const std::string& user, const Options& options,
                                   const AccountDatabase& accounts) {
    using Found = AccountDatabase::Found;
    const auto named = [&](const std::string& name) { return name == user; };
    if (std::any_of(options.exempt_users.begin(), options.exempt_users.end(), named)) {
        return {Ownership::NotOurs, "exempt_user"};
    }
    // What NSS knows comes first: names of a directory, EX\carol, need not obey our grammar. It
    // guards what is sent to the daemon, and refuses only who would be ours.
    const bool is_valid = is_valid_user_name(user);
    if (user.empty() || user.size() > kMaxLookedUpBytes) {
        return {Ownership::Refused, "user name refused"};
    }
    const AccountDatabase::User entry = accounts.user(user);
    if (entry.found == Found::Error) {
        return {Ownership::LookupFailed, "user lookup failed"};
    }
    if (entry.found == Found::No && !is_valid) {
        return {Ownership::Refused, "user name refused"};
    }
    if (entry.found == Found::No) {
        return {Ownership::Unknown, "unknown user", contract::kUnsetId};
    }
    if (entry.uid == 0) {
        return {Ownership::NotOurs, "uid 0"};
    }
    if (entry.uid < options.minimum_uid) {
        return {Ownership::NotOurs, "uid below minimum_uid"};
    }
    if (entry.uid > options.maximum_uid) {
        return {Ownership::NotOurs, "uid above maximum_uid"};
    }
    bool uncertain = false;
    for (const std::string& name : options.exempt_groups) {
        const AccountDatabase::Group group = accounts.group(name);
        if (group.found == Found::Yes && accounts.is_member(user, entry, group.gid)) {
            return {Ownership::NotOurs, "exempt_group " + sanitise(name)};
        }
        uncertain = uncertain || group.found == Found::Error;
    }
    if (uncertain) {
        return {Ownership::LookupFailed, "group lookup failed"};
    }
    if (!is_valid) {
        return {Ownership::Refused, "user name refused"};
    }
    if (!is_valid_user_name(entry.name)) {
        return {Ownership::Refused, "user name refused"};
    }
    return {Ownership::Ours, {}, entry.uid, entry.name};
}

} // namespace raxauth::pam
