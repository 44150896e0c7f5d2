// SPDX-License-Identifier: Apache-2.0
#include "cli/local_people.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <set>
#include <shadow.h>
#include <system_error>
#include <unistd.h>

// One thread alone asks NSS here.
// NOLINTBEGIN(concurrency-mt-unsafe)
namespace raxauth::cli {
namespace {

struct CloseFile {
    void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};

/// "!" and "*" in front lock a password; "" is one that everybody knows.
bool is_password(const char* hash) {
    return hash != nullptr && hash[0] != '!' && hash[0] != '*';
}

bool has_keys_in(const std::string& home) {
    std::error_code error;
    return std::filesystem::file_size(home + "/.ssh/authorized_keys", error) > 0 && !error;
}

std::set<gid_t> exempt_groups(const settings::AccountSettings& accounts) {
    std::vector<std::string> names = accounts.exempt_groups;
    names.emplace_back(kExemptGroup);
    std::set<gid_t> ids;
    for (const std::string& name : names) {
        if (const group* const found = ::getgrnam(name.c_str())) {
            ids.insert(found->gr_gid);
        }
    }
    return ids;
}

bool is_in(const passwd& user, const std::set<gid_t>& groups) {
    std::array<gid_t, 1024> own{};
    int count = static_cast<int>(own.size());
    if (::getgrouplist(user.pw_name, user.pw_gid, own.data(), &count) < 0) {
        return false;
    }
    return std::any_of(own.begin(), own.begin() + count,
                       [&](gid_t id) { return groups.contains(id); });
}

} // namespace

std::vector<LocalPerson> people_in_range(const settings::Settings& settings) {
    const settings::AccountSettings& accounts = settings.accounts;
    const std::set<gid_t> groups = exempt_groups(accounts);
    std::vector<LocalPerson> people;
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen("/etc/passwd", "re"));
    while (const passwd* const entry = file ? ::fgetpwent(file.get()) : nullptr) {
        if (entry->pw_uid < accounts.minimum_uid || entry->pw_uid > accounts.maximum_uid) {
            continue;
        }
        LocalPerson person;
        person.name = entry->pw_name;
        person.uid = entry->pw_uid;
        person.home = entry->pw_dir;
        person.exempt = std::find(accounts.exempt_users.begin(), accounts.exempt_users.end(),
                                  person.name) != accounts.exempt_users.end() ||
                        is_in(*entry, groups);
        person.has_keys = has_keys_in(person.home);
        if (const spwd* const shadow = ::getspnam(person.name.c_str())) {
            person.has_password = is_password(shadow->sp_pwdp);
            const long today = static_cast<long>(std::time(nullptr) / 86400);
            person.is_expired = shadow->sp_expire > 0 && shadow->sp_expire <= today;
        }
        people.push_back(std::move(person));
    }
    std::sort(people.begin(), people.end(),
              [](const LocalPerson& a, const LocalPerson& b) { return a.uid < b.uid; });
    return people;
}

std::vector<LocalPerson> people_managed(const settings::Settings& settings) {
    std::vector<LocalPerson> people = people_in_range(settings);
    std::erase_if(people, [](const LocalPerson& person) { return person.exempt; });
    return people;
}

bool root_has_a_way_in() {
    const spwd* const shadow = ::getspnam("root");
    return ::geteuid() != 0 || (shadow != nullptr && is_password(shadow->sp_pwdp)) ||
           has_keys_in("/root");
}

} // namespace raxauth::cli
// NOLINTEND(concurrency-mt-unsafe)
